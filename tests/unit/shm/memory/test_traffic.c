#include "shm/memory/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_count_time_lands_in_the_bucket_of_its_upper_bound(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t us;
        const char *bound;
    } rows[] = {
        {"nothing", 0, "0.005"},           {"on the first bound", 5000, "0.005"},
        {"just above", 5001, "0.01"},      {"a second", 1000000, "1"},
        {"ten minutes", 600000000, "600"}, {"longer", 600000001, "+Inf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct traffic_row r = {0};
        traffic_count(&r, TRAFFIC_2XX, 0, rows[i].us);
        for (unsigned b = 0; b <= TRAFFIC_BOUNDS; b++) {
            uint64_t wanted = strcmp(traffic_bound(b), rows[i].bound) == 0;
            if (atomic_load(&r.total.bucket[b]) != wanted || atomic_load(&r.first.bucket[b])) {
                fail_msg("%s: bucket %s", rows[i].name, traffic_bound(b));
            }
        }
        assert_int_equal(atomic_load(&r.total.sum_us), rows[i].us);
    }
}

static void test_merge_adds_every_word(void **state)
{
    (void)state;
    struct traffic_row one = {0}, sum = {0};
    traffic_count(&one, TRAFFIC_5XX, 30000, 40000);
    traffic_merge(&one, &sum);
    traffic_merge(&one, &sum);
    assert_int_equal(atomic_load(&sum.requests[TRAFFIC_5XX]), 2);
    assert_int_equal(atomic_load(&sum.requests[TRAFFIC_2XX]), 0);
    assert_int_equal(atomic_load(&sum.first.sum_us), 60000);
    assert_int_equal(atomic_load(&sum.first.bucket[3]), 2);
    assert_int_equal(atomic_load(&sum.total.sum_us), 80000);
}

static void test_bounds_rise_and_end_with_infinity(void **state)
{
    (void)state;
    for (unsigned b = 1; b < TRAFFIC_BOUNDS; b++) {
        assert_true(strtod(traffic_bound(b), NULL) > strtod(traffic_bound(b - 1), NULL));
    }
    assert_string_equal(traffic_bound(TRAFFIC_BOUNDS), "+Inf");
}

static void test_labels_are_unique_and_need_no_escape(void **state)
{
    (void)state;
    for (enum traffic t = 0; t < TRAFFIC_COUNT; t++) {
        struct traffic_labels a = traffic_labels(t);
        assert_null(strpbrk(a.route, "\"\\\n"));
        assert_null(strpbrk(a.dialect, "\"\\\n"));
        assert_null(strpbrk(a.transport, "\"\\\n"));
        for (enum traffic u = t + 1; u < TRAFFIC_COUNT; u++) {
            struct traffic_labels b = traffic_labels(u);
            if (strcmp(a.route, b.route) == 0 && strcmp(a.dialect, b.dialect) == 0 &&
                strcmp(a.transport, b.transport) == 0) {
                fail_msg("%s %s %s is there twice", a.route, a.dialect, a.transport);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count_time_lands_in_the_bucket_of_its_upper_bound),
        cmocka_unit_test(test_merge_adds_every_word),
        cmocka_unit_test(test_bounds_rise_and_end_with_infinity),
        cmocka_unit_test(test_labels_are_unique_and_need_no_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
