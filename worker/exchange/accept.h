/*
 * accept.h - this worker's part in the listener that all workers share: who takes the next connection,
 * who leaves it to a less busy one, and what happens when a worker has all the connections it may have
 * or no descriptor is left. Worker.
 */
#ifndef WORKER_EXCHANGE_ACCEPT_H
#define WORKER_EXCHANGE_ACCEPT_H

#include "worker/turn/context.h"

/* Connections get w->process.ops. Nothing is done when it listens already, or drains. */
void accept_join(struct worker *w);
/* A busier worker wants this one to listen. */
void accept_asked(struct worker *w);
/* For good, before it drains: what the kernel has queued is taken. */
void accept_end(struct worker *w);
/* How busy this worker is, for the others to see. */
void accept_publish(struct worker *w);

#endif
