#include "master/cli/key_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NOW_MS 1768478400000ll /* 2026-01-15T12:00:00Z */

static void test_expiry_forms_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* 0: refused */
    } rows[] = {
        {"30d", NOW_MS / 1000 + 30 * 86400},
        {"2026-01-15T12:00:01Z", NOW_MS / 1000 + 1},
        {"2026-01-15T11:59:59Z", 0},
        {"0d", 0},
        {"-1d", 0},
        {"d", 0},
        {"36501d", 0},
        {"tomorrow", 0},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t got = -1;
        bool ok = key_options_expiry(text_from(rows[i].text), NOW_MS, &got);
        if (ok != (rows[i].seconds != 0) || got != rows[i].seconds) {
            fail_msg("row \"%s\": %lld", rows[i].text, (long long)got);
        }
    }
}

static void test_read_each_kind_into_its_field(void **state)
{
    (void)state;
    struct keystore_row row = {0};
    struct err err;
    static const char *const given[][2] = {
        {"user-id", "alice"},     {"name", "a \"b\""},
        {"rate-limit", "5"},      {"tpm", "6"},
        {"max-concurrency", "7"}, {"monthly-budget", "12.50"},
        {"budget-mode", "soft"},  {"expires", "1d"},
        {"models", "claude-*"},   {"service-tier", "flex"},
        {"cache-ttl", "5m"},      {"guardrail", "off"},
        {"project", "default"},
    };
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        const struct key_option *k = key_options_find(given[i][0]);
        if (!k || key_options_read(k, given[i][1], NOW_MS, &row, &err) != STATUS_OK) {
            fail_msg("%s", given[i][0]);
        }
    }
    assert_string_equal(row.user_id, "alice");
    assert_string_equal(row.name, "a \"b\"");
    assert_int_equal(row.rate_limit, 5);
    assert_int_equal(row.tpm_limit, 6);
    assert_int_equal(row.max_concurrency, 7);
    assert_int_equal(row.budget_micro, 12500000);
    assert_string_equal(row.budget_mode, "soft");
    assert_int_equal(row.expires_s, NOW_MS / 1000 + 86400);
    assert_string_equal(row.models, "claude-*");
    assert_string_equal(row.service_tier, "flex");
    assert_string_equal(row.cache_ttl, "5m");
    assert_string_equal(row.guardrail, "off");
    assert_string_equal(row.project, "default");
}

static void test_read_wrong_values_name_the_option(void **state)
{
    (void)state;
    static const char *const given[][2] = {
        {"name", ""},           {"rate-limit", "-1"},
        {"tpm", "many"},        {"monthly-budget", "lots"},
        {"expires", "never"},   {"service-tier", "much-too-long"},
        {"cache-ttl", "10min"}, {"max-concurrency", "1.5"}};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        struct keystore_row row = {0}, before = row;
        struct err err;
        enum status status =
            key_options_read(key_options_find(given[i][0]), given[i][1], NOW_MS, &row, &err);
        if (status != STATUS_INVALID || !strstr(err.text, given[i][0]) ||
            memcmp(&row, &before, sizeof row) != 0) {
            fail_msg("--%s %s", given[i][0], given[i][1]);
        }
    }
}

static void test_find_unknown_name_is_null(void **state)
{
    (void)state;
    assert_null(key_options_find("clear"));
    assert_int_equal(key_options_find("user-id")->edit, 0);
    assert_int_equal(key_options_find("tpm")->edit, KEYSTORE_EDIT(tpm_limit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expiry_forms_as_listed),
        cmocka_unit_test(test_read_each_kind_into_its_field),
        cmocka_unit_test(test_read_wrong_values_name_the_option),
        cmocka_unit_test(test_find_unknown_name_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
