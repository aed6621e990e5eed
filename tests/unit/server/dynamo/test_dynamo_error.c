#include "server/dynamo/dynamo_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NS "com.amazonaws.dynamodb.v20120810#"

static const struct {
    const char *name;
    int http;
    const char *header, *body;
    enum dynamo_result result;
    const char *text;
} meanings[] = {
    {"namespace", 400, "",
     "{\"__type\":\"" NS "ConditionalCheckFailedException\",\"message\":\"no\"}", DYNAMO_CONDITION,
     "ConditionalCheckFailedException: no"},
    {"transaction 1", 400, "",
     "{\"__type\":\"" NS "TransactionCanceledException\",\"message\":\"see [None, "
     "ConditionalCheckFailed]\"}",
     DYNAMO_CONDITION, "TransactionCanceledException: see [None, ConditionalCheckFailed]"},
    {"transaction 2", 400, "",
     "{\"__type\":\"" NS "TransactionCanceledException\",\"message\":\"[TransactionConflict]\"}",
     DYNAMO_CONDITION, "TransactionCanceledException: [TransactionConflict]"},
    {"transaction 3", 400, "",
     "{\"__type\":\"" NS "TransactionCanceledException\",\"message\":\"[ThrottlingError]\"}",
     DYNAMO_THROTTLED, "TransactionCanceledException: [ThrottlingError]"},
    {"transaction 4", 400, "",
     "{\"__type\":\"" NS "TransactionCanceledException\",\"message\":\"[ValidationError, "
     "ConditionalCheckFailed]\"}",
     DYNAMO_INVALID, "TransactionCanceledException: [ValidationError, ConditionalCheckFailed]"},
    {"transaction 5", 400, "",
     "{\"__type\":\"" NS "TransactionCanceledException\",\"message\":\"no\"}", DYNAMO_REFUSED,
     "TransactionCanceledException: no"},
    {"transaction 6", 400, "",
     "{\"__type\":\"" NS "TransactionConflictException\",\"message\":\"now\"}", DYNAMO_TRANSIENT,
     "TransactionConflictException: now"},
    {"coral", 400, "",
     "{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"Message\":\"bad\"}",
     DYNAMO_INVALID, "ValidationException: bad"},
    {"bare", 400, "", "{\"__type\":\"ResourceNotFoundException\"}", DYNAMO_NO_TABLE,
     "ResourceNotFoundException"},
    {"with a URI", 400, "",
     "{\"__type\":\"" NS "ThrottlingException:http://internal.amazon.com/coral/\"}",
     DYNAMO_THROTTLED, "ThrottlingException"},
    {"header", 400, "ProvisionedThroughputExceededException:http://x", "{}", DYNAMO_THROTTLED,
     "ProvisionedThroughputExceededException"},
    {"member code", 400, "", "{\"code\":\"RequestLimitExceeded\"}", DYNAMO_THROTTLED,
     "RequestLimitExceeded"},
    {"limit", 400, "", "{\"__type\":\"LimitExceededException\"}", DYNAMO_THROTTLED, "Limit"},
    {"transaction", 400, "", "{\"__type\":\"TransactionInProgressException\"}", DYNAMO_THROTTLED,
     "Transaction"},
    {"in use", 400, "", "{\"__type\":\"ResourceInUseException\"}", DYNAMO_IN_USE, "Resource"},
    {"emulator", 400, "", "{\"__type\":\"" NS "UnknownOperationException\"}", DYNAMO_UNKNOWN_OP,
     "Unknown"},
    {"server", 500, "", "{\"__type\":\"InternalServerError\"}", DYNAMO_TRANSIENT, "Internal"},
    {"conflict", 409, "", "{\"__type\":\"ReplicatedWriteConflictException\"}", DYNAMO_TRANSIENT,
     "Replicated"},
    {"page", 503, "", "<html>busy</html>", DYNAMO_TRANSIENT, "HTTP 503"},
    {"no body", 502, "", "", DYNAMO_TRANSIENT, "HTTP 502"},
    {"proxy", 403, "", "<html>no</html>", DYNAMO_REFUSED, "HTTP 403"},
    {"429", 429, "", "{}", DYNAMO_THROTTLED, "HTTP 429"},
    {"skew", 400, "", "{\"__type\":\"InvalidSignatureException\"}", DYNAMO_SKEW, "Invalid"},
    {"expired", 400, "", "{\"__type\":\"ExpiredTokenException\"}", DYNAMO_EXPIRED, "Expired"},
    {"rotated", 400, "", "{\"__type\":\"UnrecognizedClientException\"}", DYNAMO_EXPIRED,
     "Unrecognized"},
    {"denied", 400, "", "{\"__type\":\"AccessDeniedException\"}", DYNAMO_REFUSED, "Access"},
    {"unsigned", 400, "", "{\"__type\":\"MissingAuthenticationTokenException\"}", DYNAMO_REFUSED,
     "Missing"},
    {"array", 400, "", "[1]", DYNAMO_REFUSED, "HTTP 400"},
};

