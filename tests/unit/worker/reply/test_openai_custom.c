/* The free text of a custom tool's call: gathered, unpacked, limited. */
#include "worker/reply/openai_custom.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_text_of_a_whole_call(void **state)
{
    static const struct {
        const char *input, *text;
    } rows[] = {
        {"{\"input\":\"a\\n\\\"b\"}", "a\\n\\\"b"},
        {"{\"input\":\"\"}", ""},
        {"{\"patch\":\"a\"}", "{\\\"patch\\\":\\\"a\\\"}"}, /* another object: itself */
        {"{\"input\":", "{\\\"input\\\":"},
        {"plain", "plain"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 16);
        struct buf out;
        buf_init(&out, 1000);
        assert_true(openai_custom_text(arena, text_from(rows[i].input), &out));
        if (!text_eq(buf_str(&out), text_from(rows[i].text)))
            fail_msg("%s: %.*s", rows[i].input, STR_ARG(buf_str(&out)));
        buf_free(&out);
        arena_drop(arena);
    }
}

static void test_pieces_are_gathered_for_each_call(void **state)
{
    struct openai_customs all = {.arena = arena_new(1 << 20)};
    struct buf out;
    (void)state;
    buf_init(&out, 1000);
    assert_true(openai_custom_begin(&all, 0) && openai_custom_begin(&all, 3));
    assert_true(openai_custom_add(&all, 0, STR("{\\\"input\\\":\\\"\\\\")));
    assert_true(openai_custom_add(&all, 3, STR("{\\\"input\\\":\\\"x\\\"}")));
    assert_true(openai_custom_add(&all, 0, STR("u00e9\\\"}")));
    assert_true(openai_custom_is_open(&all, 0) && !openai_custom_is_open(&all, 1));
    assert_true(openai_custom_end(&all, 0, &out) && !openai_custom_is_open(&all, 0));
    assert_true(text_eq(buf_str(&out), STR("\\u00e9")));
    assert_true(openai_custom_end(&all, 3, &out));
    assert_false(openai_custom_end(&all, 3, &out)); /* it is over */
    buf_free(&out);
    arena_drop(all.arena);
}

static void test_text_that_is_too_long_is_told(void **state)
{
    static char piece[1 << 20];
    struct openai_customs all = {.arena = arena_new(1 << 20)};
    bool ok = true;
    (void)state;
    memset(piece, 'a', sizeof piece);
    assert_true(openai_custom_begin(&all, 0));
    for (int i = 0; i < 5; i++)
        ok = openai_custom_add(&all, 0, (struct str){piece, sizeof piece});
    assert_false(ok);
    arena_drop(all.arena);
}

static void test_no_memory_is_told(void **state)
{
    struct openai_customs all = {.arena = arena_new(1 << 12)};
    (void)state;
    heap_fail_after(1);
    assert_false(openai_custom_begin(&all, 0));
    heap_fail_after(0);
    arena_drop(all.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_a_whole_call),
        cmocka_unit_test(test_pieces_are_gathered_for_each_call),
        cmocka_unit_test(test_text_that_is_too_long_is_told),
        cmocka_unit_test(test_no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
