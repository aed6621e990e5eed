#include "shm/store/keystore_usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct keystore_budget budget(int64_t limit, int64_t mtd, const char *month, bool active,
                                     const char *reason)
{
    struct keystore_budget b = {
        .limit_micro = limit, .used_micro = 1000, .mtd_micro = mtd, .active = active};
    snprintf(b.month, sizeof b.month, "%s", month);
    snprintf(b.reason, sizeof b.reason, "%s", reason);
    return b;
}

/* The middle of "2026-01". */
static int64_t middle_of(const char *month)
{
    struct tm tm = {.tm_mday = 15, .tm_hour = 12};
    assert_non_null(strptime(month, "%Y-%m", &tm));
    return (int64_t)timegm(&tm) * 1000;
}

static void test_budget_add_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t limit, mtd;
        const char *month;
        bool active;
        const char *reason, *now;
        uint64_t cost;
        /* then */
        int64_t then_mtd;
        bool then_active;
        const char *then_reason, *history;
        int64_t history_micro;
    } rows[] = {
        {"same month", 100, 10, "2026-01", true, "", "2026-01", 5, 15, true, "", "", 0},
        {"first use", 100, 0, "", true, "", "2026-01", 5, 5, true, "", "", 0},
        {"reached", 100, 95, "2026-01", true, "", "2026-01", 5, 100, false, "budget_exceeded", "",
         0},
        {"no budget", 0, 95, "2026-01", true, "", "2026-01", 5, 100, true, "", "", 0},
        {"new month", 100, 95, "2025-12", true, "", "2026-01", 5, 5, true, "", "2025-12", 95},
        {"new month, nothing used", 100, 0, "2025-12", true, "", "2026-01", 5, 5, true, "", "", 0},
        {"new month, on again", 100, 120, "2025-12", false, "budget_exceeded", "2026-01", 5, 5,
         true, "", "2025-12", 120},
        {"raised, on again", 500, 120, "2026-01", false, "budget_exceeded", "2026-01", 5, 125, true,
         "", "", 0},
        {"revoked stays so", 500, 120, "2025-12", false, "revoked", "2026-01", 5, 5, false,
         "revoked", "2025-12", 120},
        {"late row of last month", 100, 10, "2026-01", true, "", "2025-12", 5, 10, true, "",
         "2025-12", 5},
        {"still exceeded", 100, 120, "2026-01", false, "budget_exceeded", "2026-01", 5, 125, false,
         "budget_exceeded", "", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_budget b =
            budget(rows[i].limit, rows[i].mtd, rows[i].month, rows[i].active, rows[i].reason);
        int64_t at_ms = middle_of(rows[i].now);
        keystore_budget_add(&b, at_ms, at_ms + 5, rows[i].cost);
        if (b.used_micro != 1000 + (int64_t)rows[i].cost || b.mtd_micro != rows[i].then_mtd ||
            b.active != rows[i].then_active || strcmp(b.reason, rows[i].then_reason) != 0 ||
            strcmp(b.history_month, rows[i].history) != 0 ||
            b.history_micro != rows[i].history_micro) {
            fail_msg("%s: mtd %lld active %d", rows[i].name, (long long)b.mtd_micro, b.active);
        }
    }
}

