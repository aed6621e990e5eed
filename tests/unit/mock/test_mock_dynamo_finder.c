/* The mock DynamoDB's row finder against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/mock/dynamo_finder.c"

#define ROWS 500

/* Every row is found by its hash once, and nothing else is. */
static void check_all(const struct finder *f, const uint32_t *hash, size_t n)
{
    assert_int_equal(f->n, n);
    for (size_t row = 0; row < n; row++) {
        size_t same = 0, met = 0;
        for (size_t i = 0; i < n; i++)
            same += hash[i] == hash[row];
        for (size_t r = finder_first(f, hash[row]); r != FINDER_NONE; r = finder_next(f, r)) {
            assert_int_equal(hash[r], hash[row]);
            met++;
        }
        assert_int_equal(met, same);
    }
}

static void test_finder_empty_finds_nothing(void **state)
{
    (void)state;
    struct finder f = {.row = NULL};
    assert_int_equal(finder_first(&f, 0), FINDER_NONE);
    finder_free(&f);
}

static void test_finder_rows_come_and_go_found_by_hash(void **state)
{
    (void)state;
    struct finder f = {.row = NULL};
    uint32_t hash[ROWS], next = 1;
    size_t n = 0;
    for (int step = 0; step < 3 * ROWS; step++) {
        next = next * 1664525u + 1013904223u; /* the same steps in every run */
        if (n < ROWS && next >> 30) {         /* three of four add; few hashes, so many are equal */
            hash[n++] = next >> 8 & 63;
            finder_add(&f, hash[n - 1]);
        } else if (n) {
            size_t gone = next % n;
            finder_remove(&f, gone);
            hash[gone] = hash[--n];
        }
        if (step % 50 == 0)
            check_all(&f, hash, n);
    }
    check_all(&f, hash, n);
    while (n)
        finder_remove(&f, --n);
    assert_int_equal(finder_first(&f, hash[0]), FINDER_NONE);
    finder_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finder_empty_finds_nothing),
        cmocka_unit_test(test_finder_rows_come_and_go_found_by_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
