#include "worker/converse/converse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"

#define TEN "a123456789"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new((size_t)64 << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_drop(arena);
    return 0;
}

static bool is_legal(struct str s, const char *others)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c && strchr(others, c)))
            return false;
    }
    return s.n >= 1 && s.n <= 64;
}

static void test_legal_name_stays(void **state)
{
    static const char *const names[] = {"a", "get_weather", "a-B_9",
                                        TEN TEN TEN TEN TEN TEN "1234"};
    struct converse_names *n = converse_names_new(arena);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str name = text_from(names[i]);
        assert_ptr_equal(converse_name_out(n, name).p, name.p);
        assert_ptr_equal(converse_name_back(n, name).p, name.p);
    }
}

static void test_illegal_name_comes_back(void **state)
{
    static const struct str names[] = {
        {"a b", 3},    {"a\0b", 3}, {"\xc3\xbc", 2}, {"", 0}, {TEN TEN TEN TEN TEN TEN "12345", 65},
        {"a.b:c/d", 7}};
    struct converse_names *n = converse_names_new(arena);
    struct str made[COUNT_OF(names)];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        made[i] = converse_name_out(n, names[i]);
        assert_true(is_legal(made[i], "_-"));
        assert_true(text_eq(converse_name_out(n, names[i]), made[i]));
        for (size_t k = 0; k < i; k++)
            assert_false(text_eq(made[k], made[i]));
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_true(text_eq(converse_name_back(n, made[i]), names[i]));
}

static void expect_split(const struct converse_names *n, struct str joined, const char *space,
                         const char *name)
{
    struct str in, own;
    if (!converse_names_split(n, joined, &in, &own) || !text_eq(in, text_from(space)) ||
        !text_eq(own, text_from(name)))
        fail_msg("%.*s is not %s of %s", STR_ARG(joined), name, space);
}

static void test_name_of_a_namespace_is_joined_and_split(void **state)
{
    struct converse_names *n = converse_names_new(arena);
    struct str joined = converse_names_join(n, STR("agents"), STR("spawn")), in, own;
    (void)state;
    assert_true(text_eq(joined, STR("agents__spawn")));
    assert_true(text_eq(converse_names_join(n, STR("agents"), STR("spawn")), joined));
    expect_split(n, joined, "agents", "spawn");
    assert_true(text_eq(converse_names_join(n, STR(""), STR("look")), STR("look")));
    assert_false(converse_names_split(n, STR("look"), &in, &own));
    assert_false(converse_names_split(n, STR("never__seen"), &in, &own));
    assert_false(converse_names_split(NULL, STR("a__b"), &in, &own));
}

/* Four tools that all would be "a__b__c" */
static void test_tools_of_the_same_joined_name_stay_apart(void **state)
{
    static const struct {
        const char *space, *name;
    } tools[] = {{"a", "b__c"}, {"a__b", "c"}, {"", "a__b__c"}, {"4", "a__b__c"}};
    struct converse_names *n = converse_names_new(arena);
    struct str joined[COUNT_OF(tools)], bedrock[COUNT_OF(tools)];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        joined[i] = converse_names_join(n, text_from(tools[i].space), text_from(tools[i].name));
        bedrock[i] = converse_name_out(n, joined[i]);
        assert_true(is_legal(bedrock[i], "_-"));
        for (size_t k = 0; k < i; k++)
            assert_false(text_eq(bedrock[k], bedrock[i]));
    }
    for (size_t i = 0; i < COUNT_OF(tools); i++) {
        assert_true(text_eq(converse_name_back(n, bedrock[i]), joined[i]));
        assert_true(
            text_eq(converse_names_join(n, text_from(tools[i].space), text_from(tools[i].name)),
                    joined[i]));
    }
    expect_split(n, joined[0], "a", "b__c");
    expect_split(n, joined[1], "a__b", "c");
    expect_split(n, joined[2], "", "a__b__c");
    assert_true(text_eq(joined[3], STR("4__a__b__c")));
}

/* JSON knows every byte in a name. */
static void test_joined_names_may_have_any_bytes(void **state)
{
    struct converse_names *n = converse_names_new(arena);
    struct str in, own, odd = {"x\0y", 3}, other = {"x\0z", 3};
    struct str joined = converse_names_join(n, odd, STR("t"));
    (void)state;
    assert_false(text_eq(joined, converse_names_join(n, other, STR("t"))));
    assert_true(text_eq(converse_name_back(n, converse_name_out(n, joined)), joined));
    assert_true(converse_names_split(n, joined, &in, &own));
    assert_true(text_eq(in, odd) && text_eq(own, STR("t")));
}

