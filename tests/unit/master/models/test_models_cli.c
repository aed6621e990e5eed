/* models_cli.c: what `models` shows, imports and compares; what it refuses leaves nothing behind. */
#include "master/models/models_cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shm/catalogue/catalogue.h"
#include "tests/unit/cli_case.h"

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static int tear_down(void **state)
{
    static const char *const names[] = {"a.json", "b.json", "rows.tsv", "c.tsv"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        remove(names[i]);
    }
    return cli_tear_down(state);
}

#define LITELLM                                                                              \
    "{\"house.a\":{\"litellm_provider\":\"bedrock\",\"mode\":\"chat\",\"max_input_tokens\":" \
    "1000,\"input_cost_per_token\":1e-06,\"output_cost_per_token\":2e-06}}"
#define MODELS_DEV                                                                           \
    "{\"amazon-bedrock\":{\"models\":{\"house.b\":{\"name\":\"B (EU)\",\"cost\":{\"input\":" \
    "1.5,\"output\":2},\"limit\":{\"context\":8192,\"output\":0}}}}}"

static void test_import_guesses_whose_table_it_is(void **state)
{
    (void)state;
    write_file("a.json", LITELLM);
    write_file("b.json", MODELS_DEV);
    assert_int_equal(cli_run(models_cli_run, "import a.json"), 0);
    assert_non_null(
        strstr(cli_out, "\nhouse.a\thouse.a\t\t1000\t\t1\t2\t\t\t\t\t\t\t\t\tlitellm\n"));
    assert_int_equal(cli_run(models_cli_run, "import b.json"), 0);
    assert_non_null(
        strstr(cli_out, "\nhouse.b\tB\t\t8192\t\t1.5\t2\t\t\t\t\t\t\t\t\tmodels.dev\n"));
    assert_int_equal(cli_run(models_cli_run, "import b.json --from models.dev --out rows.tsv"), 0);
    assert_string_equal(cli_out, "");
    assert_int_equal(access("rows.tsv", R_OK), 0);
}

static void test_wrong_usage_and_wrong_files_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"import",
                                        "import a.json b.json",
                                        "import a.json --from models.dev",
                                        "import b.json --from litellm",
                                        "import a.json --from x",
                                        "import a.json --output json",
                                        "import c.tsv",
                                        "import nowhere.json",
                                        "diff",
                                        "diff nowhere.tsv",
                                        "diff c.tsv",
                                        "diff a.json --output tsv",
                                        "a b",
                                        "x --from litellm",
                                        "x --out rows.tsv",
                                        "x --output yaml",
                                        "--bogus"};
    write_file("a.json", LITELLM);
    write_file("b.json", MODELS_DEV);
    write_file("c.tsv", "id\tin\nhouse.a\tcheap\n");
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        int code = cli_run(models_cli_run, lines[i]);
        if (code != 2 || cli_lines(cli_err) != 1 || cli_out[0]) {
            fail_msg("\"%s\": code %d, \"%s\"", lines[i], code, cli_err);
        }
    }
    assert_int_not_equal(access("rows.tsv", F_OK), 0);
}

static void test_diff_says_cells_of_known_and_new_rows(void **state)
{
    (void)state;
    write_file("c.tsv", "id\tname\toutput\nanthropic.claude-opus-5\t\t1000\nhouse.a\tA\t\n");
    assert_int_equal(cli_run(models_cli_run, "diff c.tsv"), 0);
    assert_string_equal(cli_out, "~ anthropic.claude-opus-5  output 128000 -> 1000\n"
                                 "+ house.a  name A\n2 rows would change\n");
    /* what a row inherits changes with it */
    write_file("c.tsv",
               "id\tin\tout\nanthropic.claude-opus-\t6\t25\nanthropic.claude-opus-7\t-\t-\n");
    assert_int_equal(cli_run(models_cli_run, "diff c.tsv --output json"), 0);
    assert_non_null(strstr(cli_out, "{\"id\":\"anthropic.claude-opus-\",\"new\":false,\"changes\":["
                                    "{\"column\":\"in\",\"from\":\"5\",\"to\":\"6\"}]}"));
}

static void test_list_finds_ids_names_and_what_clients_say(void **state)
{
    (void)state;
    static const char *const lines[] = {"anthropic.claude-haiku-5-5",
                                        "us.anthropic.claude-haiku-5-5", "HAIKU-5-5",
                                        "no-such-model"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(cli_run(models_cli_run, lines[i]), 0);
        assert_int_equal(cli_lines(cli_out), 2);
        assert_non_null(strstr(cli_out, "\nanthropic.claude-haiku-5-5 "));
    }
    assert_int_equal(cli_run(models_cli_run, lines[3]), 1);
    assert_int_equal(cli_run(models_cli_run, "gpt-3.5-turbo --output tsv"), 0);
    assert_non_null(strstr(cli_out, "\nanthropic.claude-haiku-4-5-20251001-v1:0\t"));
    assert_int_equal(cli_run(models_cli_run, "nobody --output json"), 0);
    assert_string_equal(cli_out, "[]\n");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, cli_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_import_guesses_whose_table_it_is),
        CASE(test_wrong_usage_and_wrong_files_exit_2_with_one_line),
        CASE(test_diff_says_cells_of_known_and_new_rows),
        CASE(test_list_finds_ids_names_and_what_clients_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
