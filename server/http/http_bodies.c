#include "server/http/http_bodies.h"

#include <assert.h>

#include "server/base/arena.h"

struct http_share {
    uint64_t holder;
    size_t held;
    uint32_t bodies;
    struct http_share *next; /* in the same row */
};

enum { KEPT_FOR_SMALL = 8 }; /* one part in so many */

/* Holders are parts of digests: their low bits are as good as any. */
static size_t row_of(uint64_t holder)
{
    return holder % HTTP_BODIES_ROWS;
}

static struct http_share *find(const struct http_bodies *b, uint64_t holder)
{
    struct http_share *share = b->shares[row_of(holder)];
    while (share && share->holder != holder) {
        share = share->next;
    }
    return share;
}

static enum status busy(struct err *err)
{
    return err_set(err, STATUS_BUSY, "too many request bodies are held at the moment");
}

enum status http_bodies_ask(const struct http_bodies *b, size_t max, const struct http_hold *h,
                            uint64_t n, struct err *err)
{
    if (max == 0) {
        return STATUS_OK;
    }
    uint64_t size = h->n + n > h->expected ? h->n + n : h->expected;
    uint64_t room = size <= HTTP_BODIES_SMALL ? max : max - max / KEPT_FOR_SMALL;
    uint64_t all = b->held + n;
    if (all > room || n > room) { /* the latter: all may have wrapped */
        return busy(err);
    }
    const struct http_share *share = h->share ? h->share : find(b, h->holder);
    uint32_t others = share ? share->bodies - (h->share != NULL) : 0;
    return others == 0 || share->held + n <= room - all ? STATUS_OK : busy(err);
}

/* The share of a holder, with one body more. NULL: no memory. */
static struct http_share *join(struct http_bodies *b, uint64_t holder)
{
    struct http_share *share = find(b, holder);
    if (!share) {
        share = heap_new(sizeof *share);
        if (!share) {
            return NULL;
        }
        share->holder = holder;
        share->next = b->shares[row_of(holder)];
        b->shares[row_of(holder)] = share;
    }
    share->bodies++;
    return share;
}

static void leave(struct http_bodies *b, struct http_share *share)
{
    assert(share->bodies > 0);
    if (--share->bodies > 0) {
        return;
    }
    assert(share->held == 0);
    struct http_share **at = &b->shares[row_of(share->holder)];
    while (*at != share) {
        at = &(*at)->next;
    }
    *at = share->next;
    heap_drop(share);
}

enum status http_bodies_take(struct http_bodies *b, size_t max, struct http_hold *h, size_t n,
                             struct err *err)
{
    enum status status = http_bodies_ask(b, max, h, n, err);
    if (status != STATUS_OK || n == 0) {
        return status;
    }
    if (!h->share) {
        h->share = join(b, h->holder);
    }
    if (!h->share) {
        return err_set(err, STATUS_BUSY, "no memory for the request body");
    }
    h->n += n;
    h->share->held += n;
    b->held += n;
    return STATUS_OK;
}

/* Without memory for another share the bytes stay where they are: only the reckoning is off. */
void http_bodies_move(struct http_bodies *b, struct http_hold *h, uint64_t holder)
{
    struct http_share *from = h->share;
    h->holder = holder;
    if (!from || from->holder == holder) {
        return;
    }
    struct http_share *to = join(b, holder);
    if (!to) {
        return;
    }
    from->held -= h->n;
    to->held += h->n;
    h->share = to;
    leave(b, from);
}

void http_bodies_give_back(struct http_bodies *b, struct http_hold *h)
{
    if (!h->share) {
        return;
    }
    b->held -= h->n;
    h->share->held -= h->n;
    h->n = 0;
    leave(b, h->share);
    h->share = NULL;
}
