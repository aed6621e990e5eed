/*
 * plan_thinking.h - thinking and effort of a wish in the words of the model that is to think:
 * Claude's budgets, the levels of the others; and what of sampling does not go with it. Part of
 * plan_make, after the tools and the length.
 * Sources: platform.claude.com/docs/en/build-with-claude/{extended-thinking,adaptive-thinking,effort}
 */
#ifndef WORKER_PLAN_PLAN_THINKING_H
#define WORKER_PLAN_PLAN_THINKING_H

#include "worker/plan/plan.h"

void plan_thinking(struct plan *p);
/* A writer has found that the thought with which the turn that is to go on began is lost: a model that
 * thinks by budget would refuse the turn. */
void plan_thinking_unreasoned(struct plan *p);

#endif
