/*
 * beta_rule.h - builds the operator's rule for one anthropic-beta value: its name and the values
 * that go to Bedrock in its place, none when it is blocked. From the environment or the
 * beta-headers table; a rule that is not whole is not used at all. Any process; pure.
 */
#ifndef SHM_STORE_BETA_RULE_H
#define SHM_STORE_BETA_RULE_H

#include "server/json/json.h"
#include "shm/memory/directory.h"

/* Letters, digits, '.', '_', '-', up to 64: goes into headers and JSON as it is. */
bool beta_rule_is_name(struct str v);
/* A rule that blocks the name. false: no name, or too long for a rule. */
bool beta_rule_begin(struct directory_beta *r, struct str name);
/* One more value in its place. false: no name, or no room. */
bool beta_rule_add(struct directory_beta *r, struct str value);
/* A row of the table. type "blocklist" or "mapping"; values: JSON array whose elements text()
 * reads. */
bool beta_rule_row(struct directory_beta *r, struct str name, struct str type,
                   const struct cJSON *values, struct str (*text)(const struct cJSON *value));

#endif
