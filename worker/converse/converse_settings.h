/*
 * converse_settings.h - the part of a Converse body behind the messages: inferenceConfig, what the
 * model knows under its own names (additionalModelRequestFields), outputConfig, serviceTier; and
 * what is said in words instead. The plan has decided; here its values become members. Pure;
 * worker. Sources: API_runtime_InferenceConfiguration, API_runtime_OutputConfig
 */
#ifndef WORKER_CONVERSE_CONVERSE_SETTINGS_H
#define WORKER_CONVERSE_CONVERSE_SETTINGS_H

#include "worker/converse/converse_build.h"

/* At the end of the system prompt: what the model has no field for. */
void converse_settings_put_words(struct converse_build *b);
/* After the messages. */
void converse_settings_put(struct converse_build *b);

#endif
