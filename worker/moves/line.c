#include "worker/moves/line.h"

#include <assert.h>

#include "server/base/clock.h"
#include "worker/moves/reach.h"

/* From the end: a newcomer is behind most. */
void line_in(struct worker *w, struct waiting_place *p)
{
    uint32_t gate = p->ticket.gate;
    struct waiting_place *before = w->waiters.line[gate].last;
    assert(p->joined && !p->in_line);
    while (before && before->ticket.tag > p->ticket.tag) {
        before = before->prev;
    }
    struct waiting_place *after = before ? before->next : w->waiters.line[gate].first;
    p->prev = before;
    p->next = after;
    *(before ? &before->next : &w->waiters.line[gate].first) = p;
    *(after ? &after->prev : &w->waiters.line[gate].last) = p;
    w->waiters.line[gate].n++;
    p->in_line = true;
}

void line_out(struct worker *w, struct waiting_place *p)
{
    uint32_t gate = p->ticket.gate;
    assert(p->in_line);
    *(p->prev ? &p->prev->next : &w->waiters.line[gate].first) = p->next;
    *(p->next ? &p->next->prev : &w->waiters.line[gate].last) = p->prev;
    p->prev = p->next = NULL;
    w->waiters.line[gate].n--;
    p->in_line = false;
}

struct waiting_place *line_first(const struct worker *w, uint32_t gate)
{
    struct waiting_place *first = NULL;
    uint64_t now_ms = clock_mono_ms(), least = UINT64_MAX;
    for (struct waiting_place *p = w->waiters.line[gate].first; p; p = p->next) {
        uint64_t tag = turns_tag(w->segment, &p->ticket);
        if (tag < least && !reach_is_shut(w, &p->reach, now_ms)) {
            first = p;
            least = tag;
        }
        if (first && least == first->ticket.tag) { /* not aside: those behind are later */
            break;
        }
    }
    return first;
}

static bool is_late(const struct exchange *x, uint64_t now_ms)
{
    return x->waiting.until_ms <= now_ms ||
           (!x->outcome.begun && x->waiting.client_until_ms <= now_ms);
}

struct waiting_place *line_late(const struct worker *w, uint32_t gate)
{
    uint64_t now_ms = clock_mono_ms();
    struct waiting_place *p = w->waiters.line[gate].first; /* which is by turns, so all are asked */
    while (p && !is_late(p->x, now_ms)) {
        p = p->next;
    }
    return p;
}

struct waiting_place *line_lost(const struct worker *w, uint32_t gate)
{
    struct waiting_place *p = w->waiters.line[gate].first;
    while (p && turns_valid(w->segment, &p->ticket)) {
        p = p->next;
    }
    return p;
}

struct exchange *line_greedy(const struct worker *w, uint64_t *ahead_out)
{
    struct exchange *most = NULL;
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        const struct waiting_place *p = w->waiters.line[gate].last;
        uint64_t ahead = p ? turns_ahead(w->segment, &p->ticket) : 0;
        if (p && (!most || ahead > *ahead_out)) {
            most = p->x;
            *ahead_out = ahead;
        }
    }
    return most;
}

void line_show(struct worker *w, uint32_t gate)
{
    const struct waiting_place *first = line_first(w, gate);
    turns_show(w->segment, w->slot, gate, first ? turns_tag(w->segment, &first->ticket) : 0,
               w->waiters.line[gate].n, clock_mono_ms());
}
