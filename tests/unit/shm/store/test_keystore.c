#include "shm/store/keystore.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/sha256.h"
#include "shm/catalogue/tier.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* --- rows ---------------------------------------------------------------------------------- */

static struct keystore_row good_row(void)
{
    return (struct keystore_row){.id = "sha256:" HEX,
                                 .user_id = "alice",
                                 .name = "laptop",
                                 .active = true,
                                 .rate_limit = 50,
                                 .tpm_limit = 100000,
                                 .max_concurrency = 8,
                                 .budget_micro = 12500000,
                                 .expires_s = 1800000000,
                                 .service_tier = "priority",
                                 .cache_ttl = "1h",
                                 .models = "claude-*, amazon.nova-pro-v1:0"};
}

static void test_cell_good_row_is_taken_over(void **state)
{
    (void)state;
    struct keystore_row row = good_row();
    struct directory_key k;
    struct err err;
    assert_int_equal(keystore_cell(&row, false, &k, &err), STATUS_OK);
    uint8_t digest[32];
    assert_true(text_unhex(STR(HEX), digest, 32));
    assert_memory_equal(k.digest, digest, 32);
    assert_int_equal(k.slot | k.tag, 0);
    assert_int_equal(k.flags, DIRECTORY_ACTIVE);
    assert_int_equal(k.rate_limit, 50);
    assert_int_equal(k.tpm_limit, 100000);
    assert_int_equal(k.max_concurrency, 8);
    assert_int_equal(k.budget_micro, 12500000);
    assert_int_equal(k.expires_ms, 1800000000000ll);
    assert_int_equal(k.tier, TIER_PRIORITY);
    assert_int_equal(k.cache_ttl, DIRECTORY_TTL_1H);
    assert_string_equal(k.user, "alice");
    assert_int_equal(k.user_len, 5);
    assert_string_equal(k.name, "laptop");
    assert_string_equal(k.models, "claude-*,amazon.nova-pro-v1:0");
    assert_int_equal(k.models_len, strlen(k.models));
}

