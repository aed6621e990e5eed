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
#include "worker/turn/wait.h"

static struct segment segment;
static struct config config = {.bedrock_api_key = ""};

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

static const struct {
    int http;
    const char *type, *body;
    enum status want;
    const char *text; /* contained in ours */
    enum counter counted;
} mapped[] = {
    {429, "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/",
     "{\"message\":\"Too many requests\"}", STATUS_RATE, "Too many requests",
     COUNTER_FAILED_THROTTLING},
    {429, "ThrottlingException", "{}", STATUS_RATE, "throttled", COUNTER_FAILED_THROTTLING},
    {404, "ResourceNotFoundException",
     "{\"message\":\"This model version has reached the end of its life. (arn:aws:x:1)\"}",
     STATUS_NOT_FOUND, "has reached the end of its life. ([arn]", COUNTER_FAILED_NOT_FOUND},
    {404, "ResourceNotFoundException",
     "{\"message\":\"Model use case details have not been submitted for this account.\"}",
     STATUS_NOT_FOUND, "use case details", COUNTER_FAILED_NOT_FOUND},
    {413, "",
     "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"20 MB\"}}",
     STATUS_TOO_LARGE, "20 MB", COUNTER_FAILED_OTHER_4XX},
    {529, "", "{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"busy now\"}}",
     STATUS_OVERLOADED, "busy now", COUNTER_FAILED_OTHER_5XX},
    {500, "", "{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"own words\"}}",
     STATUS_UPSTREAM, "own words", COUNTER_FAILED_OTHER_5XX},
    {429, "", "{\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"the limit of 9\"}}",
     STATUS_RATE, "the limit of 9", COUNTER_FAILED_OTHER_4XX},
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
     STATUS_NO_MODEL, "model: my-model: the gateway has no access", COUNTER_FAILED_ACCESS_DENIED},
    {400, "ValidationException", "{\"message\":\"The provided model identifier is invalid.\"}",
     STATUS_NO_MODEL, "model: my-model: The provided model identifier is invalid.",
     COUNTER_FAILED_VALIDATION},
    {400, "ValidationException",
     "{\"message\":\"Invocation of model ID a.b with on-demand throughput isn\\u2019t supported. "
     "Retry your request with the ID or ARN of an inference profile that contains it.\"}",
     STATUS_NO_MODEL, "model: my-model: Invocation of model ID a.b with on-demand",
     COUNTER_FAILED_VALIDATION},
    {404, "ResourceNotFoundException", "", STATUS_NOT_FOUND, "does not know",
     COUNTER_FAILED_NOT_FOUND},
    {429, "ModelNotReadyException", "{}", STATUS_OVERLOADED, "not ready", COUNTER_FAILED_NOT_READY},
    {408, "ModelTimeoutException", "{}", STATUS_TIMEOUT, "too long", COUNTER_FAILED_MODEL_TIMEOUT},
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