static void test_read_code_gives_result(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        char text[DYNAMO_ERROR_TEXT];
        enum dynamo_result result = dynamo_error_read(
            meanings[i].http, text_from(meanings[i].header), text_from(meanings[i].body), text);
        if (result != meanings[i].result ||
            strncmp(text, meanings[i].text, strlen(meanings[i].text)) != 0) {
            fail_msg("row %s: result %d, text \"%s\"", meanings[i].name, (int)result, text);
        }
    }
}

/* As moto writes it. */
#define XML(code, message)                                                                  \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<ErrorResponse><Errors><Error><Code>" code \
    "</Code><Message>" message "</Message><Type>Sender</Type></Error></Errors></ErrorResponse>"

static void test_read_xml_has_code_and_message(void **state)
{
    (void)state;
    char text[DYNAMO_ERROR_TEXT];
    struct str denied = STR(XML("AccessDenied", "User: arn:aws:iam::123456789012:user/a may not"));
    assert_int_equal(dynamo_error_read(403, STR(""), denied, text), DYNAMO_REFUSED);
    assert_string_equal(text, "AccessDenied: User: (ARN) may not");
    struct str wrong = STR(XML("SignatureDoesNotMatch", ""));
    assert_int_equal(dynamo_error_read(403, STR(""), wrong, text), DYNAMO_SKEW);
    assert_string_equal(text, "SignatureDoesNotMatch");
}

static void test_read_message_is_cleaned(void **state)
{
    (void)state;
    char text[DYNAMO_ERROR_TEXT], body[1000];
    dynamo_error_read(400, STR(""),
                      STR("{\"__type\":\"A\",\"message\":\"User: arn:aws:sts::123456789012:x/y is "
                          "not\\n authorized on arn:aws:dynamodb:eu:123456789012:table/t\"}"),
                      text);
    assert_string_equal(text, "A: User: (ARN) is not? authorized on (ARN)");
    snprintf(body, sizeof body, "{\"__type\":\"A\",\"message\":\"%0900d\"}", 7);
    dynamo_error_read(400, STR(""), text_from(body), text);
    assert_true(strlen(text) < DYNAMO_ERROR_TEXT && strlen(text) > DYNAMO_ERROR_TEXT - 10);
}

static void test_again_only_where_it_can_help(void **state)
{
    (void)state;
    static const enum dynamo_result yes[] = {DYNAMO_THROTTLED, DYNAMO_TRANSIENT, DYNAMO_SKEW,
                                             DYNAMO_EXPIRED};
    static const enum dynamo_result no[] = {DYNAMO_OK,      DYNAMO_CONDITION, DYNAMO_NO_TABLE,
                                            DYNAMO_IN_USE,  DYNAMO_REFUSED,   DYNAMO_GIVEN_UP,
                                            DYNAMO_INVALID, DYNAMO_UNKNOWN_OP};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        assert_true(dynamo_error_again(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_false(dynamo_error_again(no[i]));
    }
}

static void test_pause_is_full_jitter_with_doubling(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum dynamo_result result;
        unsigned retry;
        uint32_t dice, hint_ms, expected;
    } rows[] = {
        {"least", DYNAMO_TRANSIENT, 1, 0, 0, 0},
        {"half", DYNAMO_TRANSIENT, 1, 0x80000000u, 0, 12},
        {"most, first", DYNAMO_TRANSIENT, 1, UINT32_MAX, 0, 24},
        {"most, second", DYNAMO_TRANSIENT, 2, UINT32_MAX, 0, 49},
        {"most, third", DYNAMO_TRANSIENT, 3, UINT32_MAX, 0, 99},
        {"throttled", DYNAMO_THROTTLED, 1, UINT32_MAX, 0, 999},
        {"throttled, third", DYNAMO_THROTTLED, 3, UINT32_MAX, 0, 3999},
        {"ceiling", DYNAMO_THROTTLED, 30, UINT32_MAX, 0, 19999},
        {"hint below", DYNAMO_THROTTLED, 1, UINT32_MAX, 10, 999},
        {"hint", DYNAMO_TRANSIENT, 1, 0, 300, 300},
        {"hint too far", DYNAMO_TRANSIENT, 1, 0, 60000, 5000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t ms =
            dynamo_error_pause(rows[i].result, rows[i].retry, rows[i].dice, rows[i].hint_ms);
        if (ms != rows[i].expected) {
            fail_msg("row %s: %u", rows[i].name, ms);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_code_gives_result),
        cmocka_unit_test(test_read_xml_has_code_and_message),
        cmocka_unit_test(test_read_message_is_cleaned),
        cmocka_unit_test(test_again_only_where_it_can_help),
        cmocka_unit_test(test_pause_is_full_jitter_with_doubling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
