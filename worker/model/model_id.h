/*
 * model_id.h - what may stand where Bedrock wants a model: an id, "vendor.model" after an optional
 * region prefix, or the ARN of something that answers. Any process; pure.
 */
#ifndef WORKER_MODEL_MODEL_ID_H
#define WORKER_MODEL_MODEL_ID_H

#include "server/config/config.h"
#include "server/base/text.h"

bool model_id_is_legal(struct str id);
bool model_id_is_text(struct str id); /* no byte that no id has; says nothing of its form */
/* The ARN of something that a model stands behind without its being named: a profile of the
 * operator's, a deployment, a router. */
bool model_id_is_opaque(struct str id);
bool model_id_is_router(struct str id); /* each request may go to another model */
/* By MODEL_ARN_ACCOUNTS: true for what is no ARN or has no account. */
bool model_id_is_allowed(const struct config *c, struct str id);

#endif
