/*
 * terms.h - step CONVERT's question: under which guardrail and in which project does this request
 * run, and what do AWS's invocation logs learn of it? The key's own words, else the settings'. Worker
 * only.
 */
#ifndef WORKER_TURN_TERMS_H
#define WORKER_TURN_TERMS_H

#include "worker/turn/turn.h"

/* Into attempt.terms; spans are the arena's or the settings'. UNAVAILABLE: the key's own cannot be
 * read, and a request goes never without its guardrail. */
MUST_CHECK enum status terms_find(struct exchange *x);

#endif
