#include "worker/reply/native_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_ids_that_only_count(void **state)
{
    static const struct {
        const char *id;
        bool counts;
    } rows[] = {{"call_0", true},   {"call_127", true}, {"call_", false},   {"call_1a", false},
                {"fc_1", false},    {"", false},        {"call_-1", false}, {"call_aB3", false},
                {"xcall_1", false}, {"call_1 ", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (native_edit_only_counts(text_from(rows[i].id)) != rows[i].counts) {
            fail_msg("%s", rows[i].id);
        }
    }
}

static void test_a_call_keeps_its_id(void **state)
{
    static struct native_edit_ids ids;
    (void)state;
    struct str one = native_edit_id(&ids, 0), again = native_edit_id(&ids, 0),
               last = native_edit_id(&ids, NATIVE_EDIT_CALLS - 1);
    assert_true(text_eq(one, again));
    assert_false(text_eq(one, last));
    assert_int_equal(one.n, 31);
    assert_true(text_starts(last, STR("\"call_")) && text_ends(last, STR("\"")));
}

static void test_values_counts_and_lines(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct scan s;
    struct edits e;
    struct buf out;
    struct err err;
    struct str text = STR("{\"a\":\"x\",\"n\":5,\"m\":-1,\"f\":1.5}");
    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(scan_parse(&s, arena, text, &relay_limits, &err), STATUS_OK);
    assert_int_equal(native_edit_count(&s, 0, "n"), 5);
    assert_int_equal(native_edit_count(&s, 0, "m"), 0);
    assert_int_equal(native_edit_count(&s, 0, "f"), 0);
    assert_int_equal(native_edit_count(&s, SCAN_ABSENT, "n"), 0);
    edits_init(&e, &s);
    native_edit_put(&e, SCAN_GET(&s, 0, "a"), STR("y \"z\"\n"));
    native_edit_put(&e, SCAN_GET(&s, 0, "b"), STR("nowhere"));
    BUF_LIT(&out, "\n");
    assert_int_equal(edits_apply(&e, &out, &err), STATUS_OK);
    assert_true(
        text_eq(buf_str(&out), STR("\n{\"a\":\"y \\\"z\\\"\\n\",\"n\":5,\"m\":-1,\"f\":1.5}")));
    buf_free(&out);
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_that_only_count),
        cmocka_unit_test(test_a_call_keeps_its_id),
        cmocka_unit_test(test_values_counts_and_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
