/*
 * native_responses.h - a Responses request for Bedrock's own Responses, which some models have (the word
 * native_responses of the table of models). It passes as it is, but for the model's id, `store`, the tools
 * and fields that are refused there, and thoughts that are not of that service. What is not known to be
 * taken there does not fit, and goes by Converse. Pure; worker.
 * Sources: AWS userguide, inference-responses-api; litellm 1.110.2, llms/bedrock/responses and
 * base_llm/responses/codex_compat (tried against the service)
 */
#ifndef WORKER_OPENAI_NATIVE_RESPONSES_H
#define WORKER_OPENAI_NATIVE_RESPONSES_H

#include "server/base/buf.h"
#include "worker/model/models.h"
#include "worker/openai/responses.h"

/* The request can go there, with this id. */
bool native_responses_fits(const struct responses_request *r, const struct models_choice *model);
/* The body, of one that fits. Notes of what is left out. TOO_LARGE, INTERNAL. */
MUST_CHECK enum status native_responses_write(const struct responses_request *r,
                                              const struct models_choice *model, struct buf *out,
                                              struct buf *changes, struct err *err);

#endif
