#include "worker/turn/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/clock.h"

static void test_say_table(void **state)
{
    (void)state;
    static const struct {
        uint64_t wait_s;
        const char *text;
        int retry; /* x-should-retry */
    } rows[] = {
        {0, "no; come in 1 s", -1},
        {1, "no; come in 1 s", -1},
        {60, "no; come in 60 s", -1},
        {61, "no; come in 61 s, at 2026-01-31 12:01:01 UTC", 0},
        {120, "no; come in 120 s, at 2026-01-31 12:02:00 UTC", 0},
        {3540, "no; come in 59 minutes, at 2026-01-31 12:59:00 UTC", 0},
        {7201, "no; come in 3 hours, at 2026-01-31 14:00:01 UTC", 0},
        {12 * 3600, "no; come in 12 hours, at 2026-02-01 00:00:00 UTC", 0},
        {31 * 86400, "no; come in 31 days, at 2026-03-03 12:00:00 UTC", 0},
    };
    clock_freeze_real_ms(1769860800000); /* 2026-01-31 12:00 */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        err_set(&err, STATUS_RATE, "no");
        wait_say(&err, "come", rows[i].wait_s);
        assert_string_equal(err.text, rows[i].text);
        assert_int_equal(wait_retry_after(&err), rows[i].wait_s ? rows[i].wait_s : 1);
        assert_int_equal(wait_should_retry(&err), rows[i].retry);
    }
}

static void test_say_text_is_cut_not_overrun(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, STATUS_RATE, "%0*d", (int)sizeof err.text, 7);
    wait_say(&err, "come", UINT64_MAX);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_true(err.retry_after_s > 60);
}

/* Whatever its status and its wait: what the table of statuses says comes first. */
static void test_headers_of_each_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum status status;
        int wait_s; /* -1: in vain */
        uint64_t retry_after;
        int retry;
    } rows[] = {
        {"weather", STATUS_UNAVAILABLE, 5, 5, -1},
        {"long weather", STATUS_UNAVAILABLE, 300, 300, 0},
        {"no memory", STATUS_BUSY, 0, 1, -1},
        {"no wait known", STATUS_RATE, 0, 0, -1},
        {"a month", STATUS_BUDGET, 86400, 86400, 0},
        {"a short budget", STATUS_BUDGET, 3, 3, 0},
        {"never", STATUS_BUDGET, -1, 0, 0},
        {"never, of another kind", STATUS_UNAVAILABLE, -1, 0, 0},
        {"never, busy", STATUS_BUSY, -1, 0, 0},
        {"no key", STATUS_AUTH, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        err_set(&err, rows[i].status, "no");
        if (rows[i].wait_s > 0) {
            wait_say(&err, "come", (uint64_t)rows[i].wait_s);
        } else if (rows[i].wait_s < 0) {
            wait_is_vain(&err);
        }
        if (wait_retry_after(&err) != rows[i].retry_after ||
            wait_should_retry(&err) != rows[i].retry) {
            fail_msg("%s: %d %d", rows[i].name, (int)wait_retry_after(&err),
                     wait_should_retry(&err));
        }
    }
}

static void test_told_reads_what_models_say(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        uint64_t ms;
    } rows[] = {
        {"Rate limit reached for x. Please try again in 20s.", 20000},
        {"Please try again in 1.25s. Visit", 1250},
        {"please Try Again In 6ms", 6},
        {"try again in 1m2.5s", 62500},
        {"try again in 2 minutes", 120000},
        {"retry after 5 seconds", 5000},
        {"retry in 1h", 3600000},
        {"try again in 300h", 86400000},
        {"try again in 99999999999999999999999s", 86400000},
        {"try again in 0.0004s", 0},
        {"try again in 20", 0},
        {"try again in a moment", 0},
        {"try again in ", 0},
        {"wait before trying again", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (wait_told_ms(text_from(rows[i].said)) != rows[i].ms) {
            fail_msg("%s: %llu", rows[i].said,
                     (unsigned long long)wait_told_ms(text_from(rows[i].said)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_say_table),
        cmocka_unit_test(test_say_text_is_cut_not_overrun),
        cmocka_unit_test(test_headers_of_each_kind),
        cmocka_unit_test(test_told_reads_what_models_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
