/* Inputs of calls, whole and broken, as what their kinds have. */
#include "worker/reply/output_unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define EMPTY_ACTION "{\"type\":\"exec\",\"command\":[],\"env\":{}}"

static const struct {
    enum output_kind kind;
    const char *escaped, *want; /* as between the quotes of a string */
} rows[] = {
    {OUTPUT_CUSTOM, "{\\\"input\\\": \\\"a\\\\nb\\\"}", "a\\nb"},
    {OUTPUT_CUSTOM, "{\\\"input\\\":\\\"\\\"}", ""},
    {OUTPUT_CUSTOM, "{\\\"input\\\":1}", "{\\\"input\\\":1}"},
    {OUTPUT_CUSTOM, "{\\\"inp", "{\\\"inp"},
    {OUTPUT_CUSTOM, "", ""},
    {OUTPUT_CUSTOM, "\\u00e9\\n", "\xc3\xa9\\n"},
    {OUTPUT_SEARCH, "{\\\"q\\\": 9007199254740993}", "{\"q\": 9007199254740993}"},
    {OUTPUT_SEARCH, "[1]", "\"[1]\""},
    {OUTPUT_SEARCH, "{\\\"q\\\"", "\"{\\\"q\\\"\""},
    {OUTPUT_SEARCH, "", "\"\""},
    {OUTPUT_SHELL, "{\\\"command\\\":[\\\"ls\\\",\\\"-l\\\"]}",
     "{\"type\":\"exec\",\"command\":[\"ls\",\"-l\"],\"env\":{}}"},
    {OUTPUT_SHELL,
     "{\\\"user\\\":\\\"u\\\",\\\"env\\\":{\\\"A\\\":\\\"b\\\"},\\\"command\\\":[\\\"x\\\"],"
     "\\\"timeout_ms\\\":5,\\\"working_directory\\\":\\\"/\\\",\\\"type\\\":\\\"other\\\"}",
     "{\"type\":\"exec\",\"command\":[\"x\"],\"env\":{\"A\":\"b\"},\"timeout_ms\":5,\"user\":\"u\","
     "\"working_directory\":\"/\"}"},
    {OUTPUT_SHELL, "{\\\"command\\\":\\\"ls\\\"}", EMPTY_ACTION},
    {OUTPUT_SHELL, "{\\\"command\\\":[\\\"rm\\\",1],\\\"env\\\":{\\\"A\\\":1}}", EMPTY_ACTION},
    {OUTPUT_SHELL, "{\\\"command\\\":[\\\"rm\\\"", EMPTY_ACTION},
    {OUTPUT_SHELL, "null", EMPTY_ACTION},
};

static void test_inputs_become_what_their_kind_has(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_true(output_unpack(rows[i].kind, text_from(rows[i].escaped), &out));
        if (!text_eq(buf_str(&out), text_from(rows[i].want))) {
            fail_msg("%s: got %.*s", rows[i].escaped, STR_ARG(buf_str(&out)));
        }
        buf_free(&out);
    }
}

static void test_no_memory_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool ok = false;
        for (unsigned long k = 1; !ok && k < 50; k++) {
            struct buf out;
            buf_init(&out, 4096);
            heap_fail_after(k);
            ok = output_unpack(rows[i].kind, text_from(rows[i].escaped), &out);
            heap_fail_after(0);
            assert_true(!ok || text_eq(buf_str(&out), text_from(rows[i].want)));
            buf_free(&out);
        }
        assert_true(ok);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_become_what_their_kind_has),
        cmocka_unit_test(test_no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
