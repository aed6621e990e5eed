#include "master/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { RATE, NAME, QUIET, ROWS };
static const struct option_row rows[ROWS] = {
    [RATE] = {'l', "rate-limit", "N", "a number"},
    [NAME] = {0, "name", "TEXT", "a text"},
    [QUIET] = {'q', "quiet", NULL, NULL},
};

#define ARGS(...)         \
    {                     \
        __VA_ARGS__, NULL \
    }

static int count(char **argv)
{
    int n = 0;
    while (argv[n]) {
        n++;
    }
    return n;
}

static void same(const char *row, const char *got, const char *expected)
{
    if ((got == NULL) != (expected == NULL) || (got && strcmp(got, expected) != 0)) {
        fail_msg("row \"%s\": %s", row, got ? got : "(none)");
    }
}

static void test_parse_spellings_are_the_same(void **state)
{
    (void)state;
    static struct {
        const char *name;
        char *argv[6];
        const char *rate, *text, *quiet, *rest;
    } cases[] = {
        {"two words", ARGS("--rate-limit", "5"), "5", NULL, NULL, NULL},
        {"one word", ARGS("--rate-limit=5"), "5", NULL, NULL, NULL},
        {"underscore", ARGS("--rate_limit", "5"), "5", NULL, NULL, NULL},
        {"letter", ARGS("-l", "5"), "5", NULL, NULL, NULL},
        {"letter glued", ARGS("-l5"), "5", NULL, NULL, NULL},
        {"letters together", ARGS("-ql5"), "5", NULL, "", NULL},
        {"value keeps its underscore", ARGS("--name=a_b=c"), NULL, "a_b=c", NULL, NULL},
        {"empty value", ARGS("--name="), NULL, "", NULL, NULL},
        {"value with a dash", ARGS("--name", "-x"), NULL, "-x", NULL, NULL},
        {"rest", ARGS("-q", "id"), NULL, NULL, "", "id"},
        {"end of options", ARGS("--", "-q"), NULL, NULL, NULL, "-q"},
        {"single dash", ARGS("-"), NULL, NULL, NULL, "-"},
        {"last one counts", ARGS("-l1", "-l2"), "2", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        struct err err;
        if (options_parse(rows, ROWS, count(cases[i].argv), cases[i].argv, &o, &err) != STATUS_OK) {
            fail_msg("row \"%s\": %s", cases[i].name, err.text);
        }
        same(cases[i].name, o.value[RATE], cases[i].rate);
        same(cases[i].name, o.value[NAME], cases[i].text);
        same(cases[i].name, o.value[QUIET], cases[i].quiet);
        same(cases[i].name, o.rest[0], cases[i].rest);
    }
}

static void test_parse_wrong_arguments_are_named(void **state)
{
    (void)state;
    static struct {
        const char *name;
        char *argv[6];
        const char *text;
    } cases[] = {
        {"unknown", ARGS("--nmae", "x"), "unknown option --nmae"},
        {"unknown with value", ARGS("--nmae=x"), "unknown option --nmae"},
        {"unknown letter", ARGS("-x"), "unknown option -x"},
        {"value missing", ARGS("--name"), "--name needs a value: TEXT"},
        {"letter's value missing", ARGS("-l"), "--rate-limit needs a value: N"},
        {"flag with value", ARGS("--quiet=yes"), "--quiet takes no value"},
        {"too many", ARGS("a", "b", "c"), "too many arguments"},
        {"prefix is not enough", ARGS("--rate", "1"), "unknown option --rate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        struct err err = {.text = ""};
        if (options_parse(rows, ROWS, count(cases[i].argv), cases[i].argv, &o, &err) !=
            STATUS_INVALID) {
            fail_msg("row \"%s\": taken", cases[i].name);
        }
        same(cases[i].name, err.text, cases[i].text);
    }
}

static void test_parse_help_in_both_forms(void **state)
{
    (void)state;
    static char *forms[] = {"--help", "-h", "-qh"};
    for (size_t i = 0; i < 3; i++) {
        struct options o;
        struct err err;
        assert_int_equal(options_parse(rows, ROWS, 1, &forms[i], &o, &err), STATUS_OK);
        assert_true(o.help);
    }
}

static void test_print_lists_all_but_hidden_rows(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    options_print(rows, ROWS, f);
    fclose(f);
    assert_non_null(strstr(text, "  -l, --rate-limit N "));
    assert_non_null(strstr(text, "      --name TEXT "));
    assert_non_null(strstr(text, "--help"));
    assert_null(strstr(text, "quiet"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_spellings_are_the_same),
        cmocka_unit_test(test_parse_wrong_arguments_are_named),
        cmocka_unit_test(test_parse_help_in_both_forms),
        cmocka_unit_test(test_print_lists_all_but_hidden_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
