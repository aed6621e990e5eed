#include "master/cli/create_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/json/json.h"
#include "shm/refresher/backend.h"
#include "tests/unit/cli_case.h"

static void test_prefix_shows_four_random_characters(void **state)
{
    (void)state;
    char out[24];
    create_key_prefix("sk-prod-0123456789abcdefghijABCDEFGHIJxy-abcdef", out, sizeof out);
    assert_string_equal(out, "sk-prod-0123...");
}

static void test_run_text_prints_key_and_exports(void **state)
{
    (void)state;
    assert_int_equal(
        cli_run(create_key_run,
                "-u alice -n laptop -l 50 -t flex -b 12.50 --budget-mode reserve --tpm 9000 "
                "--max-concurrency 4 --expires 2030-01-02T00:00:00Z --models claude-*"),
        0);
    const char *key = strstr(cli_out, "API Key: sk-dev-");
    assert_non_null(key);
    assert_true(keystore_key_plausible((struct str){key + 9, strcspn(key + 9, "\n")}));
    static const char *const parts[] = {"User ID: alice\n",
                                        "Name: laptop\n",
                                        "Rate Limit: 50 requests in 60 seconds\n",
                                        "Service Tier: flex\n",
                                        "Monthly Budget: $12.50, reserve\n",
                                        "Token Limit: 9000 a minute\n",
                                        "Concurrency: 4\n",
                                        "Models: claude-*\n",
                                        "Expires: 2030-01-02T00:00:00",
                                        "export ANTHROPIC_API_KEY=\"sk-dev-",
                                        "export ANTHROPIC_BASE_URL=\"http://localhost:8000\"\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(cli_out, parts[i])) {
            fail_msg("\"%s\" is missing in: %s", parts[i], cli_out);
        }
    }
    assert_string_equal(cli_err, "");
}

static void test_run_json_is_one_object(void **state)
{
    (void)state;
    struct err err;
    int64_t limit;
    setenv("ENVIRONMENT", "production", 1);
    assert_int_equal(
        cli_run(create_key_run, "--user_id bob --name=ci --expires 7d --tpm 9000 --output json"),
        0);
    struct cJSON *doc = json_parse(text_from(cli_out), &err);
    assert_non_null(doc);
    assert_true(text_starts(json_get_text(doc, "api_key"), STR("sk-prod-")));
    assert_true(text_eq(json_get_text(doc, "user_id"), STR("bob")));
    assert_int_equal(json_get_text(doc, "key_id").n, 8);
    assert_true(json_get_i64(doc, "tpm_limit", &limit) && limit == 9000);
    assert_true(json_get_text(doc, "expires_at").n > 0);
    assert_true(json_is_null(json_get(doc, "rate_limit")));
    json_free(doc);
}

static bool keep_id(void *ctx, const struct keystore_row *row)
{
    memcpy(ctx, row->id, sizeof row->id);
    return true;
}

static void stored_id(char out[KEYSTORE_ID_MAX + 1])
{
    struct config c;
    struct err err;
    struct keystore *k;
    char why[BACKEND_WHY_SIZE];
    out[0] = '\0';
    assert_int_equal(config_load(&c, NULL, NULL, 0, &err), STATUS_OK);
    assert_int_equal(backend_open(&c, "", &k, why, sizeof why, &err), STATUS_OK);
    assert_int_equal(k->ops->scan(k, keep_id, out, &err), STATUS_OK);
    keystore_close(k);
    config_free(&c);
}

static void test_run_stores_the_hash_unless_clear(void **state)
{
    (void)state;
    char id[KEYSTORE_ID_MAX + 1] = "";
    assert_int_equal(cli_run(create_key_run, "-u a -n b"), 0);
    stored_id(id);
    assert_true(text_starts(text_from(id), STR("sha256:")));
    assert_int_equal(remove("keys.db"), 0);
    assert_int_equal(cli_run(create_key_run, "-u a -n b --clear"), 0);
    stored_id(id);
    assert_non_null(strstr(cli_out, id));
}

static void test_run_wrong_arguments_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "-u a",
        "-n b",
        "-u a -n b extra",
        "-u a -n b -l many",
        "-u a -n b -l -5",
        "-u a -n b -t fast",
        "-u a -n b -b lots",
        "-u a -n b --expires never",
        "-u a -n b --models bad|model",
        "-u a -n b --cache-ttl 2h",
        "-u a -n b --guardrail gr1",
        "-u a -n b --project a/b",
        "-u a -n b --output yaml",
        "-u a -n b --bogus",
        "-u a -n b --env-file missing",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int code = cli_run(create_key_run, lines[i]);
        if (code != 2 || cli_lines(cli_err) != 1 || cli_out[0]) {
            fail_msg("\"%s\": code %d, \"%s\"", lines[i], code, cli_err);
        }
    }
    assert_int_not_equal(access("keys.db", F_OK), 0);
}

static void test_run_store_failure_exits_1_without_a_key(void **state)
{
    (void)state;
    setenv("DATABASE_URL", "sqlite:////proc/none/keys.db", 1);
    assert_int_equal(cli_run(create_key_run, "-u a -n b"), 1);
    assert_string_equal(cli_out, "");
    assert_int_equal(cli_lines(cli_err), 1);
}

static void test_run_table_for_sqlite_is_noted(void **state)
{
    (void)state;
    assert_int_equal(cli_run(create_key_run, "-u a -n b -T some-table -r eu-west-1"), 0);
    assert_non_null(strstr(cli_err, "do not apply"));
}

static void test_run_help_lists_the_options(void **state)
{
    (void)state;
    assert_int_equal(cli_run(create_key_run, "--help"), 0);
    assert_non_null(strstr(cli_out, "-u, --user-id USER"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefix_shows_four_random_characters),
        CLI_CASE(test_run_text_prints_key_and_exports),
        CLI_CASE(test_run_json_is_one_object),
        CLI_CASE(test_run_stores_the_hash_unless_clear),
        CLI_CASE(test_run_wrong_arguments_exit_2_with_one_line),
        CLI_CASE(test_run_store_failure_exits_1_without_a_key),
        CLI_CASE(test_run_table_for_sqlite_is_noted),
        CLI_CASE(test_run_help_lists_the_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
