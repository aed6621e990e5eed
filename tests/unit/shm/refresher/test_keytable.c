#include "shm/refresher/keytable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/sha256.h"
#include "shm/memory/bucket.h"
#include "shm/memory/segment.h"

#define MAX 80u

static struct segment seg;
static struct keytable *table;

static int make(void **state)
{
    (void)state;
    struct err err;
    if (segment_create(&seg, 1, MAX, &err) != STATUS_OK || !(table = keytable_new(&seg, 0))) {
        return -1;
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    keytable_drop(table);
    segment_drop(&seg);
    return 0;
}

static struct directory_key key_of(uint32_t number, uint32_t flags)
{
    struct directory_key k = {.flags = flags, .rate_limit = number};
    sha256(&number, sizeof number, k.digest);
    return k;
}

static void load(uint32_t first, uint32_t count)
{
    keytable_begin(table);
    for (uint32_t i = first; i < first + count; i++) {
        struct directory_key k = key_of(i, DIRECTORY_ACTIVE);
        assert_int_equal(keytable_stage(table, &k), KEYTABLE_STAGED);
    }
    keytable_commit(table, 0);
    assert_int_equal(keytable_publish(table, 1), 0);
}

static struct directory_key find(uint32_t number)
{
    struct directory_key k = {0};
    if (directory_find(&seg, key_of(number, 0).digest, &k) != DIRECTORY_HIT) {
        k.slot = 0;
    }
    return k;
}

static void test_commit_keys_get_slots_of_their_own(void **state)
{
    (void)state;
    bool used[1000] = {false};
    load(0, MAX);
    for (uint32_t i = 0; i < MAX; i++) {
        struct directory_key k = find(i);
        assert_true(k.slot >= BUCKET_FIRST_KEY && !used[k.slot]);
        assert_non_null(bucket_of(&seg, k.slot, k.tag));
        used[k.slot] = true;
    }
}

static void test_commit_reload_keeps_slots_and_counts(void **state)
{
    (void)state;
    load(0, 10);
    struct directory_key before = find(7), gone = find(2);
    atomic_store(&bucket_of(&seg, before.slot, before.tag)->requests, 42);
    load(5, 10);
    struct directory_key after = find(7);
    assert_int_equal(after.slot, before.slot);
    assert_int_equal(atomic_load(&bucket_of(&seg, after.slot, after.tag)->requests), 42);
    assert_int_equal(find(2).slot, 0);
    for (uint32_t i = 10; i < 15; i++) {
        assert_int_not_equal(find(i).slot, gone.slot); /* it rests */
    }
}

static void test_new_after_a_predecessor_keeps_slots_and_counts(void **state)
{
    (void)state;
    load(0, 10);
    struct directory_key before = find(7);
    atomic_store(&bucket_of(&seg, before.slot, before.tag)->requests, 42);
    keytable_drop(table);
    table = keytable_new(&seg, 0);
    assert_non_null(table);
    assert_int_equal(keytable_count(table), 10);
    assert_true(keytable_has(table, before.digest));
    load(7, 20);
    struct directory_key after = find(7);
    assert_int_equal(after.slot, before.slot);
    assert_int_equal(after.tag, before.tag);
    assert_int_equal(atomic_load(&bucket_of(&seg, after.slot, after.tag)->requests), 42);
    for (uint32_t i = 8; i < 27; i++) {
        assert_int_not_equal(find(i).slot, before.slot);
    }
}

static void test_stage_without_commit_changes_nothing(void **state)
{
    (void)state;
    load(0, 10);
    keytable_begin(table);
    struct directory_key k = key_of(50, DIRECTORY_ACTIVE);
    assert_int_equal(keytable_stage(table, &k), KEYTABLE_STAGED);
    assert_true(keytable_stage_mapping(table, STR("a"), STR("b"), STR("")));
    keytable_publish(table, 1);
    assert_int_not_equal(find(3).slot, 0);
    assert_int_equal(find(50).slot, 0);
    keytable_begin(table);
    keytable_commit(table, 0);
    assert_int_equal(keytable_count(table), 0);
    assert_int_equal(keytable_mappings(table), 0);
}

static void test_stage_past_max_keys_is_full(void **state)
{
    (void)state;
    load(0, MAX);
    keytable_begin(table);
    for (uint32_t i = 0; i <= MAX; i++) {
        struct directory_key k = key_of(i, 0);
        assert_int_equal(keytable_stage(table, &k), i < MAX ? KEYTABLE_STAGED : KEYTABLE_FULL);
    }
    struct directory_key k = key_of(MAX, 0);
    assert_false(keytable_add(table, &k, NULL, 0));
}

static void test_stage_two_rows_for_one_key_inactive_wins(void **state)
{
    (void)state;
    static const uint32_t rows[][3] = {
        {DIRECTORY_ACTIVE, 0, 0},
        {0, DIRECTORY_ACTIVE, 0},
        {DIRECTORY_ACTIVE, DIRECTORY_ACTIVE | DIRECTORY_CLEAR, DIRECTORY_ACTIVE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct directory_key first = key_of(1, rows[i][0]), second = key_of(1, rows[i][1]);
        keytable_begin(table);
        assert_int_equal(keytable_stage(table, &first), KEYTABLE_STAGED);
        assert_int_equal(keytable_stage(table, &second), KEYTABLE_STAGED);
        keytable_commit(table, 0);
        keytable_publish(table, 1);
        assert_int_equal(find(1).flags, rows[i][2]);
        assert_int_equal(keytable_count(table), 1);
    }
}

static void test_stage_old_keeps_last_good_values_but_not_a_revoked_key(void **state)
{
    (void)state;
    load(0, 2);
    keytable_begin(table);
    assert_int_equal(keytable_stage_old(table, key_of(0, 0).digest, true), KEYTABLE_STAGED);
    assert_int_equal(keytable_stage_old(table, key_of(1, 0).digest, false), KEYTABLE_STAGED);
    assert_int_equal(keytable_stage_old(table, key_of(2, 0).digest, true),
                     KEYTABLE_STAGED); /* never seen */
    keytable_commit(table, 0);
    keytable_publish(table, 1);
    assert_int_equal(find(0).flags, DIRECTORY_ACTIVE);
    assert_int_equal(find(1).flags, 0);
    assert_int_equal(find(1).rate_limit, 1);
    assert_int_equal(keytable_count(table), 2);
}

/* Issue 13, 8: a key's guardrail goes where the key goes, on every way that a key can take. */
static struct directory_terms terms_of(uint32_t number, const char *guardrail)
{
    struct directory_terms t = {.guardrail = ""};
    memcpy(t.digest, key_of(number, 0).digest, sizeof t.digest);
    snprintf(t.guardrail, sizeof t.guardrail, "%s", guardrail);
    return t;
}

static void stage_with_terms(uint32_t number, const char *guardrail)
{
    struct directory_key k = key_of(number, DIRECTORY_ACTIVE | DIRECTORY_TERMS);
    struct directory_terms t = terms_of(number, guardrail);
    assert_int_equal(keytable_stage(table, &k), KEYTABLE_STAGED);
    assert_int_equal(keytable_stage_terms(table, &t), KEYTABLE_STAGED);
}

static void check_guardrail(uint32_t number, const char *want) /* NULL: it has none */
{
    struct directory_terms t;
    bool found = directory_find_terms(&seg, key_of(number, 0).digest, &t) == DIRECTORY_HIT;
    if (found != (want != NULL) || (want && strcmp(t.guardrail, want) != 0)) {
        fail_msg("key %u: %s", number, found ? t.guardrail : "none");
    }
}

static void test_terms_follow_their_key(void **state)
{
    (void)state;
    keytable_begin(table);
    stage_with_terms(0, "gr0:1");
    stage_with_terms(1, "gr1:1");
    stage_with_terms(1, "gr2:1"); /* a twin in clear: the first row wins */
    keytable_commit(table, 0);
    assert_int_equal(keytable_publish(table, 1), 0);
    check_guardrail(0, "gr0:1");
    check_guardrail(1, "gr1:1");
    keytable_drop(table); /* the refresher dies: the next one learns them */
    table = keytable_new(&seg, 0);
    struct directory_key k = key_of(9, DIRECTORY_ACTIVE | DIRECTORY_TERMS);
    struct directory_terms t = terms_of(9, "gr9:DRAFT");
    assert_true(keytable_add(table, &k, &t, 0));
    assert_int_equal(keytable_publish(table, 1), 0);
    check_guardrail(1, "gr1:1");
    check_guardrail(9, "gr9:DRAFT");
    keytable_begin(table); /* 0 has a bad row now, 1 is gone, 9 has no guardrail any more */
    k = key_of(9, DIRECTORY_ACTIVE);
    assert_int_equal(keytable_stage_old(table, key_of(0, 0).digest, true), KEYTABLE_STAGED);
    assert_int_equal(keytable_stage(table, &k), KEYTABLE_STAGED);
    keytable_commit(table, 0);
    assert_int_equal(keytable_publish(table, 1), 0);
    check_guardrail(0, "gr0:1");
    check_guardrail(1, NULL);
    check_guardrail(9, NULL);
    assert_int_equal(find(0).flags, DIRECTORY_ACTIVE | DIRECTORY_TERMS);
    assert_int_equal(find(9).flags, DIRECTORY_ACTIVE);
}

static void test_key_whose_terms_are_lost_is_left_out(void **state)
{
    (void)state;
    keytable_begin(table);
    struct directory_key k = key_of(0, DIRECTORY_ACTIVE | DIRECTORY_TERMS);
    assert_int_equal(keytable_stage(table, &k), KEYTABLE_STAGED);
    keytable_commit(table, 0);
    assert_int_equal(keytable_publish(table, 1), 1);
    assert_int_equal(find(0).slot, 0);
}

static void test_add_one_key_is_published_with_the_rest(void **state)
{
    (void)state;
    load(0, 3);
    struct directory_key k = key_of(9, DIRECTORY_ACTIVE);
    assert_true(keytable_add(table, &k, NULL, 0));
    keytable_publish(table, 1);
    assert_int_not_equal(find(9).slot, 0);
    assert_int_not_equal(find(2).slot, 0);
}

static void test_stage_mapping_reaches_the_directory(void **state)
{
    (void)state;
    struct directory_mapping m;
    char big[DIRECTORY_MAPPING_TO];
    memset(big, 'x', sizeof big);
    keytable_begin(table);
    assert_true(keytable_stage_mapping(table, STR("claude-x"), STR("us.anthropic.claude-x"),
                                       STR("claude-opus-4-8")));
    assert_false(keytable_stage_mapping(table, (struct str){big, 200}, STR("y"), STR("")));
    assert_false(keytable_stage_mapping(table, STR("y"), (struct str){big, sizeof big}, STR("")));
    assert_false(keytable_stage_mapping(table, STR("y"), STR("y"), (struct str){big, 128}));
    assert_false(keytable_stage_mapping(table, STR(""), STR("y"), STR("")));
    keytable_commit(table, 0);
    keytable_publish(table, 1);
    assert_true(directory_map(&seg, STR("claude-x"), &m));
    assert_string_equal(m.to, "us.anthropic.claude-x");
    assert_string_equal(m.as, "claude-opus-4-8");
    assert_int_equal(keytable_mappings(table), 1);
}

static void test_stage_beta_reaches_the_directory_and_old_ones_stay(void **state)
{
    (void)state;
    char to[DIRECTORY_BETA_TO];
    struct directory_beta maps = {.name = "a-1", .to = "b-1,c-1"}, blocks = {.name = "d-1"};
    keytable_begin(table);
    assert_true(keytable_stage_beta(table, &maps));
    assert_true(keytable_stage_beta(table, &blocks));
    assert_false(keytable_stage_beta(table, &maps));
    keytable_commit(table, 0);
    keytable_publish(table, 1);
    for (int again = 0; again < 2; again++) {
        assert_true(directory_beta(&seg, STR("a-1"), to));
        assert_string_equal(to, "b-1,c-1");
        assert_true(directory_beta(&seg, STR("d-1"), to));
        assert_string_equal(to, "");
        assert_false(directory_beta(&seg, STR("a-"), to));
        keytable_begin(table);
        keytable_stage_old_betas(table);
        keytable_commit(table, 0);
        keytable_publish(table, 1);
    }
    keytable_begin(table);
    keytable_commit(table, 0);
    keytable_publish(table, 1);
    assert_false(directory_beta(&seg, STR("a-1"), to));
}

static void test_stage_beta_past_the_most_is_refused(void **state)
{
    (void)state;
    keytable_begin(table);
    for (int i = 0; i <= SEGMENT_BETAS_MAX; i++) {
        struct directory_beta rule = {.reserved = 0};
        snprintf(rule.name, sizeof rule.name, "beta-%d", i);
        assert_int_equal(keytable_stage_beta(table, &rule), i < SEGMENT_BETAS_MAX);
    }
}

static void test_new_without_memory_is_null(void **state)
{
    (void)state;
    load(0, 10);
    for (unsigned long fail = 1; fail <= 8; fail++) {
        heap_fail_after(fail);
        struct keytable *t = keytable_new(&seg, 0);
        heap_fail_after(0);
        assert_null(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit_keys_get_slots_of_their_own, make, drop),
        cmocka_unit_test_setup_teardown(test_commit_reload_keeps_slots_and_counts, make, drop),
        cmocka_unit_test_setup_teardown(test_new_after_a_predecessor_keeps_slots_and_counts, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_stage_without_commit_changes_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_stage_past_max_keys_is_full, make, drop),
        cmocka_unit_test_setup_teardown(test_stage_two_rows_for_one_key_inactive_wins, make, drop),
        cmocka_unit_test_setup_teardown(test_stage_old_keeps_last_good_values_but_not_a_revoked_key,
                                        make, drop),
        cmocka_unit_test_setup_teardown(test_terms_follow_their_key, make, drop),
        cmocka_unit_test_setup_teardown(test_key_whose_terms_are_lost_is_left_out, make, drop),
        cmocka_unit_test_setup_teardown(test_add_one_key_is_published_with_the_rest, make, drop),
        cmocka_unit_test_setup_teardown(test_stage_mapping_reaches_the_directory, make, drop),
        cmocka_unit_test_setup_teardown(test_stage_beta_reaches_the_directory_and_old_ones_stay,
                                        make, drop),
        cmocka_unit_test_setup_teardown(test_stage_beta_past_the_most_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_new_without_memory_is_null, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
