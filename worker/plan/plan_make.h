/*
 * plan_make.h - a wish, what the model takes and the options become a plan. Pure; worker.
 */
#ifndef WORKER_PLAN_PLAN_MAKE_H
#define WORKER_PLAN_PLAN_MAKE_H

#include "worker/plan/plan.h"

/* arena, options and changes must outlive the plan. INVALID: the request cannot be served by this
 * model, or a field is of a wrong form (named in the dialect's words); BUSY: no memory. */
MUST_CHECK enum status plan_make(struct plan *p, const struct wish *wish,
                                 const struct plan_options *o, struct arena *arena,
                                 struct buf *changes, struct err *err);

#endif