static void set(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static void test_cell_bad_attribute_is_named(void **state)
{
    (void)state;
#define BAD(what, change)                                                                       \
    {                                                                                           \
        struct keystore_row row = good_row();                                                   \
        struct directory_key k;                                                                 \
        struct err err = {0};                                                                   \
        change;                                                                                 \
        if (keystore_cell(&row, true, &k, &err) != STATUS_INVALID || !strstr(err.text, what)) { \
            fail_msg("%s: \"%s\"", #change, err.text);                                          \
        }                                                                                       \
    }
    BAD("api_key", row.id[0] = '\0')
    BAD("api_key", set(row.id, sizeof row.id, "sha256:abc"))
    BAD("api_key", set(row.id, sizeof row.id, "sk-\n"))
    BAD("api_key", set(row.id, sizeof row.id, "sk-\xc3\xa4"))
    BAD("user_id", row.user_id[0] = '\0')
    BAD("user_id", row.user_id[0] = '\x01')
    BAD("name", row.name[0] = '\xff')
    BAD("rate_limit", row.rate_limit = -1)
    BAD("rate_limit", row.rate_limit = INT64_MAX)
    BAD("tpm_limit", row.tpm_limit = -5)
    BAD("max_concurrency", row.max_concurrency = -5)
    BAD("monthly_budget", row.budget_micro = -1)
    BAD("monthly_budget", row.budget_micro = INT64_MAX)
    BAD("expires_at", row.expires_s = -1)
    BAD("expires_at", row.expires_s = INT64_MAX)
    BAD("service_tier", set(row.service_tier, sizeof row.service_tier, "gold"))
    BAD("cache_ttl", set(row.cache_ttl, sizeof row.cache_ttl, "2h"))
    BAD("allowed_models", set(row.models, sizeof row.models, "   "))
    BAD("allowed_models", set(row.models, sizeof row.models, "claude\"x"))
    BAD("allowed_models", memset(row.models, 'm', 72))
    BAD("guardrail", set(row.guardrail, sizeof row.guardrail, "gr"))
    BAD("guardrail", set(row.guardrail, sizeof row.guardrail, "gr:1:sync"))
    BAD("project", set(row.project, sizeof row.project, "p q"))
    BAD("some_attribute", row.unreadable = "some_attribute")
}

static void test_cell_with_terms_is_marked(void **state)
{
    (void)state;
    static const struct {
        const char *guardrail, *project;
        bool marked;
    } rows[] = {{"", "", false}, {"gr:1", "", true}, {"off", "", true}, {"", "default", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_row row = good_row();
        struct directory_key k;
        struct directory_terms t;
        struct err err;
        set(row.guardrail, sizeof row.guardrail, rows[i].guardrail);
        set(row.project, sizeof row.project, rows[i].project);
        assert_int_equal(keystore_cell(&row, false, &k, &err), STATUS_OK);
        assert_int_equal((k.flags & DIRECTORY_TERMS) != 0, rows[i].marked);
        keystore_terms(&row, k.digest, &t);
        assert_memory_equal(t.digest, k.digest, sizeof t.digest);
        assert_string_equal(t.guardrail, rows[i].guardrail);
        assert_string_equal(t.project, rows[i].project);
    }
}

static void test_cell_key_in_clear_only_where_allowed(void **state)
{
    (void)state;
    struct keystore_row row = good_row();
    struct directory_key k;
    struct err err;
    snprintf(row.id, sizeof row.id, "sk-0123456789abcdef0123456789abcdef");
    assert_int_equal(keystore_cell(&row, false, &k, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "ALLOW_CLEAR_KEYS"));
    assert_null(strstr(err.text, "0123456789abcdef"));
    assert_int_equal(keystore_cell(&row, true, &k, &err), STATUS_OK);
    uint8_t digest[32];
    sha256(row.id, strlen(row.id), digest);
    assert_memory_equal(k.digest, digest, 32);
    assert_int_equal(k.flags, DIRECTORY_ACTIVE | DIRECTORY_CLEAR);
}

static void test_cell_labels_are_cut_between_characters(void **state)
{
    (void)state;
    struct keystore_row row = good_row();
    struct directory_key k;
    struct err err;
    row.user_id[0] = '\0';
    for (int i = 0; i < 40; i++) {
        snprintf(row.user_id + 3 * i, 4, "\xe2\x82\xac"); /* three bytes each */
    }
    assert_int_equal(keystore_cell(&row, false, &k, &err), STATUS_OK);
    assert_int_equal(k.user_len, 45);
    assert_true(text_is_utf8((struct str){k.user, k.user_len}));
}

static void test_cell_budget_mode_is_a_flag(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        uint32_t flags;
    } rows[] = {{"", DIRECTORY_ACTIVE}, {"reserve", DIRECTORY_ACTIVE | DIRECTORY_BUDGET_RESERVE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_row row = good_row();
        struct directory_key k;
        struct err err;
        set(row.budget_mode, sizeof row.budget_mode, rows[i].mode);
        assert_int_equal(keystore_cell(&row, false, &k, &err), STATUS_OK);
        assert_int_equal(k.flags, rows[i].flags);
    }
}

static void test_cell_inactive_row_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *reason;
        uint32_t flags;
    } rows[] = {{"budget_exceeded", DIRECTORY_BUDGET_EXCEEDED}, {"revoked by hand", 0}, {"", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_row row = good_row();
        struct directory_key k;
        struct err err;
        row.active = false;
        snprintf(row.deactivated_reason, sizeof row.deactivated_reason, "%s", rows[i].reason);
        assert_int_equal(keystore_cell(&row, false, &k, &err), STATUS_OK);
        assert_int_equal(k.flags, rows[i].flags);
        assert_string_equal(k.reason, rows[i].reason);
    }
}

static void test_hash_id_is_sha256_of_the_key(void **state)
{
    (void)state;
    char id[KEYSTORE_ID_MAX + 1];
    keystore_hash_id(STR("abc"), id); /* FIPS 180-4 example */
    assert_string_equal(id,
                        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_money_rows(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
        int64_t micro;
    } rows[] = {{"0", true, 0},
                {"12", true, 12000000},
                {"12.5", true, 12500000},
                {"0.000001", true, 1},
                {"0.0000019", true, 1},
                {"0.1", true, 100000},
                {"1000000000", true, 1000000000000000},
                {"1000000000.1", false, 0},
                {"99999999999999999999", false, 0},
                {"", false, 0},
                {"-1", false, 0},
                {"1e3", false, 0},
                {"1.2.3", false, 0},
                {"1,5", false, 0},
                {"NaN", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t micro = -1;
        bool ok = keystore_money(text_from(rows[i].in), &micro);
        if (ok != rows[i].ok || (ok && micro != rows[i].micro)) {
            fail_msg("\"%s\": %d %lld", rows[i].in, ok, (long long)micro);
        }
    }
}

/* --- key text ------------------------------------------------------------------------------ */

static void test_new_key_is_plausible_and_every_typo_is_not(void **state)
{
    (void)state;
    char key[80], other[80];
    keystore_new_key("production", key);
    keystore_new_key("production", other);
    assert_string_not_equal(key, other);
    assert_memory_equal(key, "sk-production-", 14);
    assert_int_equal(strlen(key), 14 + 32 + 1 + 6);
    assert_true(keystore_key_plausible(text_from(key)));
    for (size_t i = 14; i < strlen(key); i++) {
        char right = key[i];
        if (!isalnum((unsigned char)right)) {
            continue;
        }
        key[i] = right == 'A' ? 'B' : 'A';
        if (keystore_key_plausible(text_from(key))) {
            fail_msg("a typo at %zu of %s passes", i, key);
        }
        key[i] = right;
    }
}

static void test_plausible_rows(void **state)
{
    (void)state;
    static char long_key[202];
    memset(long_key, 'k', 201);
    const struct {
        const char *name, *key;
        bool plausible;
    } rows[] = {
        {"seed uuid", "sk-4f1c6a52-9c1d-4a36-8a4c-2f0d3b0f7a11", true},
        {"elder hex", "sk-0123456789abcdef0123456789abcdef", true},
        {"free text", "my-own-key", true},
        {"200 characters", long_key + 1, true},
        {"201 characters", long_key, false},
        {"empty", "", false},
        {"newline", "sk-a\nb", false},
        {"delete", "sk-a\x7f", false},
        {"not ASCII", "sk-\xc3\xa4", false},
        {"a stored id", "sha256:" HEX, false},
        {"our form, wrong checksum", "sk-prod-0123456789abcdefghijklmnopqrstuv-000000", false},
        {"our form, one dash more", "sk-prod-0123456789abcdefghijklmnopqrstuv-000000-", true},
        {"our form, short checksum", "sk-prod-0123456789abcdefghijklmnopqrstuv-00000", true},
        {"our form, a dot in it", "sk-prod-0123456789abcdefghijklmnopqrst.v-000000", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (keystore_key_plausible(text_from(rows[i].key)) != rows[i].plausible) {
            fail_msg("%s", rows[i].name);
        }
    }
}

static void test_money_text_goes_there_and_back(void **state)
{
    (void)state;
    static const int64_t rows[] = {0, 1, 999999, 1000000, 12345678901234};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        int64_t back;
        keystore_money_text(rows[i], text);
        assert_true(keystore_money(text_from(text), &back));
        assert_int_equal(back, rows[i]);
    }
}

static const struct keystore_ops bare_ops = {.name = "bare"};

static void test_calls_store_without_usage_says_so(void **state)
{
    (void)state;
    struct keystore bare = {.ops = &bare_ops};
    struct err err;
    assert_int_equal(keystore_put_usage(&bare, NULL, 0, &err), STATUS_NOT_SUPPORTED);
    assert_int_equal(keystore_usage(&bare, KEYSTORE_BY_DAY, 0, 1, NULL, NULL, &err),
                     STATUS_NOT_SUPPORTED);
    assert_int_equal(keystore_prices(&bare, NULL, NULL, &err), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cell_good_row_is_taken_over),
        cmocka_unit_test(test_cell_bad_attribute_is_named),
        cmocka_unit_test(test_cell_with_terms_is_marked),
        cmocka_unit_test(test_cell_key_in_clear_only_where_allowed),
        cmocka_unit_test(test_cell_labels_are_cut_between_characters),
        cmocka_unit_test(test_cell_budget_mode_is_a_flag),
        cmocka_unit_test(test_cell_inactive_row_says_why),
        cmocka_unit_test(test_hash_id_is_sha256_of_the_key),
        cmocka_unit_test(test_money_rows),
        cmocka_unit_test(test_money_text_goes_there_and_back),
        cmocka_unit_test(test_calls_store_without_usage_says_so),
        cmocka_unit_test(test_new_key_is_plausible_and_every_typo_is_not),
        cmocka_unit_test(test_plausible_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
