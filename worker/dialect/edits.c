#include "worker/dialect/edits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void edits_init(struct edits *e, const struct scan *s)
{
    *e = (struct edits){.scan = s};
}

/* The old array stays in the arena as waste: at most as much again as the list itself. */
static bool make_room(struct edits *e)
{
    if (e->n < e->room) {
        return true;
    }
    uint32_t room = e->room ? e->room * 2 : 32;
    struct edit *bigger = arena_alloc(e->scan->arena, room * sizeof *bigger);
    if (!bigger) {
        e->failed = true;
        return false;
    }
    if (e->n > 0) {
        memcpy(bigger, e->edit, e->n * sizeof *bigger);
    }
    e->edit = bigger;
    e->room = room;
    return true;
}

void edits_replace(struct edits *e, uint32_t start, uint32_t end, struct str text)
{
    assert(start <= end && end <= e->scan->text.n);
    if (!make_room(e)) {
        return;
    }
    e->edit[e->n] = (struct edit){start, end, e->n, text};
    e->n++;
}

uint32_t edits_start(const struct scan *s, scan_ref value)
{
    assert(value < s->count);
    return s->node[value].at;
}

uint32_t edits_end(const struct scan *s, scan_ref value)
{
    return s->node[value].at + s->node[value].len;
}

void edits_value(struct edits *e, scan_ref value, struct str json)
{
    edits_replace(e, edits_start(e->scan, value), edits_end(e->scan, value), json);
}

void edits_before(struct edits *e, scan_ref value, struct str text)
{
    uint32_t at = edits_start(e->scan, value);
    edits_replace(e, at, at, text);
}

void edits_after(struct edits *e, scan_ref value, struct str text)
{
    uint32_t at = edits_end(e->scan, value);
    edits_replace(e, at, at, text);
}

void edits_inside(struct edits *e, scan_ref container, struct str text)
{
    uint32_t at = edits_start(e->scan, container) + 1;
    edits_replace(e, at, at, text);
}

static uint32_t member_start(const struct scan *s, scan_ref container, scan_ref value)
{
    bool object = scan_type(s, container) == SCAN_OBJECT;
    return edits_start(s, object ? scan_key(s, value) : value);
}

/*
 * Which comma goes: once something before it stays, a dropped part takes the comma in front of it
 * (from the end of the part before); until then the one behind it (up to the start of the next
 * part).
 */
uint32_t edits_filter(struct edits *e, scan_ref container,
                      bool (*drop)(void *ctx, scan_ref key, scan_ref value), void *ctx)
{
    const struct scan *s = e->scan;
    bool object = scan_type(s, container) == SCAN_OBJECT;
    uint32_t kept = 0;
    scan_ref before = SCAN_ABSENT, next;
    for (scan_ref v = scan_first(s, container); v != SCAN_ABSENT; before = v, v = next) {
        next = scan_next(s, container, v);
        if (!drop(ctx, object ? scan_key(s, v) : SCAN_ABSENT, v)) {
            kept++;
        } else if (kept > 0) {
            edits_replace(e, edits_end(s, before), edits_end(s, v), STR(""));
        } else {
            edits_replace(e, member_start(s, container, v),
                          next == SCAN_ABSENT ? edits_end(s, v) : member_start(s, container, next),
                          STR(""));
        }
    }
    return kept;
}

/* By place; at one place insertions come first, then the larger cut before what it swallows. */
static int edit_order(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    bool x_inserts = x->end == x->start, y_inserts = y->end == y->start;
    if (x_inserts != y_inserts) {
        return x_inserts ? -1 : 1;
    }
    if (x->end != y->end) {
        return x->end > y->end ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorts, throws away what is swallowed, returns the length of the result. */
static uint64_t settle(struct edits *e)
{
    uint64_t total = e->scan->text.n;
    uint32_t done = 0, kept = 0;
    if (e->n > 0) {
        qsort(e->edit, e->n, sizeof *e->edit, edit_order);
    }
    for (uint32_t i = 0; i < e->n; i++) {
        struct edit *x = &e->edit[i];
        if (x->start < done) {
            assert(x->end <= done);
            continue;
        }
        done = x->end;
        total += x->text.n;
        total -= x->end - x->start;
        e->edit[kept++] = *x;
    }
    e->n = kept;
    return total;
}

enum status edits_apply(struct edits *e, struct buf *out, struct err *err)
{
    uint64_t total = settle(e);
    uint32_t at = 0;
    if (!e->failed && buf_len(out) + total > out->max) {
        return err_set(err, STATUS_TOO_LARGE, "request exceeds the maximum size of %zu bytes",
                       out->max);
    }
    char *room = e->failed ? NULL : buf_reserve(out, total);
    if (!room) {
        return err_no_memory(err);
    }
    for (uint32_t i = 0; i <= e->n; i++) {
        bool last = i == e->n;
        uint32_t until = last ? (uint32_t)e->scan->text.n : e->edit[i].start;
        if (until > at) {
            room = mempcpy(room, e->scan->text.p + at, until - at);
        }
        if (last) {
            break;
        }
        if (e->edit[i].text.n > 0) {
            room = mempcpy(room, e->edit[i].text.p, e->edit[i].text.n);
        }
        at = e->edit[i].end;
    }
    buf_commit(out, total);
    return STATUS_OK;
}
