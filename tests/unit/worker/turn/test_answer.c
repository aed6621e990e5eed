#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/turn/answer.h"

#include "server/base/clock.h"

static void check_body(enum dialect dialect, enum status code, const char *text, const char *want)
{
    struct err err;
    struct buf out;
    buf_init(&out, 4096);
    err_set(&err, code, "%s", text);
    answer_error_body(dialect, &err, STR("req_1"), &out);
    buf_put_char(&out, '\0');
    assert_string_equal(buf_data(&out), want);
    buf_free(&out);
}

static void test_error_body_anthropic_has_type_and_request_id(void **state)
{
    (void)state;
    check_body(DIALECT_ANTHROPIC, STATUS_RATE, "slow \"down\"",
               "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow "
               "\\\"down\\\"\"},"
               "\"request_id\":\"req_1\"}");
    check_body(
        DIALECT_ANTHROPIC, STATUS_OVERLOADED, "Overloaded",
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"},"
        "\"request_id\":\"req_1\"}");
}

static void test_error_body_of_a_coded_body_has_the_official_code(void **state)
{
    (void)state;
    check_body(DIALECT_ANTHROPIC, STATUS_BODY_CODED, "plain",
               "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
               "\"plain\",\"details\":{\"error_code\":\"request_body_encoding_unsupported\"}},"
               "\"request_id\":\"req_1\"}");
}

/* L1 */
static void test_error_body_of_a_thread_says_what_is_not_there(void **state)
{
    (void)state;
    check_body(DIALECT_ANTHROPIC, STATUS_THREAD, "no",
               "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
               "\"no\",\"details\":{\"error_code\":\"thread_unsupported_request\",\"unsupported\":"
               "[\"thread\"]}},\"request_id\":\"req_1\"}");
}

static void check_openai(const char *name, const struct err *err, const char *tail)
{
    char want[400];
    struct buf out;
    buf_init(&out, 4096);
    answer_error_body(DIALECT_OPENAI, err, STR("req_1"), &out);
    snprintf(want, sizeof want,
             "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",%s}}", err->text,
             tail);
    if (!text_eq(buf_str(&out), text_from(want))) {
        fail_msg("%s: %.*s", name, STR_ARG(buf_str(&out)));
    }
    buf_free(&out);
}

static void test_error_body_openai_names_the_parameter(void **state)
{
    (void)state;
    static const struct {
        enum err_fault fault;
        const char *tail;
    } rows[] = {
        {ERR_FAULT_VALUE, "\"param\":\"tools[3].type\",\"code\":\"invalid_value\""},
        {ERR_FAULT_TYPE, "\"param\":\"tools[3].type\",\"code\":\"invalid_type\""},
        {ERR_FAULT_EMPTY, "\"param\":\"tools[3].type\",\"code\":\"empty_array\""},
        {ERR_FAULT_MISSING, "\"param\":\"tools[3].type\",\"code\":\"missing_required_parameter\""},
    };
    struct err err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        err_set_param(&err, rows[i].fault, "tools[3].type", "in any words");
        check_openai(rows[i].tail, &err, rows[i].tail);
    }
}

/* A model's or a client's words may look like ours. */
static void test_error_body_openai_reads_no_parameter_out_of_a_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"Invalid 'n': only 1 is supported.",
                                        "Missing required parameter: 'x'.", "Invalid '"};
    struct err err;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        err_set(&err, STATUS_INVALID, "%s", texts[i]);
        check_openai(texts[i], &err, "\"param\":null,\"code\":null");
    }
}

static void test_error_body_openai_has_code_and_null_param(void **state)
{
    (void)state;
    check_body(DIALECT_OPENAI, STATUS_AUTH, "no",
               "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"param\":null,"
               "\"code\":\"invalid_api_key\"}}");
    check_body(DIALECT_OPENAI, STATUS_INVALID, "bad",
               "{\"error\":{\"message\":\"bad\",\"type\":\"invalid_request_error\",\"param\":null,"
               "\"code\":null}}");
}

