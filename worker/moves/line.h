/*
 * line.h - who of this worker waits at a gate (shm/memory/turns.h), by tag, and who of them is next.
 * A request may stand in several lines, one a model of its chain. Nothing is owned: a place is the
 * exchange's. Worker.
 */
#ifndef WORKER_MOVES_LINE_H
#define WORKER_MOVES_LINE_H

#include "worker/turn/turn.h"

void line_in(struct worker *w, struct waiting_place *p); /* which has a ticket */
void line_out(struct worker *w, struct waiting_place *p);
/* Of the line of a gate: who may try before the others; NULL: nobody could go. */
struct waiting_place *line_first(const struct worker *w, uint32_t gate);
/* Those whose time is over; NULL: none. */
struct waiting_place *line_late(const struct worker *w, uint32_t gate);
/* One whose gate is another model's by now; NULL: none. */
struct waiting_place *line_lost(const struct worker *w, uint32_t gate);
/* Of all lines the request that is most turns ahead, and how many. NULL: none waits. */
struct exchange *line_greedy(const struct worker *w, uint64_t *ahead_out);
/* What the others of the gate shall see of it; at least once a tick while it is not empty. */
void line_show(struct worker *w, uint32_t gate);

#endif
