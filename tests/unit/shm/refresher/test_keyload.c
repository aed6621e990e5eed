#include "shm/refresher/keyload.h"

#include "server/base/arena.h"
#include "tests/unit/keysync_stage.h"

static void test_load_beta_rules_that_cannot_be_read_stay(void **state)
{
    (void)state;
    char to[DIRECTORY_BETA_TO];
    struct directory_key k;
    fake.bad_beta = true;
    tick();
    assert_true(directory_beta(&seg, STR("a-1"), to));
    assert_string_equal(to, "b-1");
    assert_false(directory_beta(&seg, STR("c-1"), to));
    assert_int_equal(counters_sum(&seg, COUNTER_ROWS_SKIPPED), 2); /* and the mapping */
    add_key("sk-new");
    fake.betas_says = STATUS_UNAVAILABLE;
    fake.version++;
    tick();
    assert_int_equal(find("sk-new", &k), DIRECTORY_HIT);
    assert_true(directory_beta(&seg, STR("a-1"), to));
}

static void test_load_bad_rows_are_skipped_and_counted(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-good");
    add_key("sk-bad")->rate_limit = -1;
    add_row("sha256:nonsense");
    tick();
    assert_int_equal(find("sk-good", &k), DIRECTORY_HIT);
    assert_int_equal(find("sk-bad", &k), DIRECTORY_MISS);
    assert_int_equal(counters_sum(&seg, COUNTER_ROWS_SKIPPED),
                     3); /* and the mapping without a name */
}

static void test_load_row_that_went_bad_keeps_its_last_good_values(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one")->rate_limit = 5;
    add_key("sk-two");
    tick();
    fake.rows[0].rate_limit = -1;
    fake.rows[1].rate_limit = -1;
    fake.rows[1].active = false;
    fake.version = 2;
    tick();
    assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
    assert_int_equal(k.rate_limit, 5);
    assert_int_equal(k.flags, DIRECTORY_ACTIVE);
    assert_int_equal(find("sk-two", &k), DIRECTORY_HIT);
    assert_int_equal(k.flags, 0); /* revoked for all that */
}

static void test_load_clear_rows_vanish_when_they_are_not_allowed_any_more(void **state)
{
    (void)state;
    struct directory_key k;
    add_row("sk-clear");
    tick();
    assert_int_equal(find("sk-clear", &k), DIRECTORY_HIT);
    config.allow_clear_keys = false;
    keysync_drop(sync_); /* the next refresher */
    fake.closes = 0;
    sync_ = keysync_new(&config, &seg, fake_open);
    assert_non_null(sync_);
    tick();
    assert_int_equal(find("sk-clear", &k), DIRECTORY_MISS);
    assert_int_equal(answer("sk-clear"), KEYMISS_ABSENT);
}

static void test_load_more_keys_than_fit_the_rest_work(void **state)
{
    (void)state;
    struct directory_key k;
    for (int i = 0; i < 110; i++) {
        char key[24];
        snprintf(key, sizeof key, "sk-%d", i);
        add_key(key);
    }
    tick();
    assert_int_equal(directory_count(&seg), 100);
    assert_int_equal(find("sk-99", &k), DIRECTORY_HIT);
    assert_int_equal(answer("sk-105"), KEYMISS_UNAVAILABLE);
}

static void test_load_without_memory_keeps_the_old_table(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one");
    tick();
    for (unsigned long fail = 1; fail <= 2; fail++) {
        heap_fail_after(fail);
        tick_later();
        heap_fail_after(0);
        assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
        assert_int_equal(directory_generation(&seg), 1);
    }
    tick_later();
    assert_int_equal(directory_generation(&seg), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEYSYNC_TEST(test_load_beta_rules_that_cannot_be_read_stay),
        KEYSYNC_TEST(test_load_bad_rows_are_skipped_and_counted),
        KEYSYNC_TEST(test_load_row_that_went_bad_keeps_its_last_good_values),
        KEYSYNC_TEST(test_load_clear_rows_vanish_when_they_are_not_allowed_any_more),
        KEYSYNC_TEST(test_load_more_keys_than_fit_the_rest_work),
        KEYSYNC_TEST(test_load_without_memory_keeps_the_old_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
