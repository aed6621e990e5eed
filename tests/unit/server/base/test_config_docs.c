#include "server/base/config_docs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
    } rows[] = {
        {"HOST", "", "text", "0.0.0.0", "", 0, 0, false},
        {"MASTER_API_KEY", "", "text", "", "", 0, 0, true},
        {"DYNAMODB_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "url", "", "", 0, 0, false},
        {"LOG_FORMAT", "", "choice", "auto", "auto|text|json", 0, 0, false},
        {"REQUIRE_API_KEY", "", "boolean", "true", "", 0, 0, false},
        {"PORT", "", "number", "8000", "", 1, 65535, false},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_say_all_of_each_kind),
        cmocka_unit_test(test_rows_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
