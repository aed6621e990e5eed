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
    buf_put_i64(&b, INT64_MIN);
    buf_put_i64(&b, 0);
    buf_printf(&b, "[%s:%d]", "x", -5);
    assert_true(text_eq(buf_str(&b), STR("abc-1234567890123456789-92233720368547758080[x:-5]")));
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

/* What holds a little more than it did shall not cost twice as much. */
static void test_put_above_steady_size_grows_by_halves(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < 300000; i++) {
        buf_put_char(&b, 'x');
        assert_true(b.cap <= 256 || b.cap <= 2 * b.n);
        assert_true(b.cap <= 16384 || b.cap <= b.n + b.n / 2);
    }
    buf_free(&b);
}

/* A slow reader's buffer: as much is put as leaves, for ever. It stays as large as it is. */
static void test_put_as_much_as_leaves_does_not_grow(void **state)
{
    (void)state;
    static const char piece[1000];
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 9; i++) {
        buf_put(&b, piece, sizeof piece);
    }
    size_t cap = b.cap;
    for (int i = 0; i < 1000; i++) {
        buf_consume(&b, sizeof piece);
        buf_put(&b, piece, sizeof piece);
    }
    assert_int_equal(b.cap, cap);
    buf_free(&b);
}

static void test_trim_keeps_bytes_and_gives_the_rest_back(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_trim(&b);
    assert_null(b.mem);
    for (int i = 0; i < 20000; i++) {
        buf_put_char(&b, (char)(i * 7));
    }
    buf_consume(&b, 9000);
    buf_trim(&b);
    assert_int_equal(b.cap, 11000);
    for (int i = 9000; i < 20000; i++) {
        assert_int_equal(buf_data(&b)[i - 9000], (char)(i * 7));
    }
    heap_fail_after(1);
    buf_consume(&b, 10000);
    buf_trim(&b); /* no memory for less memory: all stays as it is */
    heap_fail_after(0);
    assert_true(buf_ok(&b));
    assert_int_equal(b.cap, 11000);
    assert_int_equal(buf_data(&b)[0], (char)(19000 * 7));
    buf_put_char(&b, 'x');
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
        cmocka_unit_test(test_put_above_steady_size_grows_by_halves),
        cmocka_unit_test(test_put_as_much_as_leaves_does_not_grow),
        cmocka_unit_test(test_trim_keeps_bytes_and_gives_the_rest_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
