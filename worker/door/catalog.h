/*
 * catalog.h - GET /v1/models and /v1/models/{id}: what can be asked for, as one object that is both
 * Anthropic's and OpenAI's (both SDKs iterate data[].id and ignore the other's members). Worker.
 * Sources: platform.claude.com/docs/en/api/models-list,
 *          platform.openai.com/docs/api-reference/models
 */
#ifndef WORKER_DOOR_CATALOG_H
#define WORKER_DOOR_CATALOG_H

#include "worker/turn/turn.h"

/* Query: limit (1..1000; 20 by default, all for OpenAI callers), after_id, before_id. */
enum verdict catalog_list(struct exchange *x);
/* Any name that models_choose accepts and the key may use; else 404. Neither tells an ARN. */
enum verdict catalog_one(struct exchange *x);

#endif
