/*
 * plan_cure.h - what is left out of a request because Bedrock has refused it: in an earlier attempt,
 * or of another request to the model, which is remembered (shm/memory/learned.h). It changes what
 * the model is taken to take, so that the rest of the plan goes on as for a model whose row in the
 * table says so.
 *
 * Remembered is a thing by the *shape* of the request: the model, the way to it, the betas, how it
 * is to think, with what effort, whether there are tools, a forced call, a format. What a client
 * asks in an odd shape teaches nothing about others.
 */
#ifndef WORKER_PLAN_PLAN_CURE_H
#define WORKER_PLAN_PLAN_CURE_H

#include "worker/plan/plan.h"

/* After plan_betas, before all that is judged by what the model takes. BUSY: no memory. */
MUST_CHECK enum status plan_cure(struct plan *p, struct err *err);

#endif
