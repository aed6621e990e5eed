/*
 * rule.h - what can be told from the form of a name alone: the id of a Claude that no table has yet, the
 * inference profile that serves a region, and whether a name is of OpenAI's making. Pure; any process.
 */
#ifndef WORKER_MODEL_RULE_H
#define WORKER_MODEL_RULE_H

#include "server/config/config.h"
#include "server/base/text.h"
#include "worker/model/models_table.h"

#define RULE_ROOM (MODELS_ID_MAX + 64) /* bytes */

/* Bedrock's id of a claude-* name that no table knows, in room; empty if it cannot be told. */
struct str rule_claude(const struct config *c, struct str name, char room[RULE_ROOM]);
/* An id as the table writes it, for the US, as the region of c has it: in room or as it was. */
struct str rule_at_home(const struct config *c, struct str id, char room[RULE_ROOM]);
bool rule_is_openai(struct str name); /* "gpt-4o", "o1": an alias of ours, or unknown */

#endif
