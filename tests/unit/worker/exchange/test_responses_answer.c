#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/exchange/responses_answer.h"

#include "server/base/clock.h"
#include "worker/turn/wait.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 1000, .keys = 100, .number_len = 64};

static void begin(struct exchange *x)
{
    struct err err;
    *x = (struct exchange){.arena = arena_new(1 << 20)};
    assert_non_null(x->arena);
    x->asked.dialect = DIALECT_RESPONSES;
    x->asked.client_model = STR("m");
    assert_int_equal(scan_parse(&x->asked.scan, x->arena, STR("{\"model\":\"m\",\"input\":\"x\"}"),
                                &limits, &err),
                     STATUS_OK);
    assert_int_equal(asked_read(&x->asked, &err), STATUS_OK);
}

/* The codes by which Codex decides: final, again after a while, again at once. */
static void test_fail_table(void **state)
{
    (void)state;
    static const struct {
        enum status status;
        int wait_s; /* -1: in vain */
        const char *text, *says;
    } rows[] = {
        {STATUS_CONTEXT, 0, "too long",
         "{\"code\":\"context_length_exceeded\",\"message\":\"too long\"}"},
        {STATUS_RATE, 2, "slow",
         "{\"code\":\"rate_limit_exceeded\",\"message\":\"slow; try again in 2s\"}"},
        {STATUS_RATE, 5, "slow; try again in 5 s",
         "{\"code\":\"rate_limit_exceeded\",\"message\":\"slow; try again in 5 s\"}"},
        {STATUS_RATE, -1, "a day's", "{\"code\":\"insufficient_quota\",\"message\":\"a day's\"}"},
        {STATUS_BUDGET, 0, "spent", "{\"code\":\"insufficient_quota\",\"message\":\"spent\"}"},
        {STATUS_INVALID, 0, "bad", "{\"code\":\"invalid_prompt\",\"message\":\"bad\"}"},
        {STATUS_NO_MODEL, 0, "model: m", "{\"code\":\"invalid_prompt\",\"message\":\"model: m\"}"},
        {STATUS_UPSTREAM, 0, "cut", "{\"code\":\"server_error\",\"message\":\"cut\"}"},
        {STATUS_OVERLOADED, 0, "full", "{\"code\":\"server_error\",\"message\":\"full\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct exchange x;
        struct err err;
        struct buf out;
        size_t at;
        begin(&x);
        buf_init(&out, 1 << 16);
        err_set(&err, rows[i].status, "%s", rows[i].text);
        err.retry_after_s = rows[i].wait_s;
        if (rows[i].wait_s < 0) {
            wait_is_vain(&err);
        }
        responses_answer_fail(&x, &err, &out); /* no attempt has made a writer */
        if (!text_find(buf_str(&out), text_from(rows[i].says), &at) ||
            !text_starts(buf_str(&out), STR("event: response.created\n"))) {
            fail_msg("%s: %.*s", rows[i].says, STR_ARG(buf_str(&out)));
        }
        assert_null(x.attempt.reply);
        buf_free(&out);
        arena_drop(x.arena);
    }
}

/* The longest text there can be, and what is added to it, are whole. */
static void test_fail_with_the_longest_text(void **state)
{
    (void)state;
    struct exchange x;
    struct err err;
    struct buf out;
    size_t at;
    begin(&x);
    buf_init(&out, 1 << 16);
    err_set(&err, STATUS_RATE, "%0500d", 1);
    err.retry_after_s = INT32_MAX;
    responses_answer_fail(&x, &err, &out);
    assert_true(text_find(buf_str(&out), STR("0; try again in 2147483647s\""), &at));
    buf_free(&out);
    arena_drop(x.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_table),
        cmocka_unit_test(test_fail_with_the_longest_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
