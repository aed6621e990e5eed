/*
 * endings.h - models that reach their end within 90 days, by the table of models in force: which of
 * them the settings, the mappings and the requests of today name. For check-config, the start of the
 * server, and `top`; a worker notes what was asked for.
 */
#ifndef WORKER_MODEL_ENDINGS_H
#define WORKER_MODEL_ENDINGS_H

#include <stdbool.h>
#include <stdint.h>
#include "server/base/text.h"
#include "server/config/config.h"
#include "shm/memory/segment.h"

/* Of ANTHROPIC_DEFAULT_*MODEL and DEFAULT_MODEL_MAPPING; fn gets a line each: "NAME: ID ends ...".
 * models_check has accepted c. */
void endings_configured(const struct config *c, int64_t now_ms,
                        void (*fn)(void *ctx, const char *text), void *ctx);
/* Of the mappings of a running server, and of what its clients have asked for. */
void endings_live(const struct segment *s, int64_t now_ms, void (*fn)(void *ctx, const char *text),
                  void *ctx);
/* A worker: a request for this id, which ends then (ending_at), is served. */
void endings_note(struct str id, int64_t ends_ms, int64_t now_ms);

#endif
