#include "server/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_set_fills_every_member(void **state)
{
    (void)state;
    struct err err = {STATUS_RATE, 7, "old", ERR_FAULT_TYPE, "old"};
    assert_int_equal(err_set(&err, STATUS_INVALID, "field %s, item %d", "x", 3), STATUS_INVALID);
    assert_int_equal(err.code, STATUS_INVALID);
    assert_int_equal(err.retry_after_s, 0);
    assert_string_equal(err.text, "field x, item 3");
    assert_int_equal(err.fault, ERR_FAULT_NONE);
    assert_string_equal(err.param, "");
}

static void test_set_param_fills_every_member(void **state)
{
    (void)state;
    struct err err = {STATUS_RATE, 7, "old", ERR_FAULT_TYPE, "old"};
    assert_int_equal(err_set_param(&err, ERR_FAULT_EMPTY, "tools[7]", "no %s", "x"),
                     STATUS_INVALID);
    assert_int_equal(err.code, STATUS_INVALID);
    assert_int_equal(err.retry_after_s, 0);
    assert_string_equal(err.text, "no x");
    assert_string_equal(err.param, "tools[7]");
    assert_string_equal(err_code(&err, DIALECT_OPENAI), "empty_array");
    assert_int_equal(err_set_param(NULL, ERR_FAULT_VALUE, "unseen", "unseen"), STATUS_INVALID);
}

static void test_code_is_the_statuss_own_before_the_faults(void **state)
{
    (void)state;
    struct err err = {.code = STATUS_NO_MODEL, .fault = ERR_FAULT_VALUE, .param = "model"};
    assert_string_equal(err_code(&err, DIALECT_OPENAI), "model_not_found");
    err.code = STATUS_INVALID;
    assert_string_equal(err_code(&err, DIALECT_OPENAI), "invalid_value");
    err.fault = ERR_FAULT_NONE;
    assert_null(err_code(&err, DIALECT_OPENAI));
}

static void test_set_long_text_is_cut(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, STATUS_UPSTREAM, "%0500d", 1);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

/* Wherever it is cut, a letter is whole or not there. */
static void test_set_text_ends_before_a_letter(void **state)
{
    static const char *const letters[] = {"\u00e4", "\u6f22", "\U0001F600"};
    (void)state;
    struct err err;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
        size_t n = strlen(letters[i]);
        for (size_t cut = 0; cut <= n; cut++) {
            err_set(&err, STATUS_UPSTREAM, "a%.*s", (int)cut, letters[i]);
            assert_int_equal(strlen(err.text), cut == n ? 1 + n : 1);
            err_set(&err, STATUS_UPSTREAM, "%0*d%s%s", (int)(sizeof err.text - 1 - cut), 0,
                    letters[i], letters[i]);
            assert_int_equal(strlen(err.text), sizeof err.text - 1 - (cut == n ? 0 : cut));
        }
    }
    err_set(&err, STATUS_UPSTREAM, "%s", "");
    assert_string_equal(err.text, "");
    err_set(&err, STATUS_UPSTREAM, "%s", "\x80\x80"); /* no letter at all: as it was */
    assert_int_equal(strlen(err.text), 2);
}

static void test_set_without_err_gives_code(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, STATUS_TIMEOUT, "unseen"), STATUS_TIMEOUT);
}

static void test_table_every_row_sane(void **state)
{
    (void)state;
    for (unsigned code = 0; code < STATUS_COUNT; code++) {
        const struct err_row *row = err_row((enum status)code);
        for (int dialect = DIALECT_ANTHROPIC; dialect < DIALECT_COUNT; dialect++) {
            int http = err_http((enum status)code, (enum dialect)dialect);
            const char *type = err_type((enum status)code, (enum dialect)dialect);
            if (code == STATUS_OK ? http != 200 : http < 400 || http > 599) {
                fail_msg("%s: HTTP status %d", row->name, http);
            }
            if ((code == STATUS_OK) != (type[0] == '\0')) {
                fail_msg("%s: type \"%s\"", row->name, type);
            }
        }
        if (row->should_retry < -1 || row->should_retry > 1) {
            fail_msg("%s: should_retry %d", row->name, row->should_retry);
        }
    }
}

