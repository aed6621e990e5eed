#include "server/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static void test_alloc_any_size_zeroed_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4000, 5000, 16000, 17000, 1000000, 3};
    for (int round = 0; round < 3; round++) { /* the second round gets recycled chunks */
        struct arena *arena = arena_new(10000000);
        assert_non_null(arena);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint8_t *p = arena_alloc(arena, sizes[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            assert_true(all_zero(p, sizes[i]));
            memset(p, 0xa5, sizes[i]);
        }
        arena_drop(arena);
    }
}

static void test_alloc_pieces_do_not_overlap(void **state)
{
    (void)state;
    enum { PIECES = 500 };
    struct arena *arena = arena_new(10000000);
    uint8_t *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(arena, i * 13 % 700 + 1);
        memset(pieces[i], (int)(i & 255), i * 13 % 700 + 1);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < i * 13 % 700 + 1; k++) {
            assert_int_equal(pieces[i][k], i & 255);
        }
    }
    arena_drop(arena);
}

static void test_alloc_past_ceiling_gives_null(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1000);
    assert_null(arena_alloc(arena, 1001));
    assert_non_null(arena_alloc(arena, 1000));
    assert_int_equal(arena_used(arena), 1000);
    assert_null(arena_alloc(arena, 1));
    assert_null(arena_dup(arena, STR("x")).p);
    assert_null(arena_printf(arena, "%d", 1));
    assert_false(arena_on_drop(arena, free, NULL));
    assert_null(arena_alloc(arena, SIZE_MAX));
    arena_drop(arena);
}

static void test_used_counts_rounded_sizes(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1000);
    assert_int_equal(arena_used(arena), 0);
    arena_alloc(arena, 1);
    arena_alloc(arena, 17);
    assert_int_equal(arena_used(arena), 48);
    arena_drop(arena);
}

static void test_dup_and_printf_are_terminated(void **state)
{
    (void)state;
    struct arena *arena = arena_new(100000);
    struct str s = arena_dup(arena, STR("a\0b"));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_string_equal(arena_dup(arena, (struct str){0}).p, "");
    assert_string_equal(arena_printf(arena, "%s-%d", "x", 42), "x-42");
    assert_int_equal(strlen(arena_printf(arena, "%020000d", 1)), 20000);
    arena_drop(arena);
}

static char order[8];

static void note(void *ctx)
{
    strncat(order, ctx, 1);
}

static void test_drop_runs_hooks_newest_first(void **state)
{
    (void)state;
    order[0] = '\0';
    struct arena *arena = arena_new(10000);
    assert_true(arena_on_drop(arena, note, "1"));
    assert_true(arena_on_drop(arena, note, "2"));
    assert_true(arena_on_drop(arena, note, "3"));
    assert_string_equal(order, "");
    arena_drop(arena);
    assert_string_equal(order, "321");
    arena_drop(NULL);
}

static void test_torture_kth_allocation_fails(void **state)
{
    (void)state;
    heap_fail_after(1);
    assert_null(arena_new(100));
    struct arena *arena = arena_new(100);
    assert_non_null(arena);
    heap_fail_after(2);
    assert_non_null(arena_alloc(arena, 1));
    assert_null(arena_alloc(arena, 1));
    assert_non_null(arena_alloc(arena, 1));
    arena_drop(arena);
}

static void test_heap_zeroed_grown_and_failing(void **state)
{
    (void)state;
    uint8_t *p = heap_new(100);
    assert_true(all_zero(p, 100));
    memset(p, 7, 100);
    heap_fail_after(1);
    assert_null(heap_grow(p, 200));
    assert_int_equal(p[99], 7); /* the old block is kept */
    p = heap_grow(p, 100000);
    assert_int_equal(p[99], 7);
    heap_drop(p);
    heap_fail_after(1);
    assert_null(heap_new(1));
    void *none = heap_new(0);
    assert_non_null(none);
    heap_drop(none);
    heap_drop(NULL);
}

static void test_heap_pages_are_its_own(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t n = 1; n < 6 * page; n += page / 2 + 1) {
        uint8_t *p = heap_pages(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % page, 0);
        unsigned char in_memory[8] = {0};
        assert_int_equal(mincore(p, n, in_memory), 0);
        for (size_t i = 0; i < n; i += page) {
            assert_int_equal(in_memory[i / page] & 1, 0);
        }
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xff, n); /* the next one may get the same bytes */
        heap_drop(p);
    }
    assert_null(heap_pages(SIZE_MAX - 1));
    heap_fail_after(1);
    assert_null(heap_pages(page));
    heap_fail_after(0);
}

static void test_poison_around_and_after_drop(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    struct arena *arena = arena_new(1000);
    uint8_t *a = arena_alloc(arena, 16);
    uint8_t *b = arena_alloc(arena, 5);
    assert_false(__asan_address_is_poisoned(a + 15));
    assert_true(__asan_address_is_poisoned(a + 16));
    assert_false(__asan_address_is_poisoned(b + 4));
    assert_true(__asan_address_is_poisoned(b + 5));
    arena_drop(arena);
    assert_true(__asan_address_is_poisoned(a));
    assert_true(__asan_address_is_poisoned(b));
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_any_size_zeroed_and_aligned),
        cmocka_unit_test(test_alloc_pieces_do_not_overlap),
        cmocka_unit_test(test_alloc_past_ceiling_gives_null),
        cmocka_unit_test(test_used_counts_rounded_sizes),
        cmocka_unit_test(test_dup_and_printf_are_terminated),
        cmocka_unit_test(test_drop_runs_hooks_newest_first),
        cmocka_unit_test(test_torture_kth_allocation_fails),
        cmocka_unit_test(test_heap_zeroed_grown_and_failing),
        cmocka_unit_test(test_heap_pages_are_its_own),
        cmocka_unit_test(test_poison_around_and_after_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
