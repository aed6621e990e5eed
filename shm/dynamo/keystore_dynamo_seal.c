/* The key with which reasoning is sealed: one item of the usage-stats table, where tools that list keys
 * do not see it; hexadecimal. */
#include "shm/dynamo/keystore_dynamo_private.h"

#include "server/dynamo/dynamo_value.h"

#define SEAL_ID "__llm-api-converter-seal-key__"

static void put_member(struct json_out *w, const char *name, struct str key, struct str value)
{
    json_key(w, text_from(name));
    json_object(w);
    dynamo_value_put_text(w, STR("api_key"), STR(SEAL_ID));
    if (value.n) {
        dynamo_value_put_text(w, key, value);
    }
    json_object_end(w);
}

/* NOT_FOUND: no server has made one. */
static enum status get(struct store *k, uint8_t out[SEAL_KEY_SIZE], struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    struct str hex;
    keystore_dynamo_begin(k, &w, k->stats);
    put_member(&w, "Key", STR(""), STR(""));
    JSON_KEY(&w, "ConsistentRead");
    json_bool(&w, true);
    enum status status =
        keystore_dynamo_status(keystore_dynamo_send(k, &w, "GetItem", k->stats, &answer, err));
    const struct cJSON *item = json_get(answer, "Item");
    if (status == STATUS_OK && !item) {
        status = err_set(err, STATUS_NOT_FOUND, "there is no key");
    } else if (status == STATUS_OK && (dynamo_value(item, "seal_key", &hex) != DYNAMO_TYPE_S ||
                                       !text_unhex(hex, out, SEAL_KEY_SIZE))) {
        status = err_set(err, STATUS_UNAVAILABLE, "table %s: seal_key is no key", k->stats);
    }
    json_free(answer);
    return status;
}

/* Another server may have been faster: its key stays. */
static enum status put(struct store *k, const uint8_t fresh[SEAL_KEY_SIZE], struct err *err)
{
    struct json_out w;
    struct cJSON *answer;
    char hex[2 * SEAL_KEY_SIZE];
    text_hex(fresh, SEAL_KEY_SIZE, hex);
    keystore_dynamo_begin(k, &w, k->stats);
    put_member(&w, "Item", STR("seal_key"), (struct str){hex, sizeof hex});
    keystore_dynamo_member(&w, "ConditionExpression", "attribute_not_exists(api_key)");
    text_wipe(hex, sizeof hex);
    enum dynamo_result result = keystore_dynamo_send(k, &w, "PutItem", k->stats, &answer, err);
    json_free(answer);
    return result == DYNAMO_CONDITION ? STATUS_OK : keystore_dynamo_status(result);
}

enum status keystore_dynamo_seal_key(struct keystore *base, const uint8_t fresh[SEAL_KEY_SIZE],
                                     uint8_t out[SEAL_KEY_SIZE], struct err *err)
{
    struct store *k = (struct store *)base;
    enum status status = get(k, out, err);
    if (status == STATUS_NOT_FOUND) {
        status = put(k, fresh, err);
        status = status == STATUS_OK ? get(k, out, err) : status;
    }
    return status == STATUS_NOT_FOUND ? err_set(err, STATUS_UNAVAILABLE, "the key is gone again")
                                      : status;
}
