/*
 * edits.h - changes to a JSON text as a list of (start, end, replacement) over the original bytes,
 * applied in one copy. What no edit names stays the client's bytes.
 *
 * An edit inside the span of a larger one is swallowed by it, so a part may be edited before it is
 * known whether the whole is dropped. Two edits never overlap in part: an assertion guards it.
 * Memory is the arena's; running out is remembered and told by edits_apply. Pure.
 */
#ifndef WORKER_DIALECT_EDITS_H
#define WORKER_DIALECT_EDITS_H

#include "server/base/buf.h"
#include "server/json/scan.h"

struct edit {
    uint32_t start; /* offsets in the text; start == end inserts */
    uint32_t end;
    uint32_t order; /* of two insertions at one place the earlier call comes first */
    struct str text;
};

struct edits {
    const struct scan *scan;
    struct edit *edit;
    uint32_t n;
    uint32_t room;
    bool failed;
};

void edits_init(struct edits *e, const struct scan *s); /* allocates nothing */

void edits_replace(struct edits *e, uint32_t start, uint32_t end, struct str text);
void edits_value(struct edits *e, scan_ref value, struct str json); /* a whole value */
void edits_before(struct edits *e, scan_ref value, struct str text);
void edits_after(struct edits *e, scan_ref value, struct str text);
void edits_inside(struct edits *e, scan_ref container, struct str text); /* after its { or [ */

/* Drops the elements or members for which drop() says yes, with the right commas. Returns how many
 * stay. Once for each container: two passes would not know of each other's commas. */
uint32_t edits_filter(struct edits *e, scan_ref container,
                      bool (*drop)(void *ctx, scan_ref key, scan_ref value), void *ctx);

/* First and last+1 byte of a value in the text. */
uint32_t edits_start(const struct scan *s, scan_ref value);
uint32_t edits_end(const struct scan *s, scan_ref value);

/* TOO_LARGE when the result passes out's maximum, INTERNAL when memory ran out. */
MUST_CHECK enum status edits_apply(struct edits *e, struct buf *out, struct err *err);

#endif