static void test_error_table_maps_status_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mapped / sizeof mapped[0]; i++) {
        struct worker w = {.segment = &segment, .config = &config};
        struct exchange x = {
            .worker = &w, .asked.id = STR("req_t"), .asked.client_model = STR("my-model")};
        uint64_t before = counters_sum(&segment, mapped[i].counted);
        bedrock_error(&x, mapped[i].http, text_from(mapped[i].type), text_from(mapped[i].body));
        if (counters_sum(&segment, mapped[i].counted) != before + 1 || all_failures() != i + 1) {
            fail_msg("row %zu is not counted once as %s", i,
                     counters_row(mapped[i].counted)->value);
        }
        if (x.outcome.err.code != mapped[i].want || !strstr(x.outcome.err.text, mapped[i].text)) {
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

/* How long a refused client is to wait, and whether at all. */
static void test_rate_says_when_to_come_again(void **state)
{
    (void)state;
    static const struct {
        const char *type, *body;
        uint64_t retry_after;
        int should_retry;
        enum complaint complaint;
    } rows[] = {
        {"ThrottlingException", "{\"message\":\"Too many tokens, please wait\"}", 2, -1,
         COMPLAINT_NONE},
        {"ThrottlingException", "{\"message\":\"Too many tokens per day, please wait\"}", 0, 0,
         COMPLAINT_DAY},
        {"ServiceQuotaExceededException", "{\"message\":\"daily quota\"}", 0, 0, COMPLAINT_DAY},
        {"", "{\"type\":\"error\",\"error\":{\"message\":\"slow down\"}}", 2, -1, COMPLAINT_NONE},
        {"", "{\"type\":\"error\",\"error\":{\"message\":\"tokens per day\"}}", 0, 0,
         COMPLAINT_DAY},
        {"", "<html>", 2, -1, COMPLAINT_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker w = {.segment = &segment, .config = &config};
        struct exchange x = {.worker = &w, .asked.id = STR("req_t")};
        enum complaint complaint =
            bedrock_error(&x, 429, text_from(rows[i].type), text_from(rows[i].body));
        if (x.outcome.err.code != STATUS_RATE || complaint != rows[i].complaint ||
            wait_retry_after(&x.outcome.err) != rows[i].retry_after ||
            wait_should_retry(&x.outcome.err) != rows[i].should_retry) {
            fail_msg("%s: %llu, %d", rows[i].body,
                     (unsigned long long)wait_retry_after(&x.outcome.err),
                     wait_should_retry(&x.outcome.err));
        }
    }
}

/* Claude Code compacts at these words; OpenAI's clients go by the code and their own sentence. */
static void test_overflow_is_told_in_the_clients_words(void **state)
{
    (void)state;
    static const struct {
        const char *theirs, *messages;
    } rows[] = {
        {"Input is too long for requested model.", "Input is too long for requested model."},
        {"prompt is too long: 9 tokens > 8 maximum", "prompt is too long: 9 tokens > 8 maximum"},
        {"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
         "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"},
        {"Too many input tokens. Max input tokens: 262144, request input token count: 300000",
         "prompt is too long: 300000 tokens > 262144 maximum"},
        {"input length 300,000 exceeds the maximum context window of 262,144 tokens",
         "prompt is too long: 300000 tokens > 262144 maximum"},
        {"This model's maximum context length is 262144 tokens.",
         "prompt is too long: This model's maximum context length is 262144 tokens."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[300], chat[300];
        struct worker w = {.segment = &segment, .config = &config};
        snprintf(body, sizeof body, "{\"message\":\"%s\"}", rows[i].theirs);
        snprintf(chat, sizeof chat, "This model's maximum context length is exceeded: %s",
                 rows[i].theirs);
        for (unsigned d = 0; d < 2; d++) {
            struct exchange x = {.worker = &w, .asked = {.id = STR("req_t"), .dialect = d}};
            bedrock_error(&x, 400, STR("ValidationException"), text_from(body));
            assert_int_equal(x.outcome.err.code, STATUS_CONTEXT);
            assert_string_equal(x.outcome.err.text,
                                d == DIALECT_ANTHROPIC ? rows[i].messages : chat);
        }
    }
}

/* C12: a sentence that is too long ends before a letter, not in it. */
static void test_a_long_sentence_is_cut_between_letters(void **state)
{
    (void)state;
    static const char *const letters[] = {"\u00e4", "\u6f22", "\U0001F600"};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            for (unsigned d = 0; d < 2; d++) {
                char body[1000];
                int n = snprintf(body, sizeof body, "{\"message\":\"context length %.*s",
                                 (int)shift, "xxxx");
                while (n < 700) {
                    n += snprintf(body + n, sizeof body - (size_t)n, "%s", letters[i]);
                }
                snprintf(body + n, sizeof body - (size_t)n, "\"}");
                struct worker w = {.segment = &segment, .config = &config};
                struct exchange x = {.worker = &w, .asked = {.id = STR("req_t"), .dialect = d}};
                bedrock_error(&x, 400, STR("ValidationException"), text_from(body));
                assert_true(strlen(x.outcome.err.text) > 150);
                assert_true(text_is_utf8(text_from(x.outcome.err.text)));
            }
        }
    }
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

static void test_own_error_is_what_it_would_be_as_a_status(void **state)
{
    (void)state;
    static const struct {
        const char *code, *text;
        int http; /* 0: nothing that another attempt cures */
        enum status want;
        int after_s;
    } rows[] = {
        {"rate_limit_exceeded", "account 123456789012; try again in 3s", 429, STATUS_RATE, 3},
        {"rate_limit_error", "slow down", 429, STATUS_RATE, 2},
        {"throttlingException", "", 429, STATUS_RATE, 2},
        {"429", "Too many tokens per day", 429, STATUS_RATE, -1},
        {"server_error", "of 123456789012", 500, STATUS_INTERNAL, 0},
        {"overloaded_error", "Overloaded", 503, STATUS_OVERLOADED, 0},
        {"context_length_exceeded", "", 0, STATUS_OK, 0},
        {"validationException", "", 0, STATUS_OK, 0},
        {"modelStreamErrorException", "", 0, STATUS_OK, 0}, /* the model has run */
        {"", "", 0, STATUS_OK, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker w = {.segment = &segment, .config = &config};
        struct reply reply = {.started = false};
        struct exchange x = {.worker = &w, .asked.id = STR("req_t"), .attempt.reply = &reply};
        size_t at;
        relay_fail(&reply, text_from(rows[i].code), text_from(rows[i].text));
        bool cured = bedrock_own_error(&x);
        if (cured != (rows[i].http > 0) || x.attempt.transfer.refusal != rows[i].http ||
            x.outcome.err.code != rows[i].want || x.outcome.err.retry_after_s != rows[i].after_s) {
            fail_msg("%s: %d %d", rows[i].code, x.attempt.transfer.refusal, x.outcome.err.code);
        }
        assert_false(text_find(text_from(x.outcome.err.text), STR("123456789012"), &at));
        assert_int_equal(x.attempt.transfer.told_ms, i == 0 ? 3000 : 0);
    }
}

/* Which image, which member: who has sent it can mend it. */
static void test_own_error_of_the_clients_keeps_its_words(void **state)
{
    (void)state;
    struct worker w = {.segment = &segment, .config = &config};
    struct reply reply = {.started = false};
    struct exchange x = {.worker = &w,
                         .asked.id = STR("req_t"),
                         .attempt.reply = &reply,
                         .outcome.err = {.code = STATUS_INVALID, .text = "ended with an error"}};
    relay_fail(&reply, STR("image_parse_error"), STR("no image, 123456789012"));
    assert_false(bedrock_own_error(&x));
    assert_int_equal(x.outcome.err.code, STATUS_INVALID);
    assert_string_equal(x.outcome.err.text, "no image, [account]");
    x.outcome.err.code = STATUS_CONTEXT;
    relay_fail(&reply, STR("context_length_exceeded"), STR("300 of 200 tokens"));
    assert_false(bedrock_own_error(&x));
    assert_int_equal(x.outcome.err.code, STATUS_CONTEXT);
    assert_string_equal(x.outcome.err.text, "300 of 200 tokens");
    relay_fail(&reply, STR("image_parse_error"), STR(""));
    assert_false(bedrock_own_error(&x));
    assert_string_equal(x.outcome.err.text, "300 of 200 tokens");
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
    bedrock_error(&x, 400, STR("ValidationException"),
                  STR("{\"message\":\"Value 'tell me a secret' at 'messages' is wrong\"}"));
    assert_non_null(strstr(x.outcome.err.text, "tell me a secret")); /* its own words */
    log_to(STDOUT_FILENO);
    log_level_set(LOG_OFF);
    ssize_t n = read(pipes[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(
        strstr(text, "req_t: Bedrock 403 InvalidSignatureException (attempt 1): It does"));
    assert_null(strstr(text, "Canonical"));
    assert_null(strstr(text, "IQoJ"));
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "Value '[16 bytes]' at 'messages' is wrong"));
    close(pipes[0]);
    close(pipes[1]);
}

/* L6: retried seven times a minute by clients, in silence. */
static void test_refused_credentials_are_final_once_there_is_nothing_newer(void **state)
{
    static const char *const names[] = {"ExpiredTokenException", "UnrecognizedClientException",
                                        "InvalidSignatureException"};
    static const struct config with_key = {.bedrock_api_key = "k"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct worker w = {
            .segment = &segment, .config = &config, .keyring.lane[LANES_HOME].keys.generation = 4};
        struct exchange x = {.worker = &w, .asked.id = STR("req_t")};
        bedrock_error(&x, 403, text_from(names[i]), STR("{}"));
        assert_int_equal(wait_should_retry(&x.outcome.err), -1);
        w.keyring.lane[LANES_HOME].refused_ms -= 2000;
        bedrock_error(&x, 403, text_from(names[i]), STR("{}"));
        assert_int_equal(x.outcome.err.code, STATUS_INTERNAL);
        assert_int_equal(wait_should_retry(&x.outcome.err), 0);
        assert_int_equal(wait_retry_after(&x.outcome.err), 0);
        w.keyring.lane[LANES_HOME].keys.generation = 6; /* newer ones: these get their chance */
        bedrock_error(&x, 403, text_from(names[i]), STR("{}"));
        assert_int_equal(wait_should_retry(&x.outcome.err), -1);
        w.config = &with_key; /* nobody renews it */
        bedrock_error(&x, 403, text_from(names[i]), STR("{}"));
        assert_int_equal(wait_should_retry(&x.outcome.err), 0);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_error_table_maps_status_and_text),
        TEST(test_error_says_what_it_is_about),
        TEST(test_error_validation_text_loses_arn_and_account),
        TEST(test_rate_says_when_to_come_again),
        TEST(test_overflow_is_told_in_the_clients_words),
        TEST(test_a_long_sentence_is_cut_between_letters),
        TEST(test_exception_frame_maps_camel_case),
        TEST(test_own_error_is_what_it_would_be_as_a_status),
        TEST(test_own_error_of_the_clients_keeps_its_words),
        TEST(test_refused_credentials_are_final_once_there_is_nothing_newer),
        TEST(test_error_log_has_only_the_first_line_of_aws_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
