#include "server/dynamo/dynamo_error.h"

#include <stdio.h>

#include "server/json/json.h"
#include "server/aws/xml.h"

#define BASE_MS          25u
#define BASE_THROTTLE_MS 1000u
#define PAUSE_MAX_MS     20000u
#define HINT_SLACK_MS    5000u

static const struct {
    const char *code;
    enum dynamo_result result;
} codes[] = {
    {"ConditionalCheckFailedException", DYNAMO_CONDITION},
    {"ResourceNotFoundException", DYNAMO_NO_TABLE},
    {"ResourceInUseException", DYNAMO_IN_USE},
    {"UnknownOperationException", DYNAMO_UNKNOWN_OP},
    {"ValidationException", DYNAMO_INVALID},
    {"SerializationException", DYNAMO_INVALID},
    {"ItemCollectionSizeLimitExceededException", DYNAMO_INVALID},
    {"ProvisionedThroughputExceededException", DYNAMO_THROTTLED},
    {"ThrottlingException", DYNAMO_THROTTLED},
    {"Throttling", DYNAMO_THROTTLED},
    {"RequestLimitExceeded", DYNAMO_THROTTLED},
    {"LimitExceededException", DYNAMO_THROTTLED},
    {"TransactionInProgressException", DYNAMO_THROTTLED},
    {"TooManyRequestsException", DYNAMO_THROTTLED},
    {"SlowDown", DYNAMO_THROTTLED},
    {"InternalServerError", DYNAMO_TRANSIENT},
    {"InternalFailure", DYNAMO_TRANSIENT},
    {"ServiceUnavailable", DYNAMO_TRANSIENT},
    {"RequestTimeout", DYNAMO_TRANSIENT},
    {"RequestTimeoutException", DYNAMO_TRANSIENT},
    {"ReplicatedWriteConflictException", DYNAMO_TRANSIENT},
    /* another's transaction is at work on the item */
    {"TransactionConflictException", DYNAMO_TRANSIENT},
    {"InvalidSignatureException", DYNAMO_SKEW},
    {"SignatureDoesNotMatch", DYNAMO_SKEW},
    {"RequestExpired", DYNAMO_SKEW},
    {"RequestInTheFuture", DYNAMO_SKEW},
    {"RequestTimeTooSkewed", DYNAMO_SKEW},
    {"AuthFailure", DYNAMO_SKEW},
    {"ExpiredTokenException", DYNAMO_EXPIRED},
    {"ExpiredToken", DYNAMO_EXPIRED},
    {"UnrecognizedClientException", DYNAMO_EXPIRED}, /* also keys that were rotated away */
};

bool dynamo_error_again(enum dynamo_result result)
{
    static const bool again[] = {
#define ROW(name, again) again,
        DYNAMO_RESULTS(ROW)
#undef ROW
    };
    return again[result];
}

/* "com.amazonaws.dynamodb.v20120810#Code", "Code:http://..." and both: the word itself. */
static struct str bare_code(struct str s)
{
    size_t at;
    if (text_find(s, STR("#"), &at)) {
        s = text_sub(s, at + 1, s.n);
    }
    return text_find(s, STR(":"), &at) ? text_sub(s, 0, at) : s;
}

/* Its message has a word for each item: "[ConditionalCheckFailed, None]". A conflict is another's
 * write at this moment, and so is what a condition says. */
static enum dynamo_result by_reasons(struct str message)
{
    static const struct {
        const char *word;
        enum dynamo_result result;
    } reasons[] = {
        {"ValidationError", DYNAMO_INVALID},
        {"ItemCollectionSizeLimitExceeded", DYNAMO_INVALID},
        {"ConditionalCheckFailed", DYNAMO_CONDITION},
        {"TransactionConflict", DYNAMO_CONDITION},
        {"ProvisionedThroughputExceeded", DYNAMO_THROTTLED},
        {"ThrottlingError", DYNAMO_THROTTLED},
    };
    size_t at;
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (text_find(message, text_from(reasons[i].word), &at)) {
            return reasons[i].result;
        }
    }
    return DYNAMO_REFUSED;
}

static enum dynamo_result by_code(struct str code, struct str message, int http)
{
    if (text_eq(code, STR("TransactionCanceledException"))) {
        return by_reasons(message);
    }
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (text_eq(code, text_from(codes[i].code))) {
            return codes[i].result;
        }
    }
    if (http == 429) {
        return DYNAMO_THROTTLED;
    }
    return http >= 500 ? DYNAMO_TRANSIENT : DYNAMO_REFUSED;
}

static bool arn_at(struct str s, size_t i)
{
    return text_starts(text_sub(s, i, s.n), STR("arn:"));
}

/* Appends s to the C string out of that size: ARNs become "(ARN)", the rest printable ASCII. */
static void put_clean(struct str s, char *out, size_t size)
{
    size_t n = text_from(out).n;
    for (size_t i = 0; i < s.n && n + 6 < size; i++) {
        if (arn_at(s, i)) {
            n += (size_t)snprintf(out + n, size - n, "(ARN)");
            while (i + 1 < s.n && s.p[i + 1] > ' ') {
                i++;
            }
            continue;
        }
        out[n++] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    }
    out[n] = '\0';
}

static struct str first_of(struct str a, struct str b)
{
    return a.n ? a : b;
}

/* moto refuses a signature or an action in XML, DynamoDB or not; AWS answers in JSON always. */
static struct str xml_error(struct str body, const char *name)
{
    struct str value;
    return xml_element(body, "Error", name, &value) ? value : STR("");
}

enum dynamo_result dynamo_error_read(int http, struct str type_header, struct str body,
                                     char text_out[DYNAMO_ERROR_TEXT])
{
    struct err err;
    struct cJSON *doc = json_parse(body, &err); /* NULL, a page of a proxy: every field is empty */
    struct str code = bare_code(
        first_of(json_get_text(doc, "__type"), first_of(json_get_text(doc, "code"), type_header)));
    struct str message = first_of(json_get_text(doc, "message"), json_get_text(doc, "Message"));
    if (!doc) {
        code = first_of(code, xml_error(body, "Code"));
        message = xml_error(body, "Message");
    }
    snprintf(text_out, DYNAMO_ERROR_TEXT, "HTTP %d", http);
    if (code.n) {
        text_out[0] = '\0';
        put_clean(code, text_out, DYNAMO_ERROR_TEXT);
    }
    if (message.n) {
        put_clean(STR(": "), text_out, DYNAMO_ERROR_TEXT);
        put_clean(message, text_out, DYNAMO_ERROR_TEXT);
    }
    enum dynamo_result result = by_code(code, message, http);
    json_free(doc);
    return result;
}

uint32_t dynamo_error_pause(enum dynamo_result result, unsigned retry, uint32_t dice,
                            uint32_t hint_ms)
{
    uint32_t most = result == DYNAMO_THROTTLED ? BASE_THROTTLE_MS : BASE_MS;
    for (unsigned i = 1; i < retry && most < PAUSE_MAX_MS; i++) {
        most *= 2;
    }
    if (most > PAUSE_MAX_MS) {
        most = PAUSE_MAX_MS;
    }
    uint32_t pause = (uint32_t)(((uint64_t)most * dice) >> 32);
    if (hint_ms > pause) {
        pause = hint_ms < pause + HINT_SLACK_MS ? hint_ms : pause + HINT_SLACK_MS;
    }
    return pause;
}
