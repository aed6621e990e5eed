#include "shm/refresher/keysync.h"

#include "tests/unit/keysync_stage.h"

static void test_tick_first_load_publishes_keys_and_mappings(void **state)
{
    (void)state;
    struct directory_key k;
    struct directory_mapping to;
    add_key("sk-one")->rate_limit = 7;
    add_row("sk-clear");
    tick();
    assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
    assert_int_equal(k.rate_limit, 7);
    assert_int_equal(find("sk-clear", &k), DIRECTORY_HIT);
    assert_int_equal(k.flags, DIRECTORY_ACTIVE | DIRECTORY_CLEAR);
    assert_int_equal(find("sk-two", &k), DIRECTORY_MISS);
    assert_true(directory_map(&seg, STR("claude-x"), &to));
    assert_true(directory_age_ms(&seg, clock_real_now_ms()) < 1000);
}

static void test_tick_loads_again_only_for_a_new_version(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one");
    for (int i = 0; i < 5; i++) {
        tick();
    }
    assert_int_equal(fake.scans, 1);
    fake.rows[0].active = false;
    fake.version = 2;
    tick();
    assert_int_equal(fake.scans, 2);
    assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
    assert_int_equal(k.flags, 0);
    fake.row_count = 0;
    fake.version = 3;
    tick();
    assert_int_equal(find("sk-one", &k), DIRECTORY_MISS);
}

static void test_reload_loads_without_a_new_version(void **state)
{
    (void)state;
    struct directory_key k;
    tick();
    add_key("sk-by-another-tool");
    tick_later();
    assert_int_equal(find("sk-by-another-tool", &k), DIRECTORY_HIT);
}

static void test_tick_failures_change_nothing_and_do_not_confirm(void **state)
{
    (void)state;
    struct directory_key k;
    add_key("sk-one");
    tick();
    uint64_t generation = directory_generation(&seg);
    add_key("sk-two");
    fake.version = 2;
    enum status *const places[] = {&fake.version_says, &fake.scan_says, &fake.mappings_says};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        *places[i] = STATUS_UNAVAILABLE;
        fake.scan_breaks_after = 1;
        directory_confirm(&seg, 1000); /* long ago */
        tick_later();
        assert_int_equal(directory_generation(&seg), generation);
        assert_int_equal(directory_age_ms(&seg, 2000), 1000);
        assert_int_equal(find("sk-one", &k), DIRECTORY_HIT);
        assert_int_equal(find("sk-two", &k), DIRECTORY_MISS);
        *places[i] = STATUS_OK;
    }
    assert_int_equal(counters_sum(&seg, COUNTER_STORE_ERRORS), 3);
    tick_later();
    assert_int_equal(find("sk-two", &k), DIRECTORY_HIT);
    assert_true(directory_age_ms(&seg, clock_real_now_ms()) < 1000);
}

static void test_tick_after_a_failure_waits_before_the_next_try(void **state)
{
    (void)state;
    fake.open_says = STATUS_UNAVAILABLE;
    for (int i = 0; i < 10; i++) {
        tick();
    }
    assert_int_equal(fake.opens, 1);
    tick_later();
    assert_int_equal(fake.opens, 2);
    fake.open_says = STATUS_OK;
    tick_later();
    struct directory_key k;
    assert_int_equal(find("sk-one", &k), DIRECTORY_MISS); /* not EMPTY any more */
}

static void test_tick_hopeless_configuration_is_said(void **state)
{
    (void)state;
    static const enum status rows[] = {STATUS_NOT_SUPPORTED, STATUS_INVALID};
    for (size_t i = 0; i < 2; i++) {
        fake.open_says = rows[i];
        keysync_reload(sync_);
        assert_int_equal(keysync_tick(sync_, &err), rows[i]);
    }
}

static void test_new_after_a_predecessor_serves_its_keys_without_the_store(void **state)
{
    (void)state;
    struct directory_key before, after;
    add_key("sk-one");
    tick();
    assert_int_equal(find("sk-one", &before), DIRECTORY_HIT);
    keysync_drop(sync_);
    fake.closes = 0;
    fake.open_says = STATUS_UNAVAILABLE;
    sync_ = keysync_new(&config, &seg, fake_open);
    assert_non_null(sync_);
    tick();
    assert_int_equal(find("sk-one", &after), DIRECTORY_HIT);
    assert_int_equal(after.slot, before.slot);
    assert_int_equal(answer("sk-one"), KEYMISS_FOUND);
    assert_int_equal(answer("sk-two"), KEYMISS_UNAVAILABLE);
}

static void test_questions_before_the_first_load_are_unavailable(void **state)
{
    (void)state;
    fake.open_says = STATUS_UNAVAILABLE;
    tick();
    assert_int_equal(answer("sk-one"), KEYMISS_UNAVAILABLE);
    assert_int_equal(fake.gets, 0);
}

static void test_questions_new_key_is_found_and_published(void **state)
{
    (void)state;
    struct directory_key k;
    tick();
    add_key("sk-new");
    add_row("sk-new-in-clear");
    assert_int_equal(answer("sk-new"), KEYMISS_FOUND);
    assert_int_equal(find("sk-new", &k), DIRECTORY_HIT);
    assert_int_equal(answer("sk-new-in-clear"), KEYMISS_FOUND);
    assert_int_equal(find("sk-new-in-clear", &k), DIRECTORY_HIT);
    assert_int_equal(fake.gets, 3);
    uint32_t generation = (uint32_t)directory_generation(&seg);
    assert_int_equal(answer("sk-new"), KEYMISS_FOUND);
    assert_int_equal(fake.gets, 3); /* known */
    assert_int_equal(directory_generation(&seg), generation);
}

