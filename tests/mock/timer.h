/*
 * timer.h - a binary heap of deadlines; a timer is a member of its owner and knows its place.
 */
#ifndef MOCK_TIMER_H
#define MOCK_TIMER_H

#include "server/base/text.h"

struct timer {
    uint64_t due_ns; /* monotonic */
    size_t place;    /* 1-based index in the heap; 0: not set */
};

struct timer_heap { /* all zero: empty */
    struct timer **slot;
    size_t n, cap;
};

void timer_set(struct timer_heap *h, struct timer *t, uint64_t due_ns); /* again: moves it */
void timer_cancel(struct timer_heap *h, struct timer *t);
bool timer_first(const struct timer_heap *h, uint64_t *due_ns_out);
/* The first one that is due, no longer set; NULL when none is. */
struct timer *timer_take(struct timer_heap *h, uint64_t now_ns);
void timer_free(struct timer_heap *h);

#endif
