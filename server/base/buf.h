/*
 * buf.h - growable bytes with a compulsory maximum.
 *
 * Bytes are appended at the end and consumed from the front (both amortised O(1)). Passing the
 * maximum or running out of memory sets the sticky flag: later puts do nothing, so a writer may
 * chain puts and check buf_ok once. The struct is open only so that it can be a member; use the
 * functions. The owner calls buf_free.
 */
#ifndef SERVER_BASE_BUF_H
#define SERVER_BASE_BUF_H

#include "server/base/text.h"

struct buf {
    char *mem;
    size_t head; /* first live byte */
    size_t n;    /* live bytes */
    size_t cap;
    size_t max; /* of n */
    bool failed;
};

void buf_init(struct buf *b, size_t max);  /* allocates nothing */
void buf_free(struct buf *b);              /* back to the state after buf_init */
void buf_allow(struct buf *b, size_t max); /* another maximum, not below what is there */
void buf_clear(struct buf *b);             /* forgets bytes and the flag, keeps the memory */

/* NULL before the first put */
static inline char *buf_data(const struct buf *b)
{
    return b->mem ? b->mem + b->head : NULL;
}
static inline size_t buf_len(const struct buf *b)
{
    return b->n;
}
static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}
struct str buf_str(const struct buf *b); /* valid until the next put, reserve or consume */

void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_str(struct buf *b, struct str s);
void buf_put_char(struct buf *b, char c);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define BUF_LIT(b, literal) buf_put((b), literal, sizeof(literal) - 1)

/* Room for n more bytes at the end, to be filled and then committed; NULL sets the flag. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n);  /* from the front */
void buf_truncate(struct buf *b, size_t n); /* keep the first n bytes */
void buf_trim(struct buf *b);               /* gives memory back that the bytes do not need */

#endif
