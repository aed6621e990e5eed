/*
 * aws_lists.h - GET /inference-profiles and /foundation-models, as Bedrock's control plane lists them:
 * what the caller's key may ask for, by ids that the key may use. ARNs have no account in them: whose
 * it is is the operator's affair. Worker.
 * Source: botocore 1.44.8, bedrock/2023-04-20/service-2.json, ListInferenceProfiles, ListFoundationModels
 */
#ifndef WORKER_DOOR_AWS_LISTS_H
#define WORKER_DOOR_AWS_LISTS_H

#include "worker/turn/turn.h"

/* ?type=SYSTEM_DEFINED (Bedrock's own ids) or APPLICATION (names that the operator has made); all in one page. */
enum verdict aws_lists_profiles(struct exchange *x);
/* Filters are not heeded: all in one page. */
enum verdict aws_lists_models(struct exchange *x);

#endif
