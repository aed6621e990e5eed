/*
 * converse_settings.h - the part of a Converse body behind the messages: inferenceConfig, what the
 * model knows under its own names (additionalModelRequestFields), outputConfig, serviceTier. Both
 * request converters fill a wish; what the model takes of it is decided here. Pure; worker.
 * Sources: API_runtime_InferenceConfiguration, API_runtime_OutputConfig,
 *     platform.claude.com/docs/en/build-with-claude/{extended-thinking,adaptive-thinking,effort}
 */
#ifndef WORKER_CONVERSE_CONVERSE_SETTINGS_H
#define WORKER_CONVERSE_CONVERSE_SETTINGS_H

#include "worker/converse/converse_build.h"
#include "worker/dialect/wish.h"

/* Room for this many stop sequences, then one by one: JSON strings with their quotes. Blank ones,
 * which Claude refuses, are dropped. */
void converse_settings_stops(struct converse_build *b, struct wish *s, size_t most);
void converse_settings_stop(struct converse_build *b, struct wish *s, struct str raw);

void converse_settings_put(struct converse_build *b, struct wish *s);

/* Structured output for models that have no such thing: the wish in words, at the end of the system
 * prompt. schema: a JSON object, or empty for "any JSON object". */
void converse_settings_ask_json(struct converse_build *b, struct str schema);

#endif
