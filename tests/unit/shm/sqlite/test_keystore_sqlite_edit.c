#include "shm/sqlite/keystore_sqlite.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[64], file[80];
static struct keystore *store;

static int make(void **state)
{
    (void)state;
    /* in memory where there is such a place: SQLite waits for the disk at every write */
    snprintf(directory, sizeof directory, "%s/test_edit.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(file, sizeof file, "%s/keys.db", directory);
    struct config config = {.database_url = "", .state_dir = directory};
    struct err err;
    return keystore_sqlite_open(&config, &store, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    static const char *const ends[] = {"", "-wal", "-shm"};
    keystore_close(store);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s%s", file, ends[i]);
        unlink(path);
    }
    return rmdir(directory);
}

/* First column of the first row, as the sqlite3 shell would show it; NULL as "NULL". */
static const char *ask(const char *sql)
{
    static char text[512];
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    bool row = sqlite3_step(st) == SQLITE_ROW;
    const char *value = row ? (const char *)sqlite3_column_text(st, 0) : "no row";
    snprintf(text, sizeof text, "%s", value ? value : "NULL");
    sqlite3_finalize(st);
    sqlite3_close(db);
    return text;
}

static int64_t version(void)
{
    int64_t v;
    struct err err;
    assert_int_equal(store->ops->version(store, &v, &err), STATUS_OK);
    return v;
}

static const struct keystore_row full = {.id = "sk-a",
                                         .user_id = "alice",
                                         .name = "laptop",
                                         .prefix = "sk-a...",
                                         .created_s = 7,
                                         .updated_s = 7,
                                         .active = false,
                                         .rate_limit = 50,
                                         .tpm_limit = 70,
                                         .max_concurrency = 3,
                                         .budget_micro = 1500000,
                                         .budget_mode = "reserve",
                                         .expires_s = 1800000000,
                                         .service_tier = "flex",
                                         .cache_ttl = "5m",
                                         .models = "claude-*",
                                         .guardrail = "gr1:7",
                                         .project = "proj_a",
                                         .deactivated_reason = "lost"};

static struct keystore_row stored(const char *id)
{
    struct keystore_row row;
    struct err err;
    assert_int_equal(store->ops->get(store, id, &row, &err), STATUS_OK);
    assert_null(row.unreadable);
    return row;
}

static void put(const struct keystore_row *row)
{
    struct err err;
    assert_int_equal(store->ops->put(store, row, &err), STATUS_OK);
}

static void update(const struct keystore_row *row, uint32_t edits)
{
    struct err err;
    assert_int_equal(store->ops->edit->update(store, row, edits, &err), STATUS_OK);
}

static void test_update_one_attribute_changes_only_that(void **state)
{
    (void)state;
    static const char others[] = "SELECT count(*) FROM api_keys WHERE api_key = 'sk-a' AND"
                                 " user_id = 'alice' AND created_at = 7 AND key_prefix = 'sk-a...'"
                                 " AND name = 'laptop' AND is_active = 0 AND tpm_limit = 70"
                                 " AND max_concurrency = 3 AND monthly_budget = '1.500000'"
                                 " AND budget_mode = 'reserve' AND expires_at = 1800000000"
                                 " AND service_tier = 'flex' AND cache_ttl = '5m'"
                                 " AND allowed_models = 'claude-*' AND guardrail = 'gr1:7'"
                                 " AND project = 'proj_a' AND deactivated_reason = 'lost'";
    struct keystore_row row = {.id = "sk-a", .rate_limit = 9};
    put(&full);
    int64_t before = version();
    update(&row, KEYSTORE_EDIT(rate_limit));
    assert_int_equal(stored("sk-a").rate_limit, 9);
    assert_string_equal(ask(others), "1");
    assert_true(stored("sk-a").updated_s > 7);
    assert_int_equal(version(), before + 1);
}

static void test_update_every_attribute_to_something_and_to_nothing(void **state)
{
    (void)state;
    const uint32_t all = (1u << KEYSTORE_EDIT_COUNT) - 1;
    struct keystore_row row = {.id = "sk-b", .user_id = "bob", .name = "x"}, got;
    put(&row);
    row = full;
    text_copy(STR("sk-b"), row.id, sizeof row.id);
    update(&row, all);
    got = stored("sk-b");
    assert_string_equal(got.user_id, "bob");
    assert_string_equal(got.name, "laptop");
    assert_string_equal(got.models, "claude-*");
    assert_string_equal(got.cache_ttl, "5m");
    assert_string_equal(got.guardrail, "gr1:7");
    assert_string_equal(got.project, "proj_a");
    assert_int_equal(got.budget_micro, 1500000);
    assert_int_equal(got.expires_s, 1800000000);
    assert_int_equal(got.max_concurrency, 3);
    row = (struct keystore_row){.id = "sk-b", .name = "y", .active = true};
    update(&row, all);
    got = stored("sk-b");
    assert_true(got.active);
    assert_int_equal(got.rate_limit + got.tpm_limit + got.budget_micro + got.expires_s, 0);
    assert_string_equal(got.models, "");
    assert_string_equal(got.guardrail, "");
    assert_string_equal(got.project, "");
    assert_string_equal(ask("SELECT deactivated_reason FROM api_keys"), "NULL");
    assert_string_equal(ask("SELECT cache_ttl FROM api_keys"), "NULL");
}

static void test_update_unknown_key_is_not_found(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sk-none", .rate_limit = 9};
    struct err err;
    int64_t before = version();
    assert_int_equal(store->ops->edit->update(store, &row, KEYSTORE_EDIT(rate_limit), &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.text, "there is no such key");
    assert_string_equal(ask("SELECT count(*) FROM api_keys"), "0");
    assert_int_equal(version(), before);
}

static const struct keystore_mapping a_to_b = {.from = STR("a"), .to = STR("b")};

static bool read_mapping(void *ctx, const struct keystore_mapping *m)
{
    snprintf(ctx, 100, "%.*s>%.*s(%.*s)", STR_ARG(m->from), STR_ARG(m->to), STR_ARG(m->as));
    return true;
}

static void test_mapping_new_changed_and_dropped(void **state)
{
    static const struct keystore_mapping declared = {
        .from = STR("it's"), .to = STR("arn:a"), .as = STR("claude-opus-4-8")};
    static const struct keystore_mapping plain = {.from = STR("it's"), .to = STR("qwen.b")};
    char row[100];
    (void)state;
    const struct keystore_edit_ops *edit = store->ops->edit;
    struct err err;
    int64_t before = version();
    assert_int_equal(edit->put_mapping(store, &declared, &err), STATUS_OK);
    assert_int_equal(store->ops->mappings(store, read_mapping, row, &err), STATUS_OK);
    assert_string_equal(row, "it's>arn:a(claude-opus-4-8)");
    assert_int_equal(edit->put_mapping(store, &plain, &err), STATUS_OK);
    assert_int_equal(store->ops->mappings(store, read_mapping, row, &err), STATUS_OK);
    assert_string_equal(row, "it's>qwen.b()"); /* what it stood for went with it */
    assert_string_equal(ask("SELECT anthropic_model_id || bedrock_model_id || (updated_at > 1e9)"
                            " FROM model_mapping"),
                        "it'sqwen.b1");
    assert_int_equal(edit->drop_mapping(store, "it's", &err), STATUS_OK);
    assert_int_equal(version(), before + 3);
    assert_int_equal(edit->drop_mapping(store, "it's", &err), STATUS_NOT_FOUND);
}

static void test_price_new_changed_disabled_and_dropped(void **state)
{
    (void)state;
    static const char row[] =
        "SELECT group_concat(model_id || ' ' || display_name || ' ' || provider || ' ' ||"
        " input_price || ' ' || output_price || ' ' || ifnull(cache_read_price, '-') || ' ' ||"
        " ifnull(cache_write_price, '-') || ' ' || status) FROM model_pricing";
    const struct keystore_edit_ops *edit = store->ops->edit;
    struct keystore_price p = {.model = "us.amazon.nova",
                               .active = true,
                               .price = {60000, 240000, 15000, KEYSTORE_PRICE_NONE}};
    struct err err;
    int64_t before = version();
    assert_int_equal(edit->put_price(store, &p, &err), STATUS_OK);
    assert_string_equal(ask(row),
                        "us.amazon.nova us.amazon.nova amazon 0.060000 0.240000 0.015000 - active");
    p.price = (struct price){1, 2, KEYSTORE_PRICE_NONE, 4};
    assert_int_equal(edit->put_price(store, &p, &err), STATUS_OK);
    assert_string_equal(ask(row),
                        "us.amazon.nova us.amazon.nova amazon 0.000001 0.000002 - 0.000004 active");
    p.price.input = KEYSTORE_PRICE_NONE;
    p.active = false;
    assert_int_equal(edit->put_price(store, &p, &err), STATUS_OK);
    assert_string_equal(
        ask(row), "us.amazon.nova us.amazon.nova amazon 0.000001 0.000002 - 0.000004 disabled");
    assert_int_equal(edit->drop_price(store, p.model, &err), STATUS_OK);
    assert_int_equal(version(), before + 4);
    assert_int_equal(edit->drop_price(store, p.model, &err), STATUS_NOT_FOUND);
    assert_int_equal(edit->put_price(store, &p, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.text, "there is no such price");
    assert_string_equal(ask("SELECT count(*) FROM model_pricing"), "0");
}

static void test_price_of_an_arn_has_no_provider(void **state)
{
    (void)state;
    struct keystore_price p = {.model =
                                   "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc",
                               .active = true,
                               .price = {1, 1, 1, 1}};
    struct err err;
    assert_int_equal(store->ops->edit->put_price(store, &p, &err), STATUS_OK);
    assert_string_equal(ask("SELECT provider FROM model_pricing"), "NULL");
}

static void test_edit_without_the_file_is_an_outage(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sk-a"};
    struct err err;
    assert_int_equal(unlink(file), 0);
    assert_int_equal(store->ops->edit->update(store, &row, 1, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->edit->drop_mapping(store, "a", &err), STATUS_UNAVAILABLE);
    assert_int_equal(access(file, F_OK), -1);
}

static void test_edit_of_tables_that_are_gone_or_locked_is_an_outage(void **state)
{
    (void)state;
    struct keystore_row row = {.id = "sk-a"};
    struct keystore_price p = {.model = "m", .active = true, .price = {1, 1, 1, 1}};
    const struct keystore_edit_ops *edit = store->ops->edit;
    struct err err;
    ask("CREATE TRIGGER shut BEFORE INSERT ON model_mapping BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_int_equal(edit->put_mapping(store, &a_to_b, &err), STATUS_UNAVAILABLE);
    ask("DROP TABLE model_mapping");
    ask("DROP TABLE model_pricing");
    ask("DROP TABLE api_keys");
    assert_int_equal(edit->put_mapping(store, &a_to_b, &err), STATUS_UNAVAILABLE);
    assert_int_equal(edit->drop_mapping(store, "a", &err), STATUS_UNAVAILABLE);
    assert_int_equal(edit->put_price(store, &p, &err), STATUS_UNAVAILABLE);
    p.price.input = KEYSTORE_PRICE_NONE;
    assert_int_equal(edit->put_price(store, &p, &err), STATUS_UNAVAILABLE);
    assert_int_equal(edit->drop_price(store, "m", &err), STATUS_UNAVAILABLE);
    assert_int_equal(edit->update(store, &row, 1, &err), STATUS_UNAVAILABLE);
    assert_int_equal(edit->put_mapping(store, &a_to_b, &err), STATUS_UNAVAILABLE);
}

#define EDIT_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EDIT_TEST(test_update_one_attribute_changes_only_that),
        EDIT_TEST(test_update_every_attribute_to_something_and_to_nothing),
        EDIT_TEST(test_update_unknown_key_is_not_found),
        EDIT_TEST(test_mapping_new_changed_and_dropped),
        EDIT_TEST(test_price_new_changed_disabled_and_dropped),
        EDIT_TEST(test_price_of_an_arn_has_no_provider),
        EDIT_TEST(test_edit_without_the_file_is_an_outage),
        EDIT_TEST(test_edit_of_tables_that_are_gone_or_locked_is_an_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
