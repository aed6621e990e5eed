/*
 * keystore_dynamo_row.h - a row of the key store as a DynamoDB item, attribute for attribute as the
 * older tools write it. Pure.
 */
#ifndef SHM_DYNAMO_KEYSTORE_DYNAMO_ROW_H
#define SHM_DYNAMO_KEYSTORE_DYNAMO_ROW_H

#include "server/json/json.h"
#include "shm/store/keystore.h"

/* Everything that can be read is, so that a row with one bad attribute is still known by its id;
 * out->unreadable names the attribute. */
void keystore_dynamo_row_read(const struct cJSON *item, struct keystore_row *out);
/* The members of a new item, inside an object. */
void keystore_dynamo_row_write(struct json_out *w, const struct keystore_row *row);

/* The members ProjectionExpression and ExpressionAttributeNames for the attributes that are read,
 * so that nobody's metadata travels. Each name has a mark ("#0"): many are reserved words. */
void keystore_dynamo_row_projection(struct json_out *w);

#endif
