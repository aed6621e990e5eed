/*
 * litellm.h - LiteLLM's public table (model_prices_and_context_window.json): which of its entries
 * are text models of Bedrock, and what they say. CLI; pure.
 * Source: github.com/BerriAI/litellm, model_prices_and_context_window.schema.json
 */
#ifndef MASTER_MODELS_LITELLM_H
#define MASTER_MODELS_LITELLM_H

#include <stdbool.h>
#include "master/models/sheet.h"

struct cJSON;

bool litellm_is(const struct cJSON *doc); /* it has that form */
void litellm_read(const struct cJSON *doc, struct sheet *sheet);

#endif
