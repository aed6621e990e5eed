#include "worker/openai/chat_pairs.h"

#include <stdlib.h>
#include <string.h>

struct call {
    struct str id;
    uint32_t answers; /* to the calls of this id; at the first of them */
};

struct pairs {
    const struct scan *s;
    struct call *call; /* of the last assistant message, sorted by id */
    uint32_t n;
    bool legacy; /* it has a function_call that waits for its result */
};

static int call_order(const void *a, const void *b)
{
    struct str x = ((const struct call *)a)->id, y = ((const struct call *)b)->id;
    size_t n = x.n < y.n ? x.n : y.n;
    int d = n ? memcmp(x.p, y.p, n) : 0;
    return d ? d : (x.n > y.n) - (x.n < y.n);
}

static uint32_t most_calls(const struct scan *s, scan_ref messages)
{
    uint32_t most = 0;
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        uint32_t n =
            scan_size(s, SCAN_GET(s, m, "tool_calls")) + scan_size(s, SCAN_GET(s, m, "content"));
        most = n > most ? n : most;
    }
    return most;
}

/* The first of this id, or where it would stand. */
static uint32_t first_of(const struct pairs *p, struct str id)
{
    const struct call want = {.id = id};
    uint32_t from = 0, to = p->n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (call_order(&p->call[mid], &want) < 0) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

/* Before whatever is no answer. Calls that share an id want an answer each: on their way all but the
 * first get an id of their own. */
static enum status check_answered(const struct pairs *p, struct err *err)
{
    for (uint32_t i = 0, next; i < p->n; i = next) {
        for (next = i + 1; next < p->n && text_eq(p->call[next].id, p->call[i].id);) {
            next++;
        }
        if (p->call[i].answers < next - i) {
            return err_set(err, STATUS_INVALID,
                           "An assistant message with 'tool_calls' must be followed by tool "
                           "messages responding to each 'tool_call_id'. The following "
                           "tool_call_ids did not have response messages: %.*s",
                           (int)(p->call[i].id.n < 64 ? p->call[i].id.n : 64), p->call[i].id.p);
        }
    }
    if (p->legacy) {
        return err_set(err, STATUS_INVALID,
                       "An assistant message with 'function_call' must be followed by a message "
                       "of role 'function'.");
    }
    return STATUS_OK;
}

/* Anthropic's blocks inside content: some clients (Cursor) send both shapes. */
static scan_ref next_block(const struct scan *s, scan_ref m, scan_ref before, struct str type)
{
    scan_ref content = SCAN_GET(s, m, "content"), v = SCAN_ABSENT;
    if (scan_type(s, content) == SCAN_ARRAY) {
        v = before == SCAN_ABSENT ? scan_first(s, content) : scan_next(s, content, before);
    }
    while (v != SCAN_ABSENT && !scan_text_is(s, SCAN_GET(s, v, "type"), type)) {
        v = scan_next(s, content, v);
    }
    return v;
}

static enum status add_call(struct pairs *p, scan_ref id, const char *name, struct err *err)
{
    struct str text = scan_text(p->s, id);
    if (text.n == 0) {
        return err_set_param(err, ERR_FAULT_MISSING, name, "Missing required parameter: '%s'.",
                             name);
    }
    p->call[p->n++] = (struct call){text, 0};
    return STATUS_OK;
}

static enum status read_calls(struct pairs *p, scan_ref m, struct err *err)
{
    const struct scan *s = p->s;
    scan_ref calls = SCAN_GET(s, m, "tool_calls");
    p->n = 0;
    p->legacy = scan_type(s, SCAN_GET(s, m, "function_call")) == SCAN_OBJECT;
    enum status st = STATUS_OK;
    for (scan_ref c = scan_type(s, calls) == SCAN_ARRAY ? scan_first(s, calls) : SCAN_ABSENT;
         c != SCAN_ABSENT && st == STATUS_OK; c = scan_next(s, calls, c)) {
        st = add_call(p, SCAN_GET(s, c, "id"), "messages[].tool_calls[].id", err);
    }
    for (scan_ref v = next_block(s, m, SCAN_ABSENT, STR("tool_use"));
         v != SCAN_ABSENT && st == STATUS_OK; v = next_block(s, m, v, STR("tool_use"))) {
        st = add_call(p, SCAN_GET(s, v, "id"), "messages[].content[].id", err);
    }
    if (p->n > 0) {
        qsort(p->call, p->n, sizeof *p->call, call_order);
    }
    return st;
}

static enum status take_answer(struct pairs *p, scan_ref id, struct err *err)
{
    struct str want = scan_text(p->s, id);
    uint32_t at = want.p ? first_of(p, want) : p->n;
    if (at == p->n || !text_eq(p->call[at].id, want)) {
        return err_set(err, STATUS_INVALID,
                       "Invalid parameter: messages with role 'tool' must be a response to a "
                       "preceeding message with 'tool_calls'.");
    }
    p->call[at].answers++;
    return STATUS_OK;
}

static enum status take_function(struct pairs *p, struct err *err)
{
    if (!p->legacy) {
        return err_set(err, STATUS_INVALID,
                       "Invalid parameter: messages with role 'function' must be a response to a "
                       "preceeding message with 'function_call'.");
    }
    p->legacy = false;
    return STATUS_OK;
}

static enum status take_message(struct pairs *p, scan_ref m, struct err *err)
{
    scan_ref role = SCAN_GET(p->s, m, "role");
    if (SCAN_IS(p->s, role, "tool")) {
        return take_answer(p, SCAN_GET(p->s, m, "tool_call_id"), err);
    }
    scan_ref block = SCAN_IS(p->s, role, "user")
                         ? next_block(p->s, m, SCAN_ABSENT, STR("tool_result"))
                         : SCAN_ABSENT;
    if (block != SCAN_ABSENT) {
        enum status st = STATUS_OK;
        for (; block != SCAN_ABSENT && st == STATUS_OK;
             block = next_block(p->s, m, block, STR("tool_result"))) {
            st = take_answer(p, SCAN_GET(p->s, block, "tool_use_id"), err);
        }
        return st;
    }
    if (SCAN_IS(p->s, role, "function")) {
        return take_function(p, err);
    }
    if (SCAN_IS(p->s, role, "system") || SCAN_IS(p->s, role, "developer")) {
        return STATUS_OK; /* may stand between a call and its answer */
    }
    enum status st = check_answered(p, err);
    p->n = 0; /* an answer that comes later answers nothing */
    return st == STATUS_OK && SCAN_IS(p->s, role, "assistant") ? read_calls(p, m, err) : st;
}

enum status chat_pairs_check(const struct scan *s, scan_ref messages, struct err *err)
{
    struct pairs p = {.s = s};
    enum status st = STATUS_OK;
    p.call = arena_alloc(s->arena, (most_calls(s, messages) + 1) * sizeof *p.call);
    if (!p.call) {
        return err_no_memory(err);
    }
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT && st == STATUS_OK;
         m = scan_next(s, messages, m)) {
        st = take_message(&p, m, err);
    }
    return st == STATUS_OK ? check_answered(&p, err) : st;
}
