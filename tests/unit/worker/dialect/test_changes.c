#include "worker/dialect/changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct buf list;

static int make(void **state)
{
    (void)state;
    buf_init(&list, CHANGES_MAX);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    buf_free(&list);
    return 0;
}

/* How many notes are in the list, and how many its last entry counts. */
static unsigned named(unsigned *more_out)
{
    struct str rest = buf_str(&list), one;
    unsigned n = 0;
    *more_out = 0;
    while (text_split(&rest, ',', &one)) {
        assert_int_equal(*more_out, 0); /* it is the last one */
        if (text_starts(one, STR("more:"))) {
            uint64_t more;
            assert_true(text_u64(text_sub(one, 5, one.n), &more));
            *more_out = (unsigned)more;
        } else {
            n++;
        }
    }
    return n;
}

static void test_note_stands_once_and_is_safe_for_a_header(void **state)
{
    (void)state;
    assert_true(changes_note(&list, "drop:", STR("a")));
    assert_true(changes_note(&list, "map:x", STR("")));
    assert_false(changes_note(&list, "drop:", STR("a")));
    assert_true(changes_note(&list, "drop:beta:", STR("b\r\nset-cookie: c,d")));
    assert_true(changes_note(&list, "map:", STR("more:7")));
    assert_true(
        text_eq(buf_str(&list), STR("drop:a,map:x,drop:beta:b??set-cookie:?c?d,map:more:7")));
}

/* However long the names are: nothing is lost in silence, and the header stays a header. */
static void test_notes_that_find_no_place_are_counted(void **state)
{
    (void)state;
    static const int lengths[] = {1, 2, 8, 33, 90, 500};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unsigned more;
        buf_clear(&list);
        for (int k = 0; k < 3000; k++) {
            char name[600];
            snprintf(name, sizeof name, "%d-%0*d", k, lengths[i], 0);
            changes_note(&list, "drop:", text_from(name));
            assert_int_equal(named(&more) + more, k + 1);
            assert_true(buf_ok(&list) && buf_len(&list) <= CHANGES_MAX);
        }
        assert_true(buf_len(&list) > CHANGES_MAX - 160);
    }
    buf_clear(&list);
    for (int k = 0; k < 3000; k++) {
        changes_note(&list, "drop:", text_from(k % 2 ? "named" : "x"));
    }
    assert_true(text_eq(buf_str(&list), STR("drop:x,drop:named")));
}

static void test_first_note_that_is_too_long_is_cut(void **state)
{
    (void)state;
    char name[2000];
    memset(name, 'x', sizeof name);
    changes_note(&list, "drop:", (struct str){name, sizeof name});
    assert_int_equal(buf_len(&list), 128);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_note_stands_once_and_is_safe_for_a_header),
        T(test_notes_that_find_no_place_are_counted),
        T(test_first_note_that_is_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
