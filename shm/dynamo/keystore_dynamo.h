/*
 * keystore_dynamo.h - the key store in DynamoDB: the tables of the older tools, read and written
 * side by side with them. The refresher and the subcommands.
 *
 * Keys made here have "sha256:<hex>" as partition key, those of the older tools the key itself. The
 * version is the attribute `version` of one item in the usage-stats table, where tools that list
 * keys do not see it; every write of ours raises it.
 */
#ifndef SHM_DYNAMO_KEYSTORE_DYNAMO_H
#define SHM_DYNAMO_KEYSTORE_DYNAMO_H

#include "shm/store/keystore.h"

#define KEYSTORE_DYNAMO_VERSION_ID "__llm-api-converter-version__"

/* Asks nothing of the network. */
MUST_CHECK enum status keystore_dynamo_open(const struct config *c, struct keystore **out,
                                            struct err *err);

#endif
