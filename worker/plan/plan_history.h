/*
 * plan_history.h - what becomes of blocks of a history that only Anthropic's own service understands
 * (worker/dialect/history_text.h). Asked by the writers for each block that they do not know. Pure;
 * worker.
 */
#ifndef WORKER_PLAN_PLAN_HISTORY_H
#define WORKER_PLAN_PLAN_HISTORY_H

#include "worker/plan/plan.h"

/* KEEP: it is none of these, or the model has them, too. MAP: noted; *out is its text as it stands
 * between the quotes of a JSON string, in the arena. DROP: noted, it says nothing. REFUSE: no
 * memory. */
enum plan_verdict plan_history(struct plan *p, const struct scan *s, scan_ref block,
                               struct str *out);

#endif
