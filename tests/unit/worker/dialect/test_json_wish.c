#include "worker/dialect/json_wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_wish_is_legal_inside_a_json_string(void **state)
{
    static const struct {
        const char *schema, *out;
    } rows[] = {
        {"", "Answer with one JSON object and nothing else: no code fence, no text around it."},
        {"{\"a\":\"\\\"\\n\"}",
         "Answer with one JSON value and nothing else: no code fence, no text around it. It must "
         "match this JSON Schema:\\n{\\\"a\\\":\\\"\\\\\\\"\\\\n\\\"}"},
    };
    struct arena *a = arena_new((size_t)1 << 16);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str got = json_wish(a, text_from(rows[i].schema));
        if (!text_eq(got, text_from(rows[i].out)))
            fail_msg("'%s': got\n%.*s", rows[i].schema, STR_ARG(got));
    }
    arena_drop(a);
}

static void test_wish_without_memory_is_null(void **state)
{
    struct arena *a = arena_new(1024);
    static char schema[4000];
    (void)state;
    memset(schema, ' ', sizeof schema);
    assert_null(json_wish(a, (struct str){schema, sizeof schema}).p);
    arena_drop(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wish_is_legal_inside_a_json_string),
        cmocka_unit_test(test_wish_without_memory_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