static void test_table_names_follow_the_enum(void **state)
{
    (void)state;
    assert_string_equal(err_row(STATUS_OK)->name, "OK");
    assert_string_equal(err_row(STATUS_OVERLOADED)->name, "OVERLOADED");
    assert_int_equal(err_http(STATUS_OVERLOADED, DIALECT_ANTHROPIC), 529);
    assert_int_equal(err_http(STATUS_OVERLOADED, DIALECT_OPENAI), 503);
    assert_int_equal(err_http(STATUS_OVERLOADED, DIALECT_RESPONSES), 503);
    assert_string_equal(err_row(STATUS_AUTH)->code, "invalid_api_key");
    assert_null(err_row(STATUS_INTERNAL)->code);
}

/* AWS's SDKs repeat 429 and 5xx: what no wait cures is another status. */
static void test_bedrock_has_names_of_its_own(void **state)
{
    static const struct {
        enum status status;
        int http;
        const char *type;
    } rows[] = {
        {STATUS_INVALID, 400, "ValidationException"},
        {STATUS_TOO_LARGE, 413, "ValidationException"},
        {STATUS_AUTH, 403, "AccessDeniedException"},
        {STATUS_BUDGET, 400, "ServiceQuotaExceededException"},
        {STATUS_RATE, 429, "ThrottlingException"},
        {STATUS_NO_MODEL, 404, "ResourceNotFoundException"},
        {STATUS_NO_ROUTE, 404, "UnknownOperationException"},
        {STATUS_INTERNAL, 500, "InternalServerException"},
        {STATUS_OVERLOADED, 503, "ServiceUnavailableException"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(err_http(rows[i].status, DIALECT_BEDROCK), rows[i].http);
        assert_string_equal(err_type(rows[i].status, DIALECT_BEDROCK), rows[i].type);
    }
}

/* A model that cannot be had is final for Codex as 400 alone; for the others it is what it was. */
static void test_responses_tell_of_models_by_400(void **state)
{
    static const enum status models[] = {STATUS_NO_MODEL, STATUS_NOT_FOUND, STATUS_PERMISSION};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        struct err err = {.code = models[i]};
        assert_int_equal(err_http(models[i], DIALECT_RESPONSES), 400);
        assert_string_equal(err_type(models[i], DIALECT_RESPONSES), "invalid_request_error");
        assert_string_equal(err_code(&err, DIALECT_RESPONSES), "model_not_found");
        assert_int_equal(err_http(models[i], DIALECT_OPENAI), i < 2 ? 404 : 403);
        assert_int_equal(err_http(models[i], DIALECT_ANTHROPIC), i < 2 ? 404 : 403);
    }
    struct err param = {.code = STATUS_INVALID, .fault = ERR_FAULT_TYPE, .param = "input"};
    assert_string_equal(err_code(&param, DIALECT_RESPONSES), "invalid_type");
    assert_int_equal(err_http(STATUS_NO_ROUTE, DIALECT_RESPONSES), 404);
    assert_string_equal(err_type(STATUS_BUDGET, DIALECT_RESPONSES), "usage_limit_reached");
    assert_string_equal(err_type(STATUS_BUDGET, DIALECT_OPENAI), "insufficient_quota");
}

static void test_no_memory_is_busy(void **state)
{
    struct err err;
    (void)state;
    assert_int_equal(err_no_memory(&err), STATUS_BUSY);
    assert_string_equal(err.text, "out of memory for this request; try again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_every_member),
        cmocka_unit_test(test_set_param_fills_every_member),
        cmocka_unit_test(test_code_is_the_statuss_own_before_the_faults),
        cmocka_unit_test(test_set_long_text_is_cut),
        cmocka_unit_test(test_set_text_ends_before_a_letter),
        cmocka_unit_test(test_set_without_err_gives_code),
        cmocka_unit_test(test_table_every_row_sane),
        cmocka_unit_test(test_table_names_follow_the_enum),
        cmocka_unit_test(test_bedrock_has_names_of_its_own),
        cmocka_unit_test(test_responses_tell_of_models_by_400),
        cmocka_unit_test(test_no_memory_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
