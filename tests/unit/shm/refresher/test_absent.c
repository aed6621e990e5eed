#include "shm/refresher/absent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "server/base/sha256.h"

static struct absent cache;

static void test_has_only_what_was_added_and_for_ten_seconds(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    sha256("a", 1, a);
    sha256("b", 1, b);
    assert_false(absent_has(&cache, a, 1000));
    absent_add(&cache, a, 1000);
    assert_true(absent_has(&cache, a, 1000));
    assert_true(absent_has(&cache, a, 1000 + ABSENT_MS - 1));
    assert_false(absent_has(&cache, a, 1000 + ABSENT_MS));
    assert_false(absent_has(&cache, b, 1000));
}

static void test_add_same_place_replaces(void **state)
{
    (void)state;
    uint8_t a[32] = {1, 2, 3, 4, 5}, b[32] = {1, 2, 3, 4, 6};
    absent_add(&cache, a, 0);
    absent_add(&cache, b, 0);
    assert_true(absent_has(&cache, b, 1));
    assert_false(absent_has(&cache, a, 1));
}

static void test_add_flood_stays_bounded_and_keeps_most(void **state)
{
    (void)state;
    uint32_t kept = 0;
    uint8_t digest[32];
    for (uint32_t i = 0; i < 1000; i++) {
        sha256(&i, sizeof i, digest);
        absent_add(&cache, digest, 5000);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        sha256(&i, sizeof i, digest);
        kept += absent_has(&cache, digest, 5001);
    }
    assert_in_range(kept, 800, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_has_only_what_was_added_and_for_ten_seconds),
        cmocka_unit_test(test_add_same_place_replaces),
        cmocka_unit_test(test_add_flood_stays_bounded_and_keeps_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
