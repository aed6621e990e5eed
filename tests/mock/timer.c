#include "tests/mock/timer.h"

#include <assert.h>

#include "server/base/arena.h"

static void put(struct timer_heap *h, size_t place, struct timer *t)
{
    h->slot[place - 1] = t;
    t->place = place;
}

static void sift_up(struct timer_heap *h, struct timer *t)
{
    size_t place = t->place;
    while (place > 1 && h->slot[place / 2 - 1]->due_ns > t->due_ns) {
        put(h, place, h->slot[place / 2 - 1]);
        place /= 2;
    }
    put(h, place, t);
}

static void sift_down(struct timer_heap *h, struct timer *t)
{
    size_t place = t->place;
    for (;;) {
        size_t child = place * 2;
        if (child > h->n)
            break;
        if (child < h->n && h->slot[child]->due_ns < h->slot[child - 1]->due_ns)
            child++;
        if (h->slot[child - 1]->due_ns >= t->due_ns)
            break;
        put(h, place, h->slot[child - 1]);
        place = child;
    }
    put(h, place, t);
}

void timer_set(struct timer_heap *h, struct timer *t, uint64_t due_ns)
{
    timer_cancel(h, t);
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 256;
        h->slot = heap_grow(h->slot, h->cap * sizeof *h->slot);
        assert(h->slot);
    }
    t->due_ns = due_ns;
    put(h, ++h->n, t);
    sift_up(h, t);
}

void timer_cancel(struct timer_heap *h, struct timer *t)
{
    if (t->place == 0)
        return;
    struct timer *last = h->slot[--h->n];
    if (last != t) {
        put(h, t->place, last);
        sift_up(h, last);
        sift_down(h, last);
    }
    t->place = 0;
}

bool timer_first(const struct timer_heap *h, uint64_t *due_ns_out)
{
    if (h->n == 0)
        return false;
    *due_ns_out = h->slot[0]->due_ns;
    return true;
}

struct timer *timer_take(struct timer_heap *h, uint64_t now_ns)
{
    if (h->n == 0 || h->slot[0]->due_ns > now_ns)
        return NULL;
    struct timer *t = h->slot[0];
    timer_cancel(h, t);
    return t;
}

void timer_free(struct timer_heap *h)
{
    heap_drop(h->slot);
    *h = (struct timer_heap){0};
}
