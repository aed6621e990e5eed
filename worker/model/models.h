/*
 * models.h - from the name a client sent to a Bedrock model: id, transport, what the model takes.
 *
 * Order: mapping table of the key store for the exact name -> family override
 * (ANTHROPIC_DEFAULT_{OPUS,SONNET,HAIKU}_MODEL) -> ANTHROPIC_DEFAULT_MODEL (every Claude or
 * OpenAI-alias name, never an explicit id of another vendor) -> names of the table of models -> rule
 * for claude-* names -> a legal Bedrock id or ARN as it is -> 404. Region prefixes (us. eu. apac.
 * global. ...) and the suffix "[1m]" are understood everywhere. No id is ever silently replaced by
 * another model unless the operator says so: a mapping of the store and an override may be a chain
 * "A,B,C", whose next one is taken where the one before is retired or, later, will not answer
 * (worker/moves/chain.h). Everything about a model is decided on the *resolved* id. Worker; pure
 * but for the directory read.
 */
#ifndef WORKER_MODEL_MODELS_H
#define WORKER_MODEL_MODELS_H

#include "server/config/config.h"
#include "server/base/err.h"
#include "server/base/text.h"
#include "shm/memory/segment.h"
#include "worker/model/betas.h"
#include "worker/model/models_table.h"
#include "worker/model/rule.h"

struct cJSON;

struct models { /* what the environment says of models; the worker's own */
    const struct config *config;
    struct cJSON *mapping; /* DEFAULT_MODEL_MAPPING; NULL: unset, the table of models holds */
    struct betas betas;
};

/* Parses what is more than a word; c must outlive it. INVALID names the variable, and there is
 * nothing to free. */
MUST_CHECK enum status models_init(struct models *m, const struct config *c, struct err *err);
void models_free(struct models *m);
/* Could it be done? For whoever reads a configuration before a worker does. Any process. */
MUST_CHECK enum status models_check(const struct config *c, struct err *err);

/* client_name: as the client sent it. messages_route: the Anthropic route (Claude goes by
 * InvokeModel there, by Converse otherwise). STATUS_NO_MODEL ("model: <id>"), STATUS_PERMISSION for
 * an ARN of an account outside MODEL_ARN_ACCOUNTS. */
struct arena;
MUST_CHECK enum status models_choose(const struct models *m, const struct segment *s,
                                     struct arena *arena, struct str client_name,
                                     bool messages_route, struct models_choice *out,
                                     struct err *err);
/* The next one of its chain that there is; out is the choice to go on from, and becomes it.
 * STATUS_NO_MODEL: that was the last, or none of the others is usable; *out is as it was. */
MUST_CHECK enum status models_follow(const struct models *m, const struct segment *s,
                                     struct arena *arena, struct str client_name,
                                     bool messages_route, struct models_choice *out,
                                     struct err *err);
/* What a client may send for a row: the first of its names, else its Bedrock id with the profile of
 * AWS_REGION. The table's text, or in room. */
struct str models_name(const struct models *m, const struct catalogue_row *row,
                       char room[RULE_ROOM]);
/* That id alone, whatever names the row has. */
struct str models_id_here(const struct models *m, const struct catalogue_row *row,
                          char room[RULE_ROOM]);
/* What may stand in a table of models: a Bedrock id or the ARN of a model, also with "[1m]". */
bool models_is_legal(struct str id);
/* Or a chain of them: at most MODEL_CHAIN_MAX, all different. */
bool models_is_legal_chain(struct str ids);

#endif
