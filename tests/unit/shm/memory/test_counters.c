#include "shm/memory/counters.h"
#include "shm/memory/segment.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void test_add_before_enter_is_harmless(void **state)
{
    (void)state;
    counters_add(COUNTER_REQUESTS, 5);
}

static void test_sum_adds_all_processes_and_survives_a_respawn(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    assert_int_equal(segment_create(&s, 3, 64, &err), STATUS_OK);
    static const uint32_t slots[] = {0, 1, 3, 3}; /* 3 twice: its successor goes on */
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        if (fork() == 0) {
            counters_enter(&s, slots[i]);
            for (int n = 0; n < 1000; n++) {
                counters_add(COUNTER_BYTES_IN, 3);
            }
            _exit(0);
        }
        wait(NULL);
    }
    assert_int_equal(counters_sum(&s, COUNTER_BYTES_IN), 12000);
    assert_int_equal(counters_sum(&s, COUNTER_BYTES_OUT), 0);
    segment_drop(&s);
}

static void test_set_replaces_the_value(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    assert_int_equal(segment_create(&s, 1, 64, &err), STATUS_OK);
    if (fork() == 0) {
        counters_enter(&s, 1);
        counters_set(COUNTER_TURNS, 10);
        counters_set(COUNTER_TURNS, 12);
        _exit(0);
    }
    wait(NULL);
    assert_int_equal(counters_sum(&s, COUNTER_TURNS), 12);
    segment_drop(&s);
}

static void check_name(const char *name)
{
    size_t n = strlen(name);
    for (const char *p = name; *p; p++) {
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_') {
            fail_msg("%s has a character that Prometheus refuses", name);
        }
    }
    if (n < 7 || strcmp(name + n - 6, "_total") != 0) {
        fail_msg("%s does not end in _total", name);
    }
}

static bool is_same(const struct counters_row *a, const struct counters_row *b)
{
    return strcmp(a->family, b->family) == 0 &&
           (!a->label || !b->label || strcmp(a->value, b->value) == 0);
}

static void test_noted_models_are_seen_from_every_process_and_have_a_bound(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    assert_int_equal(segment_create(&s, 2, 64, &err), STATUS_OK);
    if (fork() == 0) {
        counters_enter(&s, 2);
        for (uint64_t hash = 1; hash <= COUNTERS_ENDING + 1; hash++) {
            counters_note_ending(hash);
            counters_note_ending(1); /* again: takes no room */
        }
        _exit(0);
    }
    wait(NULL);
    for (uint64_t hash = 1; hash <= COUNTERS_ENDING; hash++) {
        assert_true(counters_noted_ending(&s, hash));
    }
    assert_false(counters_noted_ending(&s, COUNTERS_ENDING + 1));
    segment_drop(&s);
}

static void test_table_names_are_unique_prometheus_names(void **state)
{
    (void)state;
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        const struct counters_row *row = counters_row(c);
        check_name(row->family);
        assert_true(strlen(row->help) > 0);
        for (enum counter d = c + 1; d < COUNTER_COUNT; d++) {
            if (is_same(row, counters_row(d))) {
                fail_msg("%s %s is there twice", row->family, row->value);
            }
        }
    }
}

static void test_table_rows_of_a_family_stand_together(void **state)
{
    (void)state;
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        for (enum counter d = 0; counters_is_first(c) && d < c; d++) {
            if (strcmp(counters_row(c)->family, counters_row(d)->family) == 0) {
                fail_msg("%s begins twice", counters_row(c)->family);
            }
        }
    }
    assert_true(counters_is_first(COUNTER_REFUSED_HTTP));
    assert_false(counters_is_first(COUNTER_REFUSED_SLOW));
    assert_true(counters_is_first(COUNTER_FAILED_VALIDATION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_before_enter_is_harmless),
        cmocka_unit_test(test_sum_adds_all_processes_and_survives_a_respawn),
        cmocka_unit_test(test_set_replaces_the_value),
        cmocka_unit_test(test_noted_models_are_seen_from_every_process_and_have_a_bound),
        cmocka_unit_test(test_table_names_are_unique_prometheus_names),
        cmocka_unit_test(test_table_rows_of_a_family_stand_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
