/*
 * dynamo_value.h - DynamoDB's typed values: {"S":"text"}, {"N":"12.5"}, {"BOOL":true},
 * {"NULL":true}. Numbers travel as decimal text of up to 38 digits and never become a double. Pure.
 */
#ifndef SERVER_DYNAMO_DYNAMO_VALUE_H
#define SERVER_DYNAMO_DYNAMO_VALUE_H

#include "server/json/json.h"

enum dynamo_type {
    DYNAMO_TYPE_ABSENT, /* also {"NULL":true}: the older tools reset attributes with it */
    DYNAMO_TYPE_S,
    DYNAMO_TYPE_N,
    DYNAMO_TYPE_BOOL, /* text "true" or "false" */
    DYNAMO_TYPE_OTHER /* binary, set, list, map, or no DynamoDB value at all */
};

/* Attribute of an item. text_out: of S, N, BOOL; valid as long as the document. */
enum dynamo_type dynamo_value(const struct cJSON *item, const char *name, struct str *text_out);

/* number x 10^scale. false: no number, or too large for 64 bits. *exact_out (may be NULL) tells
 * whether digits were cut off. "1E3", "-0.50" and "+7" are numbers. */
bool dynamo_value_number(struct str number, unsigned scale, int64_t *out, bool *exact_out);

/* "name":{"S":"value"} and so on, inside an object. */
void dynamo_value_put_text(struct json_out *w, struct str name, struct str value);
void dynamo_value_put_i64(struct json_out *w, struct str name, int64_t value);
void dynamo_value_put_bool(struct json_out *w, struct str name, bool value);
/* micro / 10^6, without zeros at the end. */
void dynamo_value_put_micro(struct json_out *w, struct str name, int64_t micro);

#endif