static void test_kind_of_a_call_is_remembered(void **state)
{
    struct converse_names *n = converse_names_new(arena);
    struct str joined = converse_names_join(n, STR("a"), STR("patch"));
    (void)state;
    assert_int_equal(converse_names_kind(n, joined), CONVERSE_CALL_FUNCTION);
    assert_true(converse_names_mark(n, joined, CONVERSE_CALL_CUSTOM));
    assert_true(converse_names_mark(n, STR("local_shell"), CONVERSE_CALL_SHELL));
    assert_int_equal(converse_names_kind(n, joined), CONVERSE_CALL_CUSTOM);
    assert_int_equal(converse_names_kind(n, STR("local_shell")), CONVERSE_CALL_SHELL);
    assert_int_equal(converse_names_kind(n, STR("patch")), CONVERSE_CALL_FUNCTION);
    assert_int_equal(converse_names_kind(NULL, joined), CONVERSE_CALL_FUNCTION);
    expect_split(n, joined, "a", "patch");
}

/* Prompt caches hold only if the same tool has the same name in the next request. */
static void test_made_name_is_the_same_in_every_request(void **state)
{
    struct str one = converse_name_out(converse_names_new(arena), STR("a b"));
    (void)state;
    assert_true(text_eq(one, converse_name_out(converse_names_new(arena), STR("a b"))));
}

static void test_name_that_looks_made_never_meets_a_made_one(void **state)
{
    struct converse_names *n = converse_names_new(arena);
    struct str made = converse_name_out(n, STR("a b"));
    struct str twin = arena_dup(arena, made); /* the client's own tool of that name */
    (void)state;
    struct str other = converse_name_out(n, twin);
    assert_false(text_eq(other, made));
    assert_true(text_eq(converse_name_back(n, made), STR("a b")));
    assert_true(text_eq(converse_name_back(n, other), twin));
}

static void test_name_back_without_a_map_is_the_same(void **state)
{
    (void)state;
    assert_true(text_eq(converse_name_back(NULL, STR("x")), STR("x")));
}

static void test_many_illegal_names_stay_fast(void **state)
{
    struct converse_names *n = converse_names_new(arena);
    char name[32];
    (void)state;
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "a b %d", i);
        struct str made = converse_name_out(n, text_from(name));
        assert_true(text_eq(converse_name_back(n, made), text_from(name)));
    }
}

static void test_document_name_is_neutral_and_numbered(void **state)
{
    static const struct {
        const char *title, *name;
    } rows[] = {
        {"Q3 report.pdf", "Q3 report pdf 7"},
        {"", "document 7"},
        {"\xe6\x8a\xa5\xe5\x91\x8a", "document 7"},
        {"a  [b]  (c)-d", "a [b] (c)-d 7"},
        {"a/..\n/b__", "a b 7"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str got = converse_document_name(arena, text_from(rows[i].title), 7);
        if (!text_eq(got, text_from(rows[i].name)))
            fail_msg("'%s' became '%.*s'", rows[i].title, STR_ARG(got));
    }
    char title[400];
    memset(title, 'x', sizeof title);
    assert_true(converse_document_name(arena, (struct str){title, 400}, 4294967295u).n <= 200);
}

static void test_base64_is_recognised(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"AAAA", true},  {"AAA=", true},  {"AA==", true},   {"A===", false},
                {"", false},     {"AAA", false},  {"AA+/", true},   {"AA-_", false},
                {"AA=A", false}, {"====", false}, {"AA\nA", false}, {"AAAAA=AA", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (converse_is_base64(text_from(rows[i].text)) != rows[i].good)
            fail_msg("'%s'", rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_legal_name_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_illegal_name_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_of_a_namespace_is_joined_and_split, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_tools_of_the_same_joined_name_stay_apart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_joined_names_may_have_any_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kind_of_a_call_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_made_name_is_the_same_in_every_request, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_name_that_looks_made_never_meets_a_made_one, setup,
                                        teardown),
        cmocka_unit_test(test_name_back_without_a_map_is_the_same),
        cmocka_unit_test_setup_teardown(test_many_illegal_names_stay_fast, setup, teardown),
        cmocka_unit_test_setup_teardown(test_document_name_is_neutral_and_numbered, setup,
                                        teardown),
        cmocka_unit_test(test_base64_is_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
