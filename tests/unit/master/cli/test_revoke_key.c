#include "master/cli/revoke_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "master/cli/create_key.h"
#include "master/cli/keys.h"
#include "tests/unit/cli_case.h"

static char key[80], id[16];

static void create(const char *line)
{
    assert_int_equal(cli_run(create_key_run, line), 0);
    assert_int_equal(sscanf(cli_out, "API Key: %79s Key ID: %15s", key, id), 2);
}

static bool active(const char *key_id)
{
    cli_run(keys_list, "");
    const char *row = strstr(cli_out, key_id);
    assert_non_null(row);
    return strncmp(row + 45, "yes", 3) == 0;
}

static void test_run_by_id_revokes_that_key_only(void **state)
{
    (void)state;
    char first[16], line[64];
    create("-u a -n one");
    memcpy(first, id, sizeof first);
    create("-u a -n two");
    snprintf(line, sizeof line, "%s --reason lost", first);
    assert_true(active(first));
    assert_int_equal(cli_run(revoke_key_run, line), 0);
    assert_non_null(strstr(cli_out, "Revoked: key "));
    assert_false(active(first));
    assert_true(active(id));
    assert_int_equal(cli_run(revoke_key_run, line), 0);
    assert_non_null(strstr(cli_out, "Was revoked before"));
}

static void test_run_by_full_id_and_of_a_clear_row(void **state)
{
    (void)state;
    char line[KEYSTORE_ID_MAX + 1];
    create("-u a -n clear --clear");
    keystore_hash_id(text_from(key), line);
    assert_int_equal(cli_run(revoke_key_run, line), 0);
    assert_false(active(id));
}

static void test_run_by_key_on_standard_input(void **state)
{
    (void)state;
    create("-u a -n one");
    FILE *f = fopen("in", "w");
    fprintf(f, "%s\n", key);
    fclose(f);
    int saved = dup(0), in = open("in", O_RDONLY);
    dup2(in, 0);
    assert_int_equal(cli_run(revoke_key_run, "-k"), 0);
    dup2(saved, 0);
    close(saved);
    close(in);
    remove("in");
    assert_false(active(id));
}

static void test_run_wrong_arguments_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"",         "1234",       "12345678 9", "xyzxyzxyz",
                                        "ABCDEF01", "sk-dev-abc", "1234567g"};
    create("-u a -n one");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        int code = cli_run(revoke_key_run, lines[i]);
        if (code != 2 || cli_lines(cli_err) != 1) {
            fail_msg("\"%s\": code %d, \"%s\"", lines[i], code, cli_err);
        }
    }
    assert_true(active(id));
}

static void test_run_unknown_id_exits_1(void **state)
{
    (void)state;
    create("-u a -n one");
    assert_int_equal(cli_run(revoke_key_run, strcmp(id, "00000000") ? "00000000" : "11111111"), 1);
    assert_int_equal(cli_lines(cli_err), 1);
}

static void test_run_json_answers_the_row(void **state)
{
    (void)state;
    char line[64];
    create("-u a -n one");
    snprintf(line, sizeof line, "%s --output json", id);
    assert_int_equal(cli_run(revoke_key_run, line), 0);
    assert_non_null(strstr(cli_out, "\"is_active\":false"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_run_by_id_revokes_that_key_only),
        CLI_CASE(test_run_by_full_id_and_of_a_clear_row),
        CLI_CASE(test_run_by_key_on_standard_input),
        CLI_CASE(test_run_wrong_arguments_exit_2_with_one_line),
        CLI_CASE(test_run_unknown_id_exits_1),
        CLI_CASE(test_run_json_answers_the_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
