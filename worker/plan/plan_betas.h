/*
 * plan_betas.h - the anthropic_beta values of a plan: gathered from header, body and "[1m]",
 * judged by the rules (worker/model/betas.h), named when they do not go on. Part of plan_make.
 */
#ifndef WORKER_PLAN_PLAN_BETAS_H
#define WORKER_PLAN_PLAN_BETAS_H

#include "worker/plan/plan.h"

void plan_betas(struct plan *p);
/* INVALID: a tool whose beta does not go on; without that of tool search the model is one that has
 * none. After plan_cure. */
MUST_CHECK enum status plan_betas_tools(struct plan *p, struct err *err);

#endif
