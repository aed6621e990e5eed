#include "shm/sqlite/keystore_sqlite.h"

#include "tests/unit/sqlite_stage.h"

static void test_put_then_get_gives_the_row_back(void **state)
{
    (void)state;
    struct keystore_row in = row_of("sha256:aa"), out;
    struct err err;
    assert_int_equal(store->ops->put(store, &in, &err), STATUS_OK);
    memset(&out, 0xff, sizeof out);
    assert_int_equal(store->ops->get(store, "sha256:aa", &out, &err), STATUS_OK);
    assert_memory_equal(&in, &out, sizeof in);
    assert_int_equal(store->ops->get(store, "sha256:ab", &out, &err), STATUS_NOT_FOUND);
}

static void test_put_existing_id_is_refused_and_unchanged(void **state)
{
    (void)state;
    struct keystore_row row = row_of("k"), out;
    struct err err;
    put("k");
    int64_t before = version();
    row.rate_limit = 99999;
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_INVALID);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
    assert_int_equal(out.rate_limit, 50);
    assert_int_equal(version(), before);
}

static void test_revoke_deactivates_with_reason_and_time(void **state)
{
    (void)state;
    struct keystore_row out;
    struct err err;
    put("k");
    int64_t before = version();
    assert_int_equal(store->ops->revoke(store, "k", "left the company", &err), STATUS_OK);
    assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
    assert_false(out.active);
    assert_string_equal(out.deactivated_reason, "left the company");
    assert_true(out.updated_s > 1768478400);
    assert_true(version() > before);
    before = version();
    assert_int_equal(store->ops->revoke(store, "nobody", "x", &err), STATUS_NOT_FOUND);
    assert_int_equal(version(), before);
}

static void test_scan_gives_all_rows_or_stops(void **state)
{
    (void)state;
    struct err err;
    for (int i = 0; i < 30; i++) {
        char id[24];
        snprintf(id, sizeof id, "key-%d", i);
        put(id);
    }
    static const struct {
        uint32_t stop_after, rows;
    } rows[] = {{0, 30}, {7, 7}, {0, 30}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen seen = {.stop_after = rows[i].stop_after};
        assert_int_equal(store->ops->scan(store, on_row, &seen, &err), STATUS_OK);
        assert_int_equal(seen.rows, rows[i].rows);
    }
}

static bool on_mapping(void *ctx, const struct keystore_mapping *m)
{
    assert_true(text_eq(m->from, STR("claude-x")));
    assert_true(text_eq(m->to, STR("us.anthropic.claude-x-v1:0")));
    assert_int_equal(m->as.n, 0);
    ++*(int *)ctx;
    return true;
}

static void test_mappings_rows_of_the_shell_are_read(void **state)
{
    (void)state;
    int n = 0;
    struct err err;
    assert_int_equal(store->ops->mappings(store, on_mapping, &n, &err), STATUS_OK);
    assert_int_equal(n, 0);
    shell("INSERT INTO model_mapping(anthropic_model_id, bedrock_model_id) VALUES('claude-x', "
          "'us.anthropic.claude-x-v1:0')");
    assert_int_equal(store->ops->mappings(store, on_mapping, &n, &err), STATUS_OK);
    assert_int_equal(n, 1);
}

static void test_version_rises_with_every_write_of_the_shell(void **state)
{
    (void)state;
    static const char *const writes[] = {
        "INSERT INTO api_keys(api_key, user_id, name, created_at, updated_at) VALUES('a', 'u', "
        "'n', 0, 0)",
        "UPDATE api_keys SET is_active = 0",
        "DELETE FROM api_keys",
        "INSERT INTO model_mapping VALUES('m', 'b', 0, NULL)",
        "UPDATE model_mapping SET bedrock_model_id = 'c'",
        "DELETE FROM model_mapping",
        "INSERT INTO beta_headers(header_name, header_type) VALUES('a', 'blocklist')",
        "UPDATE beta_headers SET header_type = 'mapping'",
        "DELETE FROM beta_headers",
    };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        int64_t before = version();
        shell(writes[i]);
        if (version() <= before) {
            fail_msg("%s", writes[i]);
        }
    }
}

static void test_get_row_of_wrong_types_is_known_but_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *unreadable;
    } rows[] = {
        {"UPDATE api_keys SET rate_limit = 'many'", "rate_limit"},
        {"UPDATE api_keys SET expires_at = 1.5", "expires_at"},
        {"UPDATE api_keys SET monthly_budget = '-3'", "monthly_budget"},
        {"UPDATE api_keys SET monthly_budget = 'lots'", "monthly_budget"},
        {"UPDATE api_keys SET service_tier = 'a tier with a long name'", "service_tier"},
        {"UPDATE api_keys SET allowed_models = printf('%.600c', 'm')", "allowed_models"},
        {"UPDATE api_keys SET cache_ttl = CAST(x'356d0000' AS TEXT)", "cache_ttl"},
        {"UPDATE api_keys SET name = printf('%.600c', 'n')", NULL}, /* a label is only cut */
        {"UPDATE api_keys SET monthly_budget = 12.5, cache_ttl = NULL, deactivated_reason = NULL",
         NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct keystore_row out;
        struct directory_key cell;
        struct err err;
        shell("DELETE FROM api_keys");
        put("k");
        shell(rows[i].sql);
        assert_int_equal(store->ops->get(store, "k", &out, &err), STATUS_OK);
        const char *u = out.unreadable;
        if ((u == NULL) != (rows[i].unreadable == NULL) ||
            (u && strcmp(u, rows[i].unreadable) != 0)) {
            fail_msg("%s: %s", rows[i].sql, u ? u : "read");
        }
        assert_string_equal(out.id, "k");
        assert_true(out.active);
        assert_int_equal(keystore_cell(&out, true, &cell, &err), u ? STATUS_INVALID : STATUS_OK);
    }
}

static void test_write_of_another_process_is_seen_by_version(void **state)
{
    (void)state;
    int64_t before = version();
    pid_t pid = fork();
    if (pid == 0) { /* its own connection: a SQLite handle must not be carried over a fork */
        struct err err;
        _exit(open_store(&err) == STATUS_OK && (put("from-the-child"), 1) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(version() > before);
}

static void test_table_dropped_by_hand_is_an_outage_not_a_missing_key(void **state)
{
    (void)state;
    struct keystore_row row = row_of("l");
    struct err err;
    put("k");
    shell("DROP TABLE api_keys");
    assert_int_equal(store->ops->get(store, "k", &row, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->put(store, &row, &err), STATUS_UNAVAILABLE);
    assert_int_equal(store->ops->revoke(store, "k", "gone", &err), STATUS_UNAVAILABLE);
    keystore_close(store);
    assert_int_equal(open_store(&err), STATUS_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_put_then_get_gives_the_row_back),
        T(test_put_existing_id_is_refused_and_unchanged),
        T(test_revoke_deactivates_with_reason_and_time),
        T(test_scan_gives_all_rows_or_stops),
        T(test_mappings_rows_of_the_shell_are_read),
        T(test_version_rises_with_every_write_of_the_shell),
        T(test_get_row_of_wrong_types_is_known_but_refused),
        T(test_write_of_another_process_is_seen_by_version),
        T(test_table_dropped_by_hand_is_an_outage_not_a_missing_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
