#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "worker/exchange/bedrock.h"

static struct segment segment;
static struct config config;

static int set_up(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(segment_create(&segment, 1, 64, &err), STATUS_OK);
    counters_enter(&segment, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&segment);
    return 0;
}

static uint64_t all_failures(void)
{
    uint64_t n = 0;
    for (enum counter c = COUNTER_FAILED_VALIDATION; c <= COUNTER_FAILED_OTHER; c++) {
        n += counters_sum(&segment, c);
    }
    return n;
}

static void test_error_table_maps_status_and_text(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *type, *body;
        enum status want;
        const char *text; /* contained in ours */
        enum counter counted;
    } rows[] = {
        {429, "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
         "{\"message\":\"Too many\"}", STATUS_RATE, "throttled", COUNTER_FAILED_THROTTLING},
        {400, "ServiceQuotaExceededException", "{}", STATUS_RATE, "quota", COUNTER_FAILED_QUOTA},
        {400, "ValidationException", "{\"message\":\"Input is too long for requested model.\"}",
         STATUS_CONTEXT, "Input is too long for requested model.", COUNTER_FAILED_VALIDATION},
        {400, "", "{\"message\":\"prompt is too long: 9 tokens > 8 maximum\"}", STATUS_CONTEXT,
         "prompt is too long", COUNTER_FAILED_VALIDATION},
        {400, "ValidationException", "{\"message\":\"tools.0.name is too long\"}", STATUS_INVALID,
         "tools.0.name", COUNTER_FAILED_VALIDATION},
        {400, "", "{\"__type\":\"com.amazon#ValidationException\",\"Message\":\"bad field\"}",
         STATUS_INVALID, "bad field", COUNTER_FAILED_VALIDATION},
        {400, "",
         "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"max_"
         "tokens: too big\"}}",
         STATUS_INVALID, "max_tokens: too big", COUNTER_FAILED_VALIDATION},
        {403, "AccessDeniedException", "{\"message\":\"arn:aws:iam::123456789012:role/x is not\"}",
         STATUS_PERMISSION, "no access", COUNTER_FAILED_ACCESS_DENIED},
        {404, "ResourceNotFoundException", "", STATUS_NOT_FOUND, "does not know",
         COUNTER_FAILED_NOT_FOUND},
        {429, "ModelNotReadyException", "{}", STATUS_OVERLOADED, "not ready",
         COUNTER_FAILED_NOT_READY},
        {408, "ModelTimeoutException", "{}", STATUS_TIMEOUT, "too long",
         COUNTER_FAILED_MODEL_TIMEOUT},
        {424, "ModelErrorException", "{}", STATUS_INTERNAL, "failed", COUNTER_FAILED_MODEL_ERROR},
        {500, "InternalServerException", "{}", STATUS_INTERNAL, "internal",
         COUNTER_FAILED_INTERNAL_SERVER},
        {503, "ServiceUnavailableException", "{}", STATUS_OVERLOADED, "Overloaded",
         COUNTER_FAILED_UNAVAILABLE},
        {403, "InvalidSignatureException", "{}", STATUS_INTERNAL, "signature",
         COUNTER_FAILED_SIGNATURE},
        {403, "ExpiredTokenException", "{}", STATUS_INTERNAL, "expired", COUNTER_FAILED_AWS_KEYS},
        {500, "", "<html>proxy</html>", STATUS_UPSTREAM, "500", COUNTER_FAILED_OTHER_5XX},
        {418, "NewException", "{\"message\":\"secret detail\"}", STATUS_UPSTREAM, "418",
         COUNTER_FAILED_OTHER_4XX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker w = {.segment = &segment, .config = &config};
        struct exchange x = {.worker = &w, .asked.id = STR("req_t")};
        uint64_t before = counters_sum(&segment, rows[i].counted);
        bedrock_error(&x, rows[i].http, text_from(rows[i].type), text_from(rows[i].body));
        if (counters_sum(&segment, rows[i].counted) != before + 1 || all_failures() != i + 1) {
            fail_msg("row %zu is not counted once as %s", i, counters_row(rows[i].counted)->value);
        }
        if (x.outcome.err.code != rows[i].want || !strstr(x.outcome.err.text, rows[i].text)) {
            fail_msg("row %zu: status %d text '%s'", i, (int)x.outcome.err.code,
                     x.outcome.err.text);
        }
        assert_null(strstr(x.outcome.err.text, "arn:"));
        assert_null(strstr(x.outcome.err.text, "123456789012"));
    }
}

