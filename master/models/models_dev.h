/*
 * models_dev.h - the public table of models.dev (api.json): its models of the provider
 * amazon-bedrock. CLI; pure.
 * Source: github.com/anomalyco/models.dev, packages/core/src/schema.ts
 */
#ifndef MASTER_MODELS_MODELS_DEV_H
#define MASTER_MODELS_MODELS_DEV_H

#include <stdbool.h>
#include "master/models/sheet.h"

struct cJSON;

bool models_dev_is(const struct cJSON *doc); /* it has that form */
void models_dev_read(const struct cJSON *doc, struct sheet *sheet);

#endif