static void test_budget_correct_moves_the_right_sum(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t limit, mtd;
        const char *month;
        bool active;
        const char *reason, *of;
        uint64_t was, right;
        bool reset; /* after it had ended */
        /* then */
        bool known;
        int64_t used, then_mtd;
        bool then_active;
        const char *history;
        int64_t history_micro;
    } rows[] = {
        {"cheaper", 100, 50, "2026-01", true, "", "2026-01", 30, 10, false, true, 980, 30, true, "",
         0},
        {"dearer", 100, 50, "2026-01", true, "", "2026-01", 10, 30, false, true, 1020, 70, true, "",
         0},
        {"dearer, over it", 100, 90, "2026-01", true, "", "2026-01", 10, 30, false, true, 1020, 110,
         false, "", 0},
        {"cheaper, below it", 100, 110, "2026-01", false, "budget_exceeded", "2026-01", 30, 10,
         false, true, 980, 90, true, "", 0},
        {"cheaper, revoked stays so", 100, 110, "2026-01", false, "revoked", "2026-01", 30, 10,
         false, true, 980, 90, false, "", 0},
        {"set back since", 100, 5, "2026-01", true, "", "2026-01", 30, 10, true, true, 980, 5, true,
         "", 0},
        {"never below nothing", 100, 5, "2026-01", true, "", "2026-01", 2000, 10, false, true, 0, 0,
         true, "", 0},
        {"an earlier month", 100, 50, "2026-01", true, "", "2025-12", 30, 10, false, true, 980, 50,
         true, "2025-12", -20},
        {"an earlier month, set back in it", 100, 50, "2026-01", true, "", "2025-12", 30, 10, true,
         true, 980, 50, true, "", 0},
        {"cost nothing, set back since", 100, 0, "2026-01", true, "", "2026-02", 0, 10, true, true,
         1010, 0, true, "", 0},
        {"not in the sums yet", 100, 50, "2026-01", true, "", "2026-02", 30, 10, false, false, 1000,
         50, true, "", 0},
        {"cost nothing, so it never came in", 100, 0, "", true, "", "2026-02", 0, 10, false, true,
         1010, 10, true, "", 0},
        {"cost nothing, of a new month", 100, 64000, "2026-01", false, "budget_exceeded", "2026-02",
         0, 10, false, true, 1010, 10, true, "2026-01", 60000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_budget b =
            budget(rows[i].limit, rows[i].mtd, rows[i].month, rows[i].active, rows[i].reason);
        int64_t at_ms = middle_of(rows[i].of);
        b.reset_ms = rows[i].reset ? at_ms + 6 : 0;
        bool known = keystore_budget_correct(&b, at_ms, at_ms + 5, rows[i].was, rows[i].right);
        if (known != rows[i].known || b.used_micro != rows[i].used ||
            b.mtd_micro != rows[i].then_mtd || b.active != rows[i].then_active ||
            strcmp(b.history_month, rows[i].history) != 0 ||
            b.history_micro != rows[i].history_micro) {
            fail_msg("%s: used %lld mtd %lld active %d history %s %lld", rows[i].name,
                     (long long)b.used_micro, (long long)b.mtd_micro, b.active, b.history_month,
                     (long long)b.history_micro);
        }
    }
}

/* What was under way to the store when the month was set back. */
static void test_budget_add_what_ended_before_the_reset_is_of_the_total_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name, *month, *of;
        int64_t reset_ms; /* after it started */
        int64_t then_mtd, history_micro;
    } rows[] = {
        {"ended before", "2026-01", "2026-01", 101, 10, 0},
        {"ended at the same time", "2026-01", "2026-01", 100, 15, 0},
        {"was running", "2026-01", "2026-01", 50, 15, 0},
        {"started later", "2026-01", "2026-01", -1, 15, 0},
        {"the month's first", "2025-12", "2026-01", 101, 0, 10},
        {"the month's first, never used before", "", "2026-01", 101, 0, 0},
        {"of last month, set back then", "2026-01", "2025-12", 101, 10, 0},
        {"of last month, set back in this one", "2026-01", "2025-12", 31 * 86400000ll, 10, 5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_budget b = budget(100, rows[i].month[0] ? 10 : 0, rows[i].month, true, "");
        int64_t at_ms = middle_of(rows[i].of);
        b.reset_ms = at_ms + rows[i].reset_ms;
        keystore_budget_add(&b, at_ms, at_ms + 100, 5);
        if (b.used_micro != 1005 || b.mtd_micro != rows[i].then_mtd ||
            b.history_micro != rows[i].history_micro) {
            fail_msg("%s: mtd %lld history %lld", rows[i].name, (long long)b.mtd_micro,
                     (long long)b.history_micro);
        }
    }
}

static void test_budget_reset_opens_what_it_closed(void **state)
{
    (void)state;
    struct keystore_budget b = budget(100, 120, "2026-01", false, "budget_exceeded");
    keystore_budget_reset(&b, 7);
    assert_true(b.active && b.mtd_micro == 0 && b.used_micro == 1000 && b.reason[0] == '\0' &&
                b.reset_ms == 7);
    b = budget(100, 120, "2026-01", false, "revoked");
    keystore_budget_reset(&b, 7);
    assert_true(!b.active && b.mtd_micro == 0);
}

static void test_budget_add_absurd_cost_stays_a_number(void **state)
{
    (void)state;
    struct keystore_budget b = budget(100, 10, "2026-01", true, "");
    keystore_budget_add(&b, middle_of("2026-01"), middle_of("2026-01"), UINT64_MAX);
    keystore_budget_add(&b, middle_of("2026-01"), middle_of("2026-01"), UINT64_MAX);
    assert_true(b.mtd_micro > 0 && b.used_micro > 0);
    assert_false(b.active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_add_table),
        cmocka_unit_test(test_budget_correct_moves_the_right_sum),
        cmocka_unit_test(test_budget_add_what_ended_before_the_reset_is_of_the_total_alone),
        cmocka_unit_test(test_budget_reset_opens_what_it_closed),
        cmocka_unit_test(test_budget_add_absurd_cost_stays_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