static void test_error_says_what_it_is_about(void **state)
{
    (void)state;
    static const struct {
        int http;
        const char *type, *body;
        enum complaint want;
    } rows[] = {
        {400, "ValidationException", "{\"message\":\"service tier flex: no\"}", COMPLAINT_TIER},
        {400, "", "{\"type\":\"error\",\"error\":{\"message\":\"service_tier: no\"}}",
         COMPLAINT_TIER},
        {429, "ThrottlingException", "{\"message\":\"service tier flex: too many\"}",
         COMPLAINT_NONE},
        {400, "ValidationException", "{\"message\":\"It does not support tools\"}", COMPLAINT_NONE},
        {400, "ValidationException", "{}", COMPLAINT_NONE},
        {400, "ValidationException", "{\"message\":\"Input is too long for it\"}",
         COMPLAINT_CONTEXT},
        {400, "ValidationException", "{\"message\":\"No support for counting tokens\"}",
         COMPLAINT_NO_COUNTING},
        {403, "InvalidSignatureException", "{\"message\":\"Signature expired\"}", COMPLAINT_CLOCK},
        {403, "RequestTimeTooSkewed", "{}", COMPLAINT_CLOCK},
        {400, "RequestExpired", "{}", COMPLAINT_CLOCK},
        {403, "ExpiredTokenException", "{}", COMPLAINT_NONE},
        {403, "", "<html>service tier</html>", COMPLAINT_NONE},
        {500, "", "", COMPLAINT_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker w = {.segment = &segment, .config = &config};
        struct exchange x = {.worker = &w, .asked.id = STR("req_t")};
        enum complaint got =
            bedrock_error(&x, rows[i].http, text_from(rows[i].type), text_from(rows[i].body));
        if (got != rows[i].want) {
            fail_msg("row %zu: complaint %d", i, (int)got);
        }
    }
}

static void test_error_validation_text_loses_arn_and_account(void **state)
{
    (void)state;
    struct worker w = {.segment = &segment, .config = &config};
    struct exchange x = {.worker = &w, .asked.id = STR("req_t")};
    bedrock_error(&x, 400, STR("ValidationException"),
                  STR("{\"message\":\"Model "
                      "arn:aws:bedrock:us-west-2:123456789012:inference-profile/x of 210987654321 "
                      "takes 200000 tokens\"}"));
    assert_string_equal(x.outcome.err.text, "Model [arn] of [account] takes 200000 tokens");
    bedrock_error(&x, 400, STR("ValidationException"),
                  STR("{\"message\":\"warn: ARN:AWS:iam::1:role/x, learn:more\"}"));
    assert_string_equal(x.outcome.err.text, "warn: [arn], learn:more");
}

static void test_exception_frame_maps_camel_case(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum status want;
        enum counter counted;
    } rows[] = {
        {"throttlingException", STATUS_RATE, COUNTER_FAILED_THROTTLING},
        {"internalServerException", STATUS_INTERNAL, COUNTER_FAILED_INTERNAL_SERVER},
        {"serviceUnavailableException", STATUS_OVERLOADED, COUNTER_FAILED_UNAVAILABLE},
        {"modelTimeoutException", STATUS_TIMEOUT, COUNTER_FAILED_MODEL_TIMEOUT},
        {"modelStreamErrorException", STATUS_INTERNAL, COUNTER_FAILED_MODEL_STREAM},
        {"validationException", STATUS_INVALID, COUNTER_FAILED_VALIDATION},
        {"somethingNew", STATUS_INTERNAL, COUNTER_FAILED_OTHER_EXCEPTION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker w = {.segment = &segment, .config = &config};
        struct exchange x = {.worker = &w, .asked.id = STR("req_t")};
        struct eventstream_frame f = {.kind = EVENTSTREAM_EXCEPTION,
                                      .type = text_from(rows[i].type),
                                      .payload = STR("{\"message\":\"m\"}")};
        bedrock_exception(&x, &f);
        if (x.outcome.err.code != rows[i].want) {
            fail_msg("%s gave %d", rows[i].type, (int)x.outcome.err.code);
        }
        if (counters_sum(&segment, rows[i].counted) != 1 || all_failures() != i + 1) {
            fail_msg("%s is not counted once", rows[i].type);
        }
    }
}

/* AWS's answer to a wrong signature repeats the request, session token included. */
static void test_error_log_has_only_the_first_line_of_aws_text(void **state)
{
    (void)state;
    int pipes[2];
    char text[4096];
    struct worker w = {.segment = &segment, .config = &config};
    struct exchange x = {.worker = &w, .asked.id = STR("req_t"), .attempt.number = 1};
    assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
    log_init(LOG_INFO, LOG_FORMAT_JSON, "test");
    log_to(pipes[1]);
    bedrock_error(&x, 403, STR("InvalidSignatureException"),
                  STR("{\"message\":\"It does not match.\\n\\nThe Canonical String:\\n'POST\\n"
                      "x-amz-security-token:IQoJb3JpZ2lu\"}"));
    log_to(STDOUT_FILENO);
    log_level_set(LOG_OFF);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(
        strstr(text, "req_t: Bedrock 403 InvalidSignatureException (attempt 1): It does"));
    assert_null(strstr(text, "Canonical"));
    assert_null(strstr(text, "IQoJ"));
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_error_table_maps_status_and_text),
        TEST(test_error_says_what_it_is_about),
        TEST(test_error_validation_text_loses_arn_and_account),
        TEST(test_exception_frame_maps_camel_case),
        TEST(test_error_log_has_only_the_first_line_of_aws_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
