#include "worker/turn/turn.h"

/* The driver stands above the steps: it is lent by the worker. */
void turn_wake(struct exchange *x)
{
    x->worker->wake(x);
}

void turn_link(struct exchange *x)
{
    struct worker *w = x->worker;
    x->next = w->exchanges;
    if (x->next) {
        x->next->prev = x;
    }
    w->exchanges = x;
    w->exchange_count++;
}

void turn_unlink(struct exchange *x)
{
    struct worker *w = x->worker;
    if (x->caller.ticket) {
        LIST_REMOVE(x, asking);
    }
    if (x->prev) {
        x->prev->next = x->next;
    } else {
        w->exchanges = x->next;
    }
    if (x->next) {
        x->next->prev = x->prev;
    }
    w->exchange_count--;
}
