/* Rules for anthropic-beta values, and the rows that they come from. */
#include "shm/store/beta_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_row_by_type_and_values(void **state)
{
    static const struct {
        const char *name, *type, *values, *to; /* to NULL: refused */
    } rows[] = {
        {"a-1", "blocklist", "null", ""},
        {"a-1", "blocklist", "[\"x\"]", ""},
        {"a-1", "mapping", "[\"x\"]", "x"},
        {"a-1", "mapping", "[\"x.1\",\"y_2\",\"z-3\"]", "x.1,y_2,z-3"},
        {"a-1", "mapping", "[]", ""},
        {"a-1", "mapping", "null", NULL},
        {"a-1", "mapping", "{\"a\":\"b\"}", NULL},
        {"a-1", "mapping", "[\"x y\"]", NULL},
        {"a-1", "mapping", "[5]", NULL},
        {"a-1", "other", "[\"x\"]", NULL},
        {"a-1", "", "[\"x\"]", NULL},
        {"", "blocklist", "[]", NULL},
        {"a,b", "blocklist", "[]", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct directory_beta r;
        struct err err;
        struct cJSON *values = json_parse(text_from(rows[i].values), &err);
        bool good =
            beta_rule_row(&r, text_from(rows[i].name), text_from(rows[i].type), values, json_text);
        if (good != (rows[i].to != NULL) || (good && strcmp(r.to, rows[i].to) != 0)) {
            fail_msg("%s %s %s: %d %s", rows[i].name, rows[i].type, rows[i].values, good, r.to);
        }
        json_free(values);
    }
}

static void test_add_until_there_is_no_room(void **state)
{
    struct directory_beta r;
    char name[65];
    (void)state;
    memset(name, 'x', sizeof name);
    assert_false(beta_rule_begin(&r, (struct str){name, 64}));
    assert_true(beta_rule_begin(&r, (struct str){name, 63}));
    assert_false(beta_rule_add(&r, (struct str){name, 65}));
    assert_true(beta_rule_add(&r, (struct str){name, 64}));
    assert_true(beta_rule_add(&r, (struct str){name, 64}));
    assert_false(beta_rule_add(&r, (struct str){name, 54}));
    assert_true(beta_rule_add(&r, (struct str){name, 53}));
    assert_int_equal(strlen(r.to), 183);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_by_type_and_values),
        cmocka_unit_test(test_add_until_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
