#include "worker/dialect/chat_pairs.h"

#include <stdlib.h>
#include <string.h>

struct call {
    struct str id;
    bool answered;
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
        uint32_t n = scan_size(s, SCAN_GET(s, m, "tool_calls"));
        most = n > most ? n : most;
    }
    return most;
}

/* Before whatever is no answer. */
static enum status check_answered(const struct pairs *p, struct err *err)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if (!p->call[i].answered) {
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

static enum status read_calls(struct pairs *p, scan_ref m, struct err *err)
{
    const struct scan *s = p->s;
    scan_ref calls = SCAN_GET(s, m, "tool_calls");
    p->n = 0;
    p->legacy = scan_type(s, SCAN_GET(s, m, "function_call")) == SCAN_OBJECT;
    if (scan_type(s, calls) != SCAN_ARRAY) {
        return STATUS_OK;
    }
    for (scan_ref c = scan_first(s, calls); c != SCAN_ABSENT; c = scan_next(s, calls, c)) {
        struct str id = scan_text(s, SCAN_GET(s, c, "id"));
        if (id.n == 0) {
            return err_set_param(err, ERR_FAULT_MISSING, "messages[].tool_calls[].id",
                                 "Missing required parameter: 'messages[].tool_calls[].id'.");
        }
        p->call[p->n++] = (struct call){id, false};
    }
    if (p->n > 0) {
        qsort(p->call, p->n, sizeof *p->call, call_order);
    }
    return STATUS_OK;
}

static enum status take_answer(struct pairs *p, scan_ref m, struct err *err)
{
    struct call want = {.id = scan_text(p->s, SCAN_GET(p->s, m, "tool_call_id"))};
    struct call *found =
        p->n > 0 && want.id.p ? bsearch(&want, p->call, p->n, sizeof want, call_order) : NULL;
    if (!found) {
        return err_set(err, STATUS_INVALID,
                       "Invalid parameter: messages with role 'tool' must be a response to a "
                       "preceeding message with 'tool_calls'.");
    }
    found->answered = true;
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
        return take_answer(p, m, err);
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
