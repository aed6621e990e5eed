#include "worker/dialect/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_end_is_an_error_until_the_last_event_came(void **state)
{
    struct err err;
    struct buf out;
    (void)state;
    buf_init(&out, 10);
    struct reply cut = {.started = true}, whole = {.stopped = true}, failed = {.failed = true};
    assert_int_equal(relay_end(&cut, &out, &err), STATUS_UPSTREAM);
    assert_int_equal(relay_end(&whole, &out, &err), STATUS_OK);
    assert_int_equal(relay_end(&failed, &out, &err), STATUS_OK);
    assert_int_equal(buf_len(&out), 0);
}

static void test_error_is_cut_not_overrun(void **state)
{
    char text[1000];
    struct reply r = {.started = false};
    (void)state;
    memset(text, 'x', sizeof text);
    relay_fail(&r, (struct str){text, sizeof text}, (struct str){text, sizeof text});
    assert_int_equal(strlen(r.error.code), sizeof r.error.code - 1);
    assert_int_equal(strlen(r.error.text), sizeof r.error.text - 1);
    relay_fail(&r, STR("a"), (struct str){NULL, 0});
    assert_string_equal(r.error.code, "a");
    assert_string_equal(r.error.text, "");
}

static void test_lines_are_joined(void **state)
{
    char text[] = "a\r\nb\nc\n";
    (void)state;
    relay_join_lines(text, 6);
    assert_string_equal(text, "a  b c\n");
    relay_join_lines(NULL, 0);
    assert_string_equal(text, "a  b c\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_is_an_error_until_the_last_event_came),
        cmocka_unit_test(test_error_is_cut_not_overrun),
        cmocka_unit_test(test_lines_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
