#include "worker/dialect/tool_pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct id { /* of a tool_use or tool_result block */
    struct str text;
    uint32_t message; /* where it stands, for the message */
    uint32_t block;
};

struct turn { /* neighbouring messages of one role count as one; "system" messages stand outside */
    struct id *id;
    uint32_t n;
    bool assistant;
};

static int text_order(struct str x, struct str y)
{
    size_t n = x.n < y.n ? x.n : y.n;
    int d = n ? memcmp(x.p, y.p, n) : 0;
    return d ? d : (x.n > y.n) - (x.n < y.n);
}

/* Those of one text stay in the order in which they came. */
static int id_order(const void *a, const void *b)
{
    const struct id *x = a, *y = b;
    int d = text_order(x->text, y->text);
    if (d == 0) {
        d = (x->message > y->message) - (x->message < y->message);
    }
    return d ? d : (x->block > y->block) - (x->block < y->block);
}

struct table { /* of a turn's ids, sorted */
    const struct id *id;
    uint32_t n;
};

/* A sorted copy: thousands of calls in one turn must not cost n squared. false: no memory. */
static bool sorted(const struct scan *s, const struct turn *t, struct table *out)
{
    struct id *copy = arena_alloc(s->arena, (t->n + 1) * sizeof *copy);
    if (!copy) {
        return false;
    }
    if (t->n > 0) {
        memcpy(copy, t->id, t->n * sizeof *copy);
        qsort(copy, t->n, sizeof *copy, id_order);
    }
    *out = (struct table){copy, t->n};
    return true;
}

/* The first that does not come before text; after: that comes behind it. */
static uint32_t border(const struct table *t, struct str text, bool after)
{
    uint32_t from = 0, to = t->n;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (text_order(t->id[mid].text, text) < (after ? 1 : 0)) {
            from = mid + 1;
        } else {
            to = mid;
        }
    }
    return from;
}

static uint32_t count(const struct table *t, struct str text)
{
    return border(t, text, true) - border(t, text, false);
}

/* Results must answer calls of the turn before them. */
static enum status check_results(const struct table *calls, const struct turn *results,
                                 struct err *err)
{
    for (uint32_t i = 0; i < results->n; i++) {
        const struct id *r = &results->id[i];
        if (count(calls, r->text) == 0) {
            return err_set(
                err, STATUS_INVALID,
                "messages.%u.content.%u: unexpected `tool_use_id` found in `tool_result` "
                "blocks: %.*s. Each `tool_result` block must have a corresponding "
                "`tool_use` block in the previous message.",
                r->message, r->block, (int)(r->text.n < 64 ? r->text.n : 64), r->text.p);
        }
    }
    return STATUS_OK;
}

/* Fewer results than calls of this id, and it is the first of them. */
static bool is_short(const struct table *calls, const struct table *results, const struct id *call)
{
    const struct id *first = &calls->id[border(calls, call->text, false)];
    return first->message == call->message && first->block == call->block &&
           count(results, call->text) < count(calls, call->text);
}

/* Calls must be answered in the turn after them: two of one id twice, or the second one, which gets an
 * id of its own on its way, would be without. */
static enum status check_calls(const struct turn *calls, const struct table *sorted_calls,
                               const struct table *results, struct err *err)
{
    char list[80] = "";
    size_t len = 0;
    const struct id *first = NULL;
    for (uint32_t i = 0; i < calls->n; i++) {
        struct str id = calls->id[i].text;
        if (!is_short(sorted_calls, results, &calls->id[i])) {
            continue;
        }
        first = first ? first : &calls->id[i];
        if (len + id.n + 3 < sizeof list) {
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%.*s", len ? ", " : "",
                                    STR_ARG(id));
        }
    }
    if (!first) {
        return STATUS_OK;
    }
    return err_set(
        err, STATUS_INVALID,
        "messages.%u: `tool_use` ids were found without `tool_result` blocks immediately "
        "after: %s. Each `tool_use` block must have a corresponding `tool_result` block "
        "in the next message.",
        first->message, list);
}

static enum status check_turns(const struct scan *s, const struct turn *before,
                               const struct turn *after, struct err *err)
{
    static const struct turn nothing;
    const struct turn *calls = before->assistant ? before : &nothing;
    const struct turn *results = after->assistant ? &nothing : after;
    struct table sorted_calls, sorted_results;
    if (calls->n == 0 && results->n == 0) {
        return STATUS_OK;
    }
    if (!sorted(s, calls, &sorted_calls) || !sorted(s, results, &sorted_results)) {
        return err_no_memory(err);
    }
    enum status st = check_calls(calls, &sorted_calls, &sorted_results, err);
    return st == STATUS_OK ? check_results(&sorted_calls, results, err) : st;
}

/* Adds the ids of one message; room holds at least as many as the message has blocks. */
static void collect(const struct scan *s, scan_ref message, uint32_t index, struct turn *t)
{
    scan_ref content = SCAN_GET(s, message, "content");
    struct str type = t->assistant ? STR("tool_use") : STR("tool_result");
    struct str key = t->assistant ? STR("id") : STR("tool_use_id");
    uint32_t at = 0;
    if (scan_type(s, content) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT;
         b = scan_next(s, content, b), at++) {
        struct str id;
        if (!scan_text_is(s, SCAN_GET(s, b, "type"), type)) {
            continue;
        }
        id = scan_text(s, scan_get(s, b, key));
        if (id.p) {
            t->id[t->n++] = (struct id){id, index, at};
        }
    }
}

static size_t count_blocks(const struct scan *s, scan_ref messages)
{
    size_t n = 0;
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        n += scan_size(s, SCAN_GET(s, m, "content"));
    }
    return n;
}

enum status tool_pairs_check(const struct scan *s, scan_ref messages, struct err *err)
{
    struct id *room = arena_alloc(s->arena, (count_blocks(s, messages) + 1) * sizeof *room);
    struct turn before = {room, 0, false}, now = {room, 0, false}, none = {room, 0, false};
    enum status st = STATUS_OK;
    uint32_t i = 0;
    if (!room) {
        return err_no_memory(err);
    }
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT && st == STATUS_OK;
         m = scan_next(s, messages, m), i++) {
        scan_ref role = SCAN_GET(s, m, "role");
        bool assistant = SCAN_IS(s, role, "assistant");
        if (SCAN_IS(s, role, "system")) {
            continue;
        }
        if (assistant != now.assistant) {
            st = check_turns(s, &before, &now, err);
            before = now;
            now = (struct turn){now.id + now.n, 0, assistant};
        }
        collect(s, m, i, &now);
    }
    if (st == STATUS_OK) {
        st = check_turns(s, &before, &now, err);
    }
    return st == STATUS_OK ? check_turns(s, &now, &none, err) : st;
}
