/*
 * places.h - for which models of its chain a request waits: a place each, from the first throttle on.
 *
 * One that refused for another reason is not waited for, and not asked again. A model that is being
 * loaded (ModelNotReadyException, for which AWS's SDKs try again, too) is waited for like one that is
 * throttled. Places are in the exchange's arena. Worker.
 */
#ifndef WORKER_MOVES_PLACES_H
#define WORKER_MOVES_PLACES_H

#include "worker/turn/turn.h"

/* May it wait at all? QUEUE_SECONDS, of what is paid for, and not while the worker drains. */
bool places_allowed(const struct exchange *x);
/* The next one behind p that is taken; p NULL: the first. NULL: there is none. */
struct waiting_place *places_next(const struct exchange *x, struct waiting_place *p);
/* It waits no longer for that one. */
void places_leave(struct exchange *x, struct waiting_place *p);

/* What has just failed was a throttle, or its like. */
bool places_throttled(const struct exchange *x);
/* The turn that it waited for is that of asked.model: it may be sent. */
bool places_turn(const struct exchange *x);
/* A step has failed, or asked.model is passed over: once, before anything else is made of it. */
void places_note(struct exchange *x);
/* It waits for this link of its chain, or need not ask it again. */
bool places_know(const struct exchange *x, uint32_t link);

#endif
