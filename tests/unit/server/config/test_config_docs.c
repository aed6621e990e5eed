#include "server/config/config_docs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct config_docs_row *row_of(const char *name)
{
    const struct config_docs_row *r;
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        if (text_eq(text_from(r->name), text_from(name))) {
            return r;
        }
    }
    fail_msg("no row of %s", name);
    return NULL;
}

static void test_rows_say_all_of_each_kind(void **state)
{
    (void)state;
    static const struct {
        const char *name, *alias, *type, *dflt, *choices;
        int64_t min, max;
        bool secret;
        enum config_class class;
        enum config_when when;
    } rows[] = {
        {"HOST", "", "text", "0.0.0.0", "", 0, 0, false, CONFIG_BASIC, CONFIG_RESTART},
        {"MASTER_API_KEY", "", "text", "", "", 0, 0, true, CONFIG_BASIC, CONFIG_RELOAD},
        {"DYNAMODB_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "url", "", "", 0, 0, false,
         CONFIG_TUNING, CONFIG_RELOAD},
        {"LOG_FORMAT", "", "choice", "auto", "auto|text|json", 0, 0, false, CONFIG_TUNING,
         CONFIG_RESTART},
        {"REQUIRE_API_KEY", "", "boolean", "true", "", 0, 0, false, CONFIG_BASIC, CONFIG_RELOAD},
        {"PORT", "", "number", "8000", "", 1, 65535, false, CONFIG_BASIC, CONFIG_RESTART},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config_docs_row *r = row_of(rows[i].name);
        assert_string_equal(r->alias, rows[i].alias);
        assert_string_equal(r->type, rows[i].type);
        assert_string_equal(r->dflt, rows[i].dflt);
        assert_string_equal(r->choices, rows[i].choices);
        assert_int_equal(r->min, rows[i].min);
        assert_int_equal(r->max, rows[i].max);
        assert_int_equal(r->secret, rows[i].secret);
        assert_int_equal(r->class, rows[i].class);
        assert_int_equal(r->when, rows[i].when);
        assert_true(r->meaning[0] != '\0');
    }
}

/* As many rows as config.h has, in its order, and none behind. */
static void test_rows_are_those_of_the_table(void **state)
{
    (void)state;
    static const char *const names[] = {
#define NAME(field, name, ...) name,
        CONFIG_TABLE(NAME, NAME, NAME, NAME, NAME)
#undef NAME
    };
    size_t n = sizeof names / sizeof names[0];
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(config_docs_row(i)->name, names[i]);
    }
    assert_null(config_docs_row(n));
}

/* More than that nobody looks through, and each has to be explained and tested. A capability that
 * operators choose may bring its own (BEDROCK_LANES did; waiting: QUEUE_SECONDS, QUEUE_MAX); another knob of an old one takes the place of one. */
static void test_rows_are_few(void **state)
{
    const struct config_docs_row *r;
    size_t n = 0, basic = 0;
    (void)state;
    for (; (r = config_docs_row(n)) != NULL; n++) {
        basic += r->class == CONFIG_BASIC;
    }
    assert_true(n <= 67 && basic <= 20);
}

static void test_rows_have_names_of_their_own(void **state)
{
    (void)state;
    const struct config_docs_row *r, *other;
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        for (size_t k = 0; (other = config_docs_row(k)) != NULL; k++) {
            bool same = i != k && strcmp(r->name, other->name) == 0;
            if (same || strcmp(r->name, other->alias) == 0) {
                fail_msg("%s is there twice", r->name);
            }
        }
    }
}

static char *read_example(void)
{
    static char text[65536];
    FILE *file = fopen(".env.example", "re"); /* tests run in the root of the tree */
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    assert_true(n < sizeof(text) - 1);
    text[n] = '\0';
    return text;
}

static void test_example_has_each_setting_with_default_and_meaning(void **state)
{
    (void)state;
    const char *text = read_example();
    const struct config_docs_row *r;
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        char line[128];
        char doc[256];
        snprintf(line, sizeof(line), "\n#%s=%s\n", r->name, r->dflt);
        snprintf(doc, sizeof(doc), "\n# %s", r->meaning);
        if (!strstr(text, line) || !strstr(text, doc)) {
            fail_msg(".env.example: %s is not there, or not as in the table", r->name);
        }
    }
}

static void test_example_has_no_other_setting(void **state)
{
    (void)state;
    size_t found = 0, rows = 0;
    struct str rest = text_from(read_example());
    struct str line;
    while (text_split(&rest, '\n', &line)) {
        bool setting = text_starts(line, STR("#")) && !text_starts(line, STR("# "));
        if (line.n > 0 && line.p[0] != '#') {
            fail_msg(".env.example: not commented: %.*s", STR_ARG(line));
        }
        found += setting;
    }
    while (config_docs_row(rows)) {
        rows++;
    }
    assert_int_equal(found, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_say_all_of_each_kind),
        cmocka_unit_test(test_rows_are_those_of_the_table),
        cmocka_unit_test(test_rows_are_few),
        cmocka_unit_test(test_rows_have_names_of_their_own),
        cmocka_unit_test(test_example_has_each_setting_with_default_and_meaning),
        cmocka_unit_test(test_example_has_no_other_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
