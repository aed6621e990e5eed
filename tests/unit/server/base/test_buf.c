#include "server/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"

static void test_puts_chain_in_order(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(buf_str(&b).n, 0);
    BUF_LIT(&b, "a");
    buf_put_str(&b, STR("bc"));
    buf_put_str(&b, (struct str){0});
    buf_put_char(&b, '-');
    buf_put_u64(&b, 1234567890123456789U);
    buf_printf(&b, "[%s:%d]", "x", -5);
    assert_true(text_eq(buf_str(&b), STR("abc-1234567890123456789[x:-5]")));
    assert_true(buf_ok(&b));
    buf_free(&b);
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(b.max, 1000);
}

static void test_put_exactly_max_fits_one_more_fails(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_put(&b, "01234", 5);
    buf_printf(&b, "%s", "56789");
    assert_true(buf_ok(&b));
    buf_put_char(&b, 'x');
    assert_false(buf_ok(&b));
    assert_true(text_eq(buf_str(&b), STR("0123456789")));
    buf_consume(&b, 10);
    buf_put_char(&b, 'y'); /* sticky */
    assert_int_equal(buf_len(&b), 0);
    assert_null(buf_reserve(&b, 1));
    buf_clear(&b);
    assert_true(buf_ok(&b));
    buf_put_char(&b, 'z');
    assert_true(text_eq(buf_str(&b), STR("z")));
    buf_free(&b);
}

static void test_put_whole_or_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_put(&b, "abc", 3);
    buf_put(&b, "de", 2);
    assert_true(text_eq(buf_str(&b), STR("abc")));
    assert_false(buf_ok(&b));
    buf_free(&b);
    buf_init(&b, 4);
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_false(buf_ok(&b));
    buf_free(&b);
}

static void test_put_out_of_memory_sets_flag(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    buf_put(&b, "abc", 3);
    heap_fail_after(1);
    assert_null(buf_reserve(&b, 50000));
    assert_false(buf_ok(&b));
    assert_true(text_eq(buf_str(&b), STR("abc")));
    buf_free(&b);
}

static void test_reserve_commit_part(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5000);
    char *room = buf_reserve(&b, 4096);
    memcpy(room, "hello", 5);
    buf_commit(&b, 5);
    buf_commit(&b, 0);
    assert_true(text_eq(buf_str(&b), STR("hello")));
    assert_non_null(buf_reserve(&b, 0));
    buf_truncate(&b, 2);
    assert_true(text_eq(buf_str(&b), STR("he")));
    buf_truncate(&b, 0);
    assert_int_equal(buf_len(&b), 0);
    buf_free(&b);
}

static void test_consume_to_empty_resets_head(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_put(&b, "abcdef", 6);
    buf_consume(&b, 2);
    assert_true(text_eq(buf_str(&b), STR("cdef")));
    assert_int_equal(b.head, 2);
    buf_consume(&b, 4);
    assert_int_equal(b.head, 0);
    buf_free(&b);
}

/* A model of the buffer: byte k of the stream has the value k * 7. */
static void test_consume_and_put_many_keeps_order_and_bound(void **state)
{
    (void)state;
    enum { MAX = 5000 };
    struct buf b;
    buf_init(&b, MAX);
    size_t put = 0;
    size_t taken = 0;
    uint32_t seed = 12345;
    for (int turn = 0; turn < 4000; turn++) {
        seed = seed * 1664525 + 1013904223;
        size_t n = (seed >> 16) % 700;
        while (n-- > 0 && buf_len(&b) < MAX) {
            buf_put_char(&b, (char)(put++ * 7));
        }
        seed = seed * 1664525 + 1013904223;
        size_t out = (seed >> 16) % 700;
        out = out < buf_len(&b) ? out : buf_len(&b);
        for (size_t i = 0; i < out; i++) {
            assert_int_equal((uint8_t)buf_data(&b)[i], (uint8_t)((taken + i) * 7));
        }
        buf_consume(&b, out);
        taken += out;
        assert_true(b.cap <= MAX + MAX / 2);
    }
    assert_true(buf_ok(&b));
    assert_int_equal(put - taken, buf_len(&b));
    assert_true(put > 500000);
    buf_free(&b);
}

/* A maximum that is raised step by step is also the memory taken: whoever counts one counts the
 * other. */
static void test_allow_raises_the_maximum_and_keeps_the_bytes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (size_t max = 1; max < 100000; max = max * 3 + 1) {
        buf_allow(&b, max);
        while (buf_len(&b) < max) {
            buf_put_char(&b, (char)(buf_len(&b) * 7));
        }
        assert_true(buf_ok(&b));
        assert_true(b.cap <= max);
        assert_null(buf_reserve(&b, 1));
        b.failed = false;
    }
    for (size_t i = 0; i < buf_len(&b); i++) {
        assert_int_equal((uint8_t)buf_data(&b)[i], (uint8_t)(i * 7));
    }
    heap_fail_after(1);
    buf_allow(&b, 1 << 20);
    assert_null(buf_reserve(&b, 1 << 18));
    heap_fail_after(0);
    assert_int_equal((uint8_t)buf_data(&b)[9], 63); /* what was there stays */
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puts_chain_in_order),
        cmocka_unit_test(test_put_exactly_max_fits_one_more_fails),
        cmocka_unit_test(test_put_whole_or_nothing),
        cmocka_unit_test(test_put_out_of_memory_sets_flag),
        cmocka_unit_test(test_reserve_commit_part),
        cmocka_unit_test(test_consume_to_empty_resets_head),
        cmocka_unit_test(test_consume_and_put_many_keeps_order_and_bound),
        cmocka_unit_test(test_allow_raises_the_maximum_and_keeps_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