/* A spent budget tells Codex when a new one begins; nothing else does, and nobody else is told. */
static void test_error_body_responses_has_the_end_of_the_month(void **state)
{
    (void)state;
    struct err err;
    struct buf out;
    clock_freeze_real_ms(1700000000000);
    err_set(&err, STATUS_BUDGET, "spent");
    err.retry_after_s = 100;
    for (enum dialect d = DIALECT_ANTHROPIC; d < DIALECT_COUNT; d++) {
        size_t at;
        buf_init(&out, 4096);
        answer_error_body(d, &err, STR("req_1"), &out);
        assert_int_equal(text_find(buf_str(&out), STR("\"resets_at\":1700000100}"), &at),
                         d == DIALECT_RESPONSES);
        buf_free(&out);
    }
    clock_freeze_real_ms(0);
    check_body(DIALECT_RESPONSES, STATUS_BUDGET, "spent",
               "{\"error\":{\"message\":\"spent\",\"type\":\"usage_limit_reached\",\"param\":null,"
               "\"code\":\"insufficient_quota\"}}");
    check_body(
        DIALECT_RESPONSES, STATUS_PERMISSION, "not yours",
        "{\"error\":{\"message\":\"not yours\",\"type\":\"invalid_request_error\",\"param\":null,"
        "\"code\":\"model_not_found\"}}");
}

static void test_origin_only_listed_is_allowed(void **state)
{
    (void)state;
    const struct config c = {.cors_origins = "https://a.example, https://b.example:8443"};
    const struct config none = {.cors_origins = ""};
    static const struct {
        const char *origin;
        bool allowed;
    } rows[] = {{"https://a.example", true},
                {"https://b.example:8443", true},
                {"https://b.example", false},
                {"https://A.example", false},
                {"null", false},
                {"", false},
                {"https://a.example.evil", false},
                {"*", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((answer_origin(&c, text_from(rows[i].origin)).n > 0) != rows[i].allowed) {
            fail_msg("origin '%s'", rows[i].origin);
        }
    }
    assert_int_equal(answer_origin(&none, STR("https://a.example")).n, 0);
}

static void check_id(const char *name, const char *value, bool kept)
{
    struct http_header h = {text_from(name), text_from(value)};
    struct http_request r = {.headers = &h, .header_count = 1};
    char id[ANSWER_ID_SIZE];
    answer_id(&r, id);
    if ((strcmp(id, value) == 0) != kept) {
        fail_msg("%s: %s gave %s", name, value, id);
    }
    if (!kept) {
        assert_memory_equal(id, "req_", 4);
    }
}

static void test_id_client_value_kept_when_legal(void **state)
{
    (void)state;
    char longest[80];
    memset(longest, 'x', sizeof longest);
    longest[64] = '\0';
    check_id("X-Request-Id", "abc-DEF_123", true);
    check_id("x-trace-id", "t1", true);
    check_id("x-request-id", longest, true);
    longest[64] = 'x';
    longest[65] = '\0';
    check_id("x-request-id", longest, false);
    check_id("x-request-id", "a b", false);
    check_id("x-request-id", "a\"b", false);
    check_id("x-request-id", "", false);
    check_id("x-other", "abc", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_body_anthropic_has_type_and_request_id),
        cmocka_unit_test(test_error_body_of_a_coded_body_has_the_official_code),
        cmocka_unit_test(test_error_body_of_a_thread_says_what_is_not_there),
        cmocka_unit_test(test_error_body_openai_names_the_parameter),
        cmocka_unit_test(test_error_body_openai_reads_no_parameter_out_of_a_text),
        cmocka_unit_test(test_error_body_openai_has_code_and_null_param),
        cmocka_unit_test(test_error_body_responses_has_the_end_of_the_month),
        cmocka_unit_test(test_origin_only_listed_is_allowed),
        cmocka_unit_test(test_id_client_value_kept_when_legal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
