/*
 * model_chain.h - what a name may stand for beside one model: a chain "A,B,C", whose next link answers
 * where the one before does not (models_follow). Pure; any process.
 */
#ifndef WORKER_MODEL_MODEL_CHAIN_H
#define WORKER_MODEL_MODEL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/text.h"

#define MODEL_CHAIN_MAX 4u

/* The next link of what is left, or all of what has no comma; empty: there is none. */
struct str model_chain_take(struct str *rest);
/* At most MODEL_CHAIN_MAX, all different, each good for fn. */
bool model_chain_check(struct str ids, bool (*fn)(const void *ctx, struct str id), const void *ctx);

#endif
