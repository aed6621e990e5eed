#include "worker/openai/responses_pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/buf.h"
#include "tests/unit/err_param.h"

#define MANY 20000

static const struct scan_limits limits = {
    .depth = 128, .values = 200000, .keys = 10000, .number_len = 64};

#define CALL(id) \
    "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"f\",\"arguments\":\"\"}"
#define OUTPUT(id) "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"\"}"
#define USER       "{\"role\":\"user\",\"content\":\"u\"}"

static enum status read_pairs(struct arena *arena, struct str input, struct responses_pairs *out,
                              struct err *err)
{
    struct scan s;
    struct responses_list items;
    assert_int_equal(scan_parse(&s, arena, input, &limits, err), STATUS_OK);
    assert_int_equal(responses_item_list(&s, 0, &items, err), STATUS_OK);
    return responses_pairs_read(&s, &items, out, err);
}

static void test_outputs_find_their_calls(void **state)
{
    static const struct {
        const char *input;
        uint32_t at[4]; /* of the outputs, call by call; 0: there are no more */
        uint32_t surplus;
    } rows[] = {
        {"[" USER "]", {0}, 0},
        {"[" CALL("a") "," OUTPUT("a") "]", {1}, 0},
        {"[" CALL("a") "," CALL("b") "," OUTPUT("b") "," USER "," OUTPUT("a") "]", {4, 2}, 0},
        {"[" CALL("a") "," OUTPUT("a") "," CALL("a") "," OUTPUT("a") "]", {1, 3}, 0},
        {"[" CALL("a") "," CALL("a") "," OUTPUT("a") "," OUTPUT("a") "]", {2, 3}, 0},
        {"[" CALL("a") "," OUTPUT("a") "," OUTPUT("a") "]", {1}, 1},
        {"[" CALL("a") "," OUTPUT("a") "," OUTPUT("a") "," CALL("a") "," OUTPUT("a") "]",
         {1, 4},
         1},
        {"[" CALL("a") "," OUTPUT("\\u0061") "]", {1}, 0},
        {"\"a string\"", {0}, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct responses_pairs pairs;
        struct err err;
        uint32_t n = 0;
        if (read_pairs(arena, text_from(rows[i].input), &pairs, &err) != STATUS_OK)
            fail_msg("%s: %s", rows[i].input, err.text);
        for (; n < 4 && rows[i].at[n]; n++)
            assert_int_equal(pairs.answer[n], rows[i].at[n]);
        assert_int_equal(pairs.calls, n);
        assert_int_equal(pairs.surplus, rows[i].surplus);
        arena_drop(arena);
    }
}

static void test_what_finds_no_other_is_refused_in_openais_words(void **state)
{
    static const struct {
        const char *input, *text;
    } rows[] = {
        {"[" CALL("a") "]", "Invalid 'input': No tool output found for function call a."},
        {"[" CALL("z") "," CALL("a") "]",
         "Invalid 'input': No tool output found for function call z."},
        {"[" OUTPUT("a") "]",
         "Invalid 'input': No tool call found for function call output with call_id a."},
        {"[" OUTPUT("a") "," CALL("a") "," OUTPUT("a") "]",
         "Invalid 'input': No tool call found for function call output with call_id a."},
        {"[" CALL("a") "," OUTPUT("a") "," CALL("a") "]",
         "Invalid 'input': No tool output found for function call a."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct responses_pairs pairs;
        struct err err;
        assert_int_equal(read_pairs(arena, text_from(rows[i].input), &pairs, &err), STATUS_INVALID);
        assert_string_equal(err.text, rows[i].text);
        assert_true(err_param_fits(&err));
        arena_drop(arena);
    }
}

/* Very many of one id: calls first, then their outputs. It must not cost their number squared. */
static void test_many_of_one_id_stay_fast(void **state)
{
    struct arena *arena = arena_new((size_t)256 << 20);
    struct responses_pairs pairs;
    struct err err;
    struct buf in;
    (void)state;
    buf_init(&in, (size_t)16 << 20);
    for (int i = 0; i < 2 * MANY; i++)
        buf_put_str(&in, i == 0     ? STR("[" CALL("a"))
                         : i < MANY ? STR("," CALL("a"))
                                    : STR("," OUTPUT("a")));
    buf_put_char(&in, ']');
    assert_true(buf_ok(&in));
    assert_int_equal(read_pairs(arena, buf_str(&in), &pairs, &err), STATUS_OK);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(pairs.answer[i], MANY + i);
    buf_free(&in);
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outputs_find_their_calls),
        cmocka_unit_test(test_what_finds_no_other_is_refused_in_openais_words),
        cmocka_unit_test(test_many_of_one_id_stay_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