static void test_questions_absent_key_costs_one_look_up(void **state)
{
    (void)state;
    tick();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(answer("sk-wrong"), KEYMISS_ABSENT);
    }
    assert_int_equal(fake.gets, 2); /* hashed and in clear */
}

static void test_questions_stored_id_sent_as_a_key_is_absent(void **state)
{
    (void)state;
    struct directory_key k;
    char id[KEYSTORE_ID_MAX + 1];
    tick();
    add_key("sk-secret");
    keystore_hash_id(STR("sk-secret"), id); /* read from a stolen backup of the table */
    assert_int_equal(answer(id), KEYMISS_ABSENT);
    assert_int_equal(find(id, &k), DIRECTORY_MISS);
}

static void test_questions_failing_store_is_unavailable_and_not_remembered(void **state)
{
    (void)state;
    tick();
    add_key("sk-new");
    fake.get_says = STATUS_UNAVAILABLE;
    assert_int_equal(answer("sk-new"), KEYMISS_UNAVAILABLE);
    assert_int_equal(answer("sk-other"), KEYMISS_UNAVAILABLE);
    assert_int_equal(fake.gets, 1); /* the second one waits for the back-off */
    fake.get_says = STATUS_OK;
    tick_later();
    assert_int_equal(answer("sk-new"), KEYMISS_FOUND);
}

static void test_questions_flood_is_bounded_and_answered_later(void **state)
{
    (void)state;
    uint64_t tickets[64];
    char key[24];
    config.allow_clear_keys = false;
    tick();
    for (int i = 0; i < 64; i++) {
        snprintf(key, sizeof key, "sk-flood-%d", i);
        tickets[i] = ask(key);
    }
    uint64_t begin_ns = clock_now_ns(), wait_ms = keysync_questions(sync_);
    uint64_t more = (clock_now_ns() - begin_ns) * KEYSYNC_LOOKUPS_PER_SECOND / 1000000000;
    assert_in_range(wait_ms, 1, 21);
    assert_in_range(fake.gets, KEYSYNC_LOOKUPS_PER_SECOND, KEYSYNC_LOOKUPS_PER_SECOND + 2 + more);
    assert_int_equal(keymiss_poll(&seg, 1, tickets[0]), KEYMISS_ABSENT);
    assert_int_equal(keymiss_poll(&seg, 1, tickets[63]), KEYMISS_PENDING);
    while (wait_ms) {
        usleep((unsigned)wait_ms * 1000);
        wait_ms = keysync_questions(sync_);
    }
    for (int i = 0; i < 64; i++) {
        assert_int_equal(keymiss_poll(&seg, 1, tickets[i]), KEYMISS_ABSENT);
    }
    assert_int_equal(fake.gets, 64);
}

static void test_questions_many_found_are_published_once(void **state)
{
    (void)state;
    char key[24];
    uint64_t tickets[40];
    tick();
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "sk-%d", i);
        add_key(key);
        tickets[i] = ask(key);
    }
    assert_int_equal(keysync_questions(sync_), 0);
    assert_int_equal(directory_generation(&seg), 2);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(keymiss_poll(&seg, 1, tickets[i]), KEYMISS_FOUND);
    }
}

/* What /ready says, and what the next refresher opens. */
static void test_standing_is_told_and_read_by_the_successor(void **state)
{
    (void)state;
    struct standing now;
    fake.open_says = STATUS_UNAVAILABLE;
    tick();
    standing_read(&seg, &now);
    assert_string_equal(now.store, "");
    assert_string_equal(now.trouble, "the fake store says so");
    fake.open_says = STATUS_OK;
    fake.scan_says = STATUS_UNAVAILABLE;
    tick_later();
    standing_read(&seg, &now);
    assert_string_equal(now.store, "fake");
    assert_string_equal(now.trouble, "the fake store says so");
    assert_string_equal(fake.last, "");
    fake.scan_says = STATUS_OK;
    tick_later();
    standing_read(&seg, &now);
    assert_string_equal(now.trouble, "");
    keysync_drop(sync_);
    fake.closes = 0;
    sync_ = keysync_new(&config, &seg, fake_open);
    tick();
    assert_string_equal(fake.last, "fake");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEYSYNC_TEST(test_standing_is_told_and_read_by_the_successor),
        KEYSYNC_TEST(test_tick_first_load_publishes_keys_and_mappings),
        KEYSYNC_TEST(test_tick_loads_again_only_for_a_new_version),
        KEYSYNC_TEST(test_reload_loads_without_a_new_version),
        KEYSYNC_TEST(test_tick_failures_change_nothing_and_do_not_confirm),
        KEYSYNC_TEST(test_tick_after_a_failure_waits_before_the_next_try),
        KEYSYNC_TEST(test_tick_hopeless_configuration_is_said),
        KEYSYNC_TEST(test_new_after_a_predecessor_serves_its_keys_without_the_store),
        KEYSYNC_TEST(test_questions_before_the_first_load_are_unavailable),
        KEYSYNC_TEST(test_questions_new_key_is_found_and_published),
        KEYSYNC_TEST(test_questions_absent_key_costs_one_look_up),
        KEYSYNC_TEST(test_questions_stored_id_sent_as_a_key_is_absent),
        KEYSYNC_TEST(test_questions_failing_store_is_unavailable_and_not_remembered),
        KEYSYNC_TEST(test_questions_flood_is_bounded_and_answered_later),
        KEYSYNC_TEST(test_questions_many_found_are_published_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
