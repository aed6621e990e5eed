#include "master/cli/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "master/cli/create_key.h"
#include "server/json/json.h"
#include "tests/unit/cli_case.h"

static void test_id_is_the_digest_of_either_row(void **state)
{
    (void)state;
    struct keystore_row hashed = {.active = true}, clear = {.id = "sk-some-old-key"};
    char a[KEYS_ID_SIZE], b[KEYS_ID_SIZE];
    keystore_hash_id(STR("sk-some-old-key"), hashed.id);
    keys_id(&hashed, a);
    keys_id(&clear, b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 8);
    assert_memory_equal(a, hashed.id + strlen("sha256:"), 8);
}

static void test_list_empty_store_says_what_to_do(void **state)
{
    (void)state;
    assert_int_equal(cli_run(keys_list, ""), 0);
    assert_non_null(strstr(cli_out, "create-api-key"));
    assert_int_equal(cli_run(keys_list, "--output json"), 0);
    assert_string_equal(cli_out, "[]\n");
}

static void test_put_money_is_plain_decimal(void **state)
{
    (void)state;
    static const struct {
        int64_t micro;
        const char *text;
    } rows[] = {
        {0, "0"}, {10000000, "10"}, {12500000, "12.5"}, {120000000, "120"}, {35000, "0.035"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b;
        struct json_out w;
        buf_init(&b, 64);
        json_begin(&w, &b);
        keys_put_money(&w, rows[i].micro);
        if (!text_eq(buf_str(&b), text_from(rows[i].text))) {
            fail_msg("%s: %.*s", rows[i].text, STR_ARG(buf_str(&b)));
        }
        buf_free(&b);
    }
}

/* As another program may have written it: our own refuses control characters. */
static void put_row(const char *name)
{
    struct config c;
    struct err err;
    struct keystore *k;
    struct keystore_row row = {.user_id = "mallory", .active = true};
    assert_int_equal(config_load(&c, NULL, NULL, 0, &err), STATUS_OK);
    assert_int_equal(keys_open(&c, &k, &err), STATUS_OK);
    keystore_hash_id(text_from(name), row.id);
    snprintf(row.name, sizeof row.name, "%s", name);
    assert_int_equal(k->ops->put(k, &row, &err), STATUS_OK);
    keystore_close(k);
    config_free(&c);
}

static void test_list_table_fits_a_terminal_and_shows_no_key(void **state)
{
    (void)state;
    char key[80] = "";
    assert_int_equal(cli_run(create_key_run, "-u a-user-with-a-very-long-name -n évènement -b 25"),
                     0);
    sscanf(cli_out, "API Key: %79s", key);
    put_row("rouge\033[31m-et-plus-long-encore");
    put_row("ana\xe2\x80\xaemoc\xe2\x80\xac");
    assert_int_equal(cli_run(keys_list, ""), 0);
    assert_int_equal(cli_lines(cli_out), 4);
    assert_non_null(strstr(cli_out, "ana?moc?   "));
    assert_null(strstr(cli_out, "\xe2\x80"));
    assert_null(strstr(cli_out, key));
    assert_null(strchr(cli_out, '\033'));
    assert_non_null(strstr(cli_out, "a-user-with-a-v~ "));
    assert_non_null(strstr(cli_out, "évènement          yes"));
    assert_non_null(strstr(cli_out, "rouge?[31m-et-plu~"));
    for (const char *p = cli_out; *p; p += strcspn(p, "\n") + 1) {
        assert_in_range(strcspn(p, "\n"), 60, 82); /* bytes; two letters take two */
    }
}

static void test_list_json_is_an_array(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(cli_run(create_key_run, "-u a -n one --models claude-*"), 0);
    assert_int_equal(cli_run(create_key_run, "-u b -n two"), 0);
    assert_int_equal(cli_run(keys_list, "--output json"), 0);
    struct cJSON *doc = json_parse(text_from(cli_out), &err);
    assert_true(json_is_array(doc));
    size_t n = 0;
    for (struct cJSON *v = json_child(doc); v; v = json_next(v)) {
        assert_int_equal(json_get_text(v, "key_id").n, 8);
        assert_null(json_get(v, "api_key"));
        n++;
    }
    assert_int_equal(n, 2);
    json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_money_is_plain_decimal),
        cmocka_unit_test(test_id_is_the_digest_of_either_row),
        CLI_CASE(test_list_empty_store_says_what_to_do),
        CLI_CASE(test_list_table_fits_a_terminal_and_shows_no_key),
        CLI_CASE(test_list_json_is_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
