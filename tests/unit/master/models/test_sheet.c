/* sheet.c: the offers of one model at several places become one row. */
#include "master/models/sheet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "server/base/arena.h"

#define NOWHERE ((struct str){NULL, 0})

/* One offer: a full id or a bare one and its region, dollars a million. */
struct given {
    const char *id, *region;
    double in, out;
};

/* Columns 1.. of the row as the reader counts them; 11: regional. */
static struct str cell(struct str rows, unsigned line, unsigned column)
{
    struct str text = {NULL, 0};
    for (unsigned i = 0; i <= line; i++) {
        assert_true(text_split(&rows, '\n', &text));
    }
    struct str rest = text, one = {NULL, 0};
    for (unsigned i = 0; i < column; i++) {
        assert_true(text_split(&rest, '\t', &one));
    }
    return one;
}

static void check(const char *name, const struct given *given, size_t n, unsigned column,
                  const char *wanted)
{
    struct sheet *s = heap_new(sizeof *s);
    struct buf out;
    buf_init(&out, 1 << 20);
    s->source = "test";
    for (size_t i = 0; i < n; i++) {
        struct sheet_offer *o = sheet_add(s, text_from(given[i].id), text_from(given[i].region));
        assert_non_null(o);
        o->in = sheet_money(given[i].in, 1e6);
        o->out = sheet_money(given[i].out, 1e6);
    }
    sheet_put(s, &out);
    struct str is = cell(buf_str(&out), 1, column);
    if (!text_eq(is, text_from(wanted))) {
        fail_msg("%s: \"%.*s\", wanted \"%s\"", name, STR_ARG(is), wanted);
    }
    buf_free(&out);
    heap_drop(s);
}

static void test_regional_cell_by_places(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct given given[6];
        size_t n;
        const char *regional;
    } rows[] = {
        {"one place", {{"house.a", "", 1, 2}}, 1, ""},
        {"a tenth more outside global",
         {{"us.house.a", "", 1.1, 2.2}, {"global.house.a", "", 1, 2}, {"eu.house.a", "", 1.1, 2.2}},
         3,
         "1.1"},
        {"one prefix is dearer",
         {{"us.house.a", "", 1.1, 2.2},
          {"global.house.a", "", 1, 2},
          {"jp.house.a", "", 1.32, 2.64}},
         3,
         "1.1,jp=1.32"},
        {"a bare id as global",
         {{"house.a", "", 1, 2}, {"global.house.a", "", 1, 2}, {"us.house.a", "", 1.1, 2.2}},
         3,
         "1.1,bare=1"},
        {"but of Claude it is not believed",
         {{"anthropic.a", "", 1, 2},
          {"global.anthropic.a", "", 1, 2},
          {"us.anthropic.a", "", 1.1, 2.2}},
         3,
         "1.1"},
        {"two factors",
         {{"house.a", "us-east-1", 0.62, 1.85}, {"house.a", "eu-west-1", 0.74, 2.22}},
         2,
         "eu-west-1=0.74/2.22"},
        {"a region is not repeated for its prefix",
         {{"house.a", "", 1, 2},
          {"eu.house.a", "", 1.3, 2.6},
          {"house.a", "eu-west-1", 1.3, 2.6},
          {"house.a", "eu-west-2", 1, 2}},
         4,
         "eu=1.3,eu-west-2=1"},
        {"GovCloud's regions are their profile",
         {{"house.a", "us-gov-west-1", 1.2, 2.4},
          {"house.a", "us-gov-east-1", 1.2, 2.4},
          {"house.a", "", 1, 2}},
         3,
         "us-gov=1.2"},
        {"the same place twice", {{"house.a", "", 1, 2}, {"house.a", "", 3, 4}}, 2, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check(rows[i].name, rows[i].given, rows[i].n, 11, rows[i].regional);
    }
}

static void test_list_price_is_that_of_global_else_us_east_1_else_bare_else_us(void **state)
{
    (void)state;
    static const struct given places[] = {{"eu.house.a", "", 5, 5},
                                          {"us.house.a", "", 4, 4},
                                          {"house.a", "", 3, 3},
                                          {"house.a", "us-east-1", 2, 2},
                                          {"global.house.a", "", 1, 1}};
    static const char *const in[] = {"5", "4", "3", "2", "1"};
    for (size_t n = 1; n <= COUNT_OF(places); n++) {
        check("list price", places, n, 6, in[n - 1]);
    }
    static const struct given gov[] = {{"house.a", "us-gov-west-1", 9, 9},
                                       {"house.a", "eu-west-1", 8, 8}};
    check("GovCloud's last", gov, 2, 6, "8");
}

static void test_add_takes_ids_of_bedrock_models_only(void **state)
{
    (void)state;
    struct sheet *s = heap_new(sizeof *s);
    static const char *const bad[] = {
        "gpt-4o",    "",        "house", "arn:aws:bedrock:us-east-1::foundation-model/house.a",
        "house.a b", "house.\t"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (sheet_add(s, text_from(bad[i]), NOWHERE)) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    for (size_t i = 0; i < SHEET_OFFERS_MAX; i++) {
        assert_non_null(sheet_add(s, STR("house.a"), NOWHERE));
    }
    assert_null(sheet_add(s, STR("house.a"), NOWHERE));
    heap_drop(s);
}

static void test_money_rounds_and_refuses(void **state)
{
    (void)state;
    assert_int_equal(sheet_money(3e-06, 1), 3000000);
    assert_int_equal(sheet_money(8.75e-09, 1), 8750);
    assert_int_equal(sheet_money(0.035, 1e6), 35000);
    assert_int_equal(sheet_money(0, 1), 0);
    assert_int_equal(sheet_money(-1, 1e6), CATALOGUE_NONE);
    assert_int_equal(sheet_money(1e9, 1), CATALOGUE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regional_cell_by_places),
        cmocka_unit_test(test_list_price_is_that_of_global_else_us_east_1_else_bare_else_us),
        cmocka_unit_test(test_add_takes_ids_of_bedrock_models_only),
        cmocka_unit_test(test_money_rounds_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
