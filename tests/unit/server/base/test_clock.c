#include "server/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static void test_print_known_instants_all_forms(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *amz, *rfc3339, *http, *month;
    } rows[] = {
        {0, "19700101T000000Z", "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT",
         "1970-01"},
        {1768478400123, "20260115T120000Z", "2026-01-15T12:00:00.123Z",
         "Thu, 15 Jan 2026 12:00:00 GMT", "2026-01"},
        {1768478400007, "20260115T120000Z", "2026-01-15T12:00:00.007Z",
         "Thu, 15 Jan 2026 12:00:00 GMT", "2026-01"}, /* the same second */
        {951782399999, "20000228T235959Z", "2000-02-28T23:59:59.999Z",
         "Mon, 28 Feb 2000 23:59:59 GMT", "2000-02"},
        {951782400000, "20000229T000000Z", "2000-02-29T00:00:00.000Z",
         "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02"},
        {784111777000, "19941106T084937Z", "1994-11-06T08:49:37.000Z",
         "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11"},
        {-1, "19691231T235959Z", "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT",
         "1969-12"},
        {253402300799000, "99991231T235959Z", "9999-12-31T23:59:59.000Z",
         "Fri, 31 Dec 9999 23:59:59 GMT", "9999-12"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char amz[17];
        char rfc3339[25];
        char http[30];
        char month[8];
        clock_amz(rows[i].ms, amz);
        clock_rfc3339(rows[i].ms, rfc3339);
        clock_http(rows[i].ms, http);
        clock_month(rows[i].ms, month);
        assert_string_equal(amz, rows[i].amz);
        assert_string_equal(rfc3339, rows[i].rfc3339);
        assert_string_equal(http, rows[i].http);
        assert_string_equal(month, rows[i].month);
    }
}

static void test_parse_rfc3339_rows(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        int64_t ms;
    } rows[] = {
        {"2026-01-15T12:00:00Z", true, 1768478400000},
        {"2026-01-15T12:00:00.1Z", true, 1768478400100},
        {"2026-01-15T12:00:00.123456789Z", true, 1768478400123},
        {"2026-01-15T12:00:00.123456789+00:00", true, 1768478400123},
        {"2026-01-15T13:30:00+01:30", true, 1768478400000},
        {"2026-01-15T04:00:00-08:00", true, 1768478400000},
        {"2000-02-29T00:00:00Z", true, 951782400000},
        {"1970-01-01T00:00:00Z", true, 0},
        {"", false, 0},
        {"2026-01-15", false, 0},
        {"2026-01-15T12:00:00", false, 0},
        {"2026-01-15 12:00:00Z", false, 0},
        {"2026-01-15T12:00:00z", false, 0},
        {"2026-01-15T12:00:00.Z", false, 0},
        {"2026-01-15T12:00:00ZZ", false, 0},
        {"2026-01-15T12:00:00+0000", false, 0},
        {"2026-01-15T12:00:00+24:00", false, 0},
        {"2026-01-15T12:00:00+00:60", false, 0},
        {"2026-01-15T12:00:00 00:00", false, 0},
        {"2026-02-30T12:00:00Z", false, 0},
        {"2025-02-29T12:00:00Z", false, 0},
        {"2026-13-15T12:00:00Z", false, 0},
        {"2026-00-15T12:00:00Z", false, 0},
        {"2026-01-15T24:00:00Z", false, 0},
        {"2026-01-15T12:60:00Z", false, 0},
        {"2026-01-15T12:00:60Z", false, 0},
        {"2026-1-15T12:00:00Z", false, 0},
        {"-026-01-15T12:00:00Z", false, 0},
        {"2026-01-15T12:00:0", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms = -5;
        bool ok = clock_parse_rfc3339(text_from(rows[i].in), &ms);
        if (ok != rows[i].ok || (ok && ms != rows[i].ms)) {
            fail_msg("row \"%s\": %d, %lld", rows[i].in, ok, (long long)ms);
        }
    }
}

static void test_parse_http_rows(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        int64_t ms;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", true, 784111777000},
        {"Thu, 15 Jan 2026 12:00:00 GMT", true, 1768478400000},
        {"Fri, 15 Jan 2026 12:00:00 GMT", false, 0}, /* it was a Thursday */
        {"Thu, 15 Jan 2026 12:00:00 UTC", false, 0},
        {"Thu, 15 jan 2026 12:00:00 GMT", false, 0},
        {"Thu, 15 Foo 2026 12:00:00 GMT", false, 0},
        {"Thu, 5 Jan 2026 12:00:00 GMT", false, 0},
        {"Thu, 15 Jan 2026 12:00:00 GMT ", false, 0},
        {"Sunday, 06-Nov-94 08:49:37 GMT", false, 0},
        {"Sun Nov  6 08:49:37 1994", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ms = -5;
        bool ok = clock_parse_http(text_from(rows[i].in), &ms);
        if (ok != rows[i].ok || (ok && ms != rows[i].ms)) {
            fail_msg("row \"%s\": %d, %lld", rows[i].in, ok, (long long)ms);
        }
    }
}

static void test_parse_undoes_print_for_many_days(void **state)
{
    (void)state;
    for (int64_t ms = -5000000000000; ms < 10000000000000; ms += 8640012345) {
        char text[30];
        int64_t back = 0;
        clock_rfc3339(ms, text);
        assert_true(clock_parse_rfc3339(text_from(text), &back));
        assert_true(back == ms);
        clock_http(ms, text);
        assert_true(clock_parse_http(text_from(text), &back));
        assert_true(back <= ms && ms - back < 1000);
    }
}

static void test_cache_moves_only_with_tick(void **state)
{
    (void)state;
    clock_tick();
    uint64_t before = clock_mono_ns();
    int64_t real = clock_real_ms();
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    assert_true(clock_mono_ns() == before);
    assert_true(clock_real_ms() == real);
    assert_true(clock_now_ns() >= before + 3000000);
    clock_tick();
    assert_true(clock_mono_ns() >= before + 3000000);
    assert_true(clock_mono_ms() == clock_mono_ns() / 1000000);
    assert_true(clock_real_ms() > 1700000000000);
}

static void test_freeze_holds_calendar_not_timers(void **state)
{
    (void)state;
    clock_freeze_real_ms(1768478400000);
    clock_tick();
    assert_true(clock_real_ms() == 1768478400000);
    assert_true(clock_real_now_ms() == 1768478400000);
    assert_true(clock_mono_ns() > 0 && clock_mono_ns() <= clock_now_ns());
    clock_freeze_real_ms(0);
    assert_true(clock_real_ms() != 1768478400000);
}

static void test_seconds_up_never_says_too_little(void **state)
{
    (void)state;
    assert_true(clock_seconds_up(0) == 0);
    assert_true(clock_seconds_up(1) == 1);
    assert_true(clock_seconds_up(1000000000) == 1);
    assert_true(clock_seconds_up(1000000001) == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print_known_instants_all_forms),
        cmocka_unit_test(test_parse_rfc3339_rows),
        cmocka_unit_test(test_parse_http_rows),
        cmocka_unit_test(test_parse_undoes_print_for_many_days),
        cmocka_unit_test(test_cache_moves_only_with_tick),
        cmocka_unit_test(test_freeze_holds_calendar_not_timers),
        cmocka_unit_test(test_seconds_up_never_says_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
