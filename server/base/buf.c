#include "server/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"

#define FIRST_CAP 256
#define STEADY \
    (16u * 1024) /* from here on by halves: what holds little more shall not cost twice */

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
    free(b->mem);
    buf_init(b, b->max);
}

void buf_allow(struct buf *b, size_t max)
{
    assert(max >= b->cap);
    b->max = max;
}

void buf_clear(struct buf *b)
{
    b->head = 0;
    b->n = 0;
    b->failed = false;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){buf_data(b), b->n};
}

/* Memory may be half again as big as max while bytes leave at the front: without that slack a
 * nearly full buffer would move all its bytes at every put. */
static size_t new_cap(const struct buf *b, size_t need)
{
    size_t limit = b->head > 0 ? b->max + b->max / 2 : b->max;
    size_t cap = b->cap > FIRST_CAP ? b->cap : FIRST_CAP;
    while (cap < need || cap == b->cap) {
        cap += cap < STEADY ? cap : cap / 2;
    }
    return cap < limit ? cap : limit;
}

/* Where nothing has left at the front the allocator may do without a copy. NULL: *b is as
 * it was. */
static char *moved(struct buf *b, size_t size)
{
    if (b->head == 0) {
        return realloc(b->mem, size);
    }
    char *mem = malloc(size);
    if (mem) {
        if (b->n > 0) {
            memcpy(mem, b->mem + b->head, b->n);
        }
        free(b->mem);
    }
    return mem;
}

/* One byte beyond cap is there for the NUL of vsnprintf. */
static bool move_to(struct buf *b, size_t cap)
{
    char *mem = heap_must_fail() ? NULL : moved(b, cap + 1);
    if (!mem) {
        return false;
    }
    b->mem = mem;
    b->cap = cap;
    b->head = 0;
    return true;
}

/* Moving pays when a quarter as many bytes have left as have to move (so each byte moves four times
 * at most), or when there is no more to get. */
static bool make_room(struct buf *b, size_t need)
{
    bool fits = b->mem && need <= b->cap;
    bool cheap = b->head >= b->n / 4;
    bool at_limit = b->cap >= b->max + b->max / 2;
    if (fits && (cheap || at_limit)) {
        memmove(b->mem, b->mem + b->head, b->n);
        b->head = 0;
        return true;
    }
    return move_to(b, new_cap(b, need));
}

static char *reserve_more(struct buf *b, size_t n)
{
    if (b->failed || n > b->max - b->n || !make_room(b, b->n + n)) {
        b->failed = true;
        return NULL;
    }
    return b->mem + b->head + b->n;
}

/* Most puts are of a few bytes, and find room for them. */
static inline char *reserve(struct buf *b, size_t n)
{
    bool there = !b->failed && b->mem && n <= b->max - b->n && n <= b->cap - b->head - b->n;
    return there ? b->mem + b->head + b->n : reserve_more(b, n);
}

char *buf_reserve(struct buf *b, size_t n)
{
    return reserve(b, n);
}

void buf_commit(struct buf *b, size_t n)
{
    assert(n <= b->max - b->n && n <= b->cap - b->head - b->n);
    b->n += n;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->n);
    b->n -= n;
    b->head = b->n > 0 ? b->head + n : 0;
}

void buf_trim(struct buf *b)
{
    size_t cap = b->n > FIRST_CAP ? b->n : FIRST_CAP;
    if (b->mem && b->cap > cap + cap / 4) {
        (void)move_to(b, cap);
    }
}

void buf_truncate(struct buf *b, size_t n)
{
    assert(n <= b->n);
    b->n = n;
    if (n == 0) {
        b->head = 0;
    }
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = n > 0 ? reserve(b, n) : NULL;
    if (to) {
        memcpy(to, p, n);
        b->n += n;
    }
}

void buf_put_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_put_char(struct buf *b, char c)
{
    char *to = reserve(b, 1);
    if (to) {
        *to = c;
        b->n++;
    }
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    buf_put(b, digits, text_put_u64(v, digits));
}

void buf_put_i64(struct buf *b, int64_t v)
{
    if (v < 0) {
        buf_put_char(b, '-');
    }
    buf_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    char *to = buf_reserve(b, (size_t)n);
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}
