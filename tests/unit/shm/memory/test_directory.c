#include "shm/memory/directory.h"
#include "shm/memory/segment.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "server/base/sha256.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 1, 500, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* Every field follows from number and stamp, so a torn cell shows. */
static struct directory_key key_of(uint32_t number, uint32_t stamp)
{
    struct directory_key k = {
        .slot = stamp, .tag = stamp, .flags = stamp, .rate_limit = stamp, .budget_micro = stamp};
    sha256(&number, sizeof number, k.digest);
    memset(k.models, (int)(stamp & 0x7f), sizeof k.models);
    memset(k.reason, (int)(stamp & 0x7f), sizeof k.reason);
    return k;
}

static bool consistent(const struct directory_key *k, uint32_t number)
{
    struct directory_key expected = key_of(number, k->slot);
    return memcmp(&expected, k, sizeof expected) == 0;
}

static void publish(uint32_t first, uint32_t count, uint32_t stamp)
{
    directory_begin(&seg);
    for (uint32_t i = first; i < first + count; i++) {
        struct directory_key k = key_of(i, stamp);
        assert_true(directory_add(&seg, &k));
    }
    directory_publish(&seg, 1000);
}

static enum directory_found find(uint32_t number, struct directory_key *out)
{
    return directory_find(&seg, key_of(number, 0).digest, out);
}

static void test_find_nothing_published_is_empty(void **state)
{
    (void)state;
    struct directory_key k;
    assert_int_equal(find(1, &k), DIRECTORY_EMPTY);
    directory_begin(&seg);
    assert_int_equal(find(1, &k), DIRECTORY_EMPTY);
    assert_int_equal(directory_generation(&seg), 0);
    assert_int_equal(directory_count(&seg), 0);
}

static void test_find_published_keys_hit_and_others_miss(void **state)
{
    (void)state;
    struct directory_key k;
    publish(0, 500, 7);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(find(i, &k), DIRECTORY_HIT);
        assert_true(consistent(&k, i));
    }
    for (uint32_t i = 500; i < 5000; i++) {
        assert_int_equal(find(i, &k), DIRECTORY_MISS);
    }
    assert_int_equal(directory_count(&seg), 500);
}

static void test_publish_again_replaces_everything(void **state)
{
    (void)state;
    struct directory_key k;
    publish(0, 10, 1);
    publish(5, 10, 2);
    assert_int_equal(find(4, &k), DIRECTORY_MISS);
    assert_int_equal(find(5, &k), DIRECTORY_HIT);
    assert_int_equal(k.slot, 2);
    publish(0, 0, 3);
    assert_int_equal(find(5, &k), DIRECTORY_MISS);
    assert_int_equal(directory_generation(&seg), 3);
}

static void test_add_past_max_keys_is_refused(void **state)
{
    (void)state;
    publish(0, 500, 1);
    directory_begin(&seg);
    for (uint32_t i = 0; i < 500; i++) {
        struct directory_key k = key_of(i, 2);
        assert_true(directory_add(&seg, &k));
    }
    struct directory_key one_more = key_of(500, 2);
    assert_false(directory_add(&seg, &one_more));
}

static void test_find_terms_of_the_keys_that_have_some(void **state)
{
    (void)state;
    struct directory_terms t = {.guardrail = "gr:1", .project = "proj_x"}, got;
    memcpy(t.digest, key_of(7, 0).digest, sizeof t.digest);
    memset(t.project, 'p', sizeof t.project); /* no end */
    assert_int_equal(directory_find_terms(&seg, t.digest, &got), DIRECTORY_EMPTY);
    directory_begin(&seg);
    assert_true(directory_add_terms(&seg, &t));
    directory_publish(&seg, 1000);
    assert_int_equal(directory_find_terms(&seg, t.digest, &got), DIRECTORY_HIT);
    assert_string_equal(got.guardrail, "gr:1");
    assert_int_equal(strlen(got.project), sizeof got.project - 1);
    assert_int_equal(directory_find_terms(&seg, key_of(8, 0).digest, &got), DIRECTORY_MISS);
    for (uint32_t stamp = 2; stamp < 6;
         stamp++) { /* both banks, without them and with theirs gone */
        publish(0, 1, stamp);
        assert_int_equal(directory_find_terms(&seg, t.digest, &got), DIRECTORY_MISS);
    }
}

static void test_begin_unfinished_bank_is_not_seen_and_begun_again(void **state)
{
    (void)state;
    struct directory_key k;
    publish(0, 10, 1);
    directory_begin(&seg); /* the writer dies here */
    struct directory_key half = key_of(99, 2);
    assert_true(directory_add(&seg, &half));
    assert_int_equal(find(99, &k), DIRECTORY_MISS);
    assert_int_equal(find(3, &k), DIRECTORY_HIT);
    publish(20, 5, 3); /* its successor */
    assert_int_equal(directory_generation(&seg), 2);
    assert_int_equal(find(99, &k), DIRECTORY_MISS);
    assert_int_equal(find(21, &k), DIRECTORY_HIT);
    assert_int_equal(directory_count(&seg), 5);
}

/* The first two names, then how many there were. */
static void note_mapping(void *ctx, const struct directory_mapping *m)
{
    static unsigned count;
    char *seen = ctx, first[40];
    count = seen[0] ? count + 1 : 1;
    if (count == 1) {
        text_copy(text_from(m->from), seen, 20);
        return;
    }
    text_copy((struct str){seen, strcspn(seen, " ")}, first, sizeof first);
    if (count == 2) {
        snprintf(seen, 64, "%s %.20s", first, m->from);
        return;
    }
    seen[strlen(first) + 1 + strcspn(seen + strlen(first) + 1, " ")] = '\0';
    snprintf(seen + strlen(seen), 8, " %u", count);
}

static void test_map_finds_exact_names_only(void **state)
{
    (void)state;
    struct directory_mapping m;
    char from_long[201], name[32];
    memset(from_long, 'x', sizeof from_long);
    directory_begin(&seg);
    assert_true(directory_add_mapping(&seg, STR("claude-x"), STR("eu.anthropic.claude-x-v1:0"),
                                      STR("claude-opus-4-8")));
    assert_false(directory_add_mapping(&seg, STR("z"), STR("y"), (struct str){from_long, 128}));
    assert_true(directory_add_mapping(&seg, STR("gpt-4o"), STR("amazon.nova-pro-v1:0"), STR("")));
    assert_false(directory_add_mapping(&seg, (struct str){from_long, 200}, STR("y"), STR("")));
    assert_false(directory_add_mapping(&seg, STR(""), STR("y"), STR("")));
    assert_false(directory_add_mapping(&seg, STR("y"), STR(""), STR("")));
    for (int i = 0; i < 900; i++) {
        snprintf(name, sizeof name, "model-%d", i);
        assert_true(directory_add_mapping(&seg, text_from(name), text_from(name + 6), STR("")));
    }
    directory_publish(&seg, 1);
    assert_true(directory_map(&seg, STR("claude-x"), &m));
    assert_string_equal(m.to, "eu.anthropic.claude-x-v1:0");
    assert_string_equal(m.as, "claude-opus-4-8");
    assert_true(directory_map(&seg, STR("model-899"), &m));
    assert_string_equal(m.to, "899");
    assert_string_equal(m.as, "");
    assert_false(directory_map(&seg, STR("claude-"), &m));
    assert_false(directory_map(&seg, STR("Claude-x"), &m));
    assert_false(directory_map(&seg, STR(""), &m));
    assert_false(directory_map(&seg, (struct str){from_long, 200}, &m));
    char seen[64] = "";
    assert_true(directory_each_mapping(&seg, note_mapping, seen));
    assert_string_equal(seen, "claude-x gpt-4o 902"); /* in order, each once */
}

static void test_find_unconfirmed_too_long_is_stale(void **state)
{
    (void)state;
    struct directory_key k;
    publish(0, 3, 1);
    directory_set_max_stale(&seg, 600);
    directory_confirm(&seg, 5000);
    clock_tick();
    assert_int_equal(find(1, &k), DIRECTORY_HIT);
    assert_int_equal(directory_age_ms(&seg, 5300), 300);
    assert_int_equal(directory_age_ms(&seg, 4000), 0);
    usleep(650000);
    clock_tick();
    assert_int_equal(find(1, &k), DIRECTORY_STALE);
    assert_int_equal(find(77, &k), DIRECTORY_STALE);
    directory_confirm(&seg, 6000);
    assert_int_equal(find(1, &k), DIRECTORY_HIT);
}

static void count_one(void *ctx, const struct directory_key *key)
{
    uint32_t *sum = ctx;
    *sum += key->slot;
}

static void test_each_visits_every_key_once(void **state)
{
    (void)state;
    uint32_t sum = 0;
    assert_true(directory_each(&seg, count_one, &sum));
    assert_int_equal(sum, 0);
    publish(0, 100, 3);
    assert_true(directory_each(&seg, count_one, &sum));
    assert_int_equal(sum, 300);
}

/* Each bit of the cell and of its CRC in turn; the next publication goes to another bank and heals
 * it. */
static void test_find_flipped_bit_in_a_cell_is_never_a_wrong_hit(void **state)
{
    (void)state;
    struct directory_key wanted = key_of(1, 5), k;
    publish(1, 1, 5);
    char *area = (char *)seg.directory;
    char *cell = memmem(area, seg.header->directory.size, wanted.digest, sizeof wanted.digest);
    assert_non_null(cell);
    for (size_t bit = 0; bit < 8 * (sizeof wanted + 4); bit++) {
        cell[bit / 8] = (char)(cell[bit / 8] ^ (1 << bit % 8));
        if (find(1, &k) != DIRECTORY_STALE) {
            fail_msg("bit %zu went unnoticed", bit);
        }
        cell[bit / 8] = (char)(cell[bit / 8] ^ (1 << bit % 8));
    }
    assert_int_equal(find(1, &k), DIRECTORY_HIT);
    publish(1, 1, 5);
    assert_int_equal(find(1, &k), DIRECTORY_HIT);
}

/* Only the first eight bytes of a digest choose the place; this many share one. */
#define SAME_PLACE 64u

static void test_add_digests_of_one_place_are_told_apart_until_it_is_full(void **state)
{
    (void)state;
    struct directory_key k = key_of(1, 5), out;
    directory_begin(&seg);
    for (uint32_t i = 0; i < SAME_PLACE; i++) {
        k.digest[31] = (uint8_t)i;
        k.slot = i;
        assert_true(directory_add(&seg, &k));
    }
    k.digest[31] = SAME_PLACE;
    assert_false(directory_add(&seg, &k));
    directory_publish(&seg, 1);
    assert_int_equal(directory_find(&seg, k.digest, &out), DIRECTORY_MISS);
    for (uint32_t i = 0; i < SAME_PLACE; i++) {
        k.digest[31] = (uint8_t)i;
        assert_int_equal(directory_find(&seg, k.digest, &out), DIRECTORY_HIT);
        assert_int_equal(out.slot, i);
    }
}

static void test_add_beta_bad_name_value_or_twin_is_refused(void **state)
{
    (void)state;
    char text[DIRECTORY_BETA_TO + 1];
    memset(text, 'b', sizeof text);
    const struct {
        const char *name;
        struct str from, to;
        bool taken;
    } rows[] = {{"name of 63", {text, 63}, STR("x"), true},
                {"name of 64", {text, 64}, STR("x"), false},
                {"no name", STR(""), STR("x"), false},
                {"blocked", STR("b"), STR(""), true},
                {"there already", STR("b"), STR("x"), false},
                {"value of 183", STR("c"), {text, 183}, true},
                {"value of 184", STR("d"), {text, 184}, false}};
    directory_begin(&seg);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (directory_add_beta(&seg, rows[i].from, rows[i].to) != rows[i].taken) {
            fail_msg("%s", rows[i].name);
        }
    }
}

/* What a writer that is two ahead looks like; the first word of the area is `building`. */
static void test_find_bank_that_is_always_rebuilt_ends_as_stale(void **state)
{
    (void)state;
    struct directory_key k;
    publish(0, 3, 1);
    _Atomic uint64_t *building = (_Atomic uint64_t *)(void *)seg.directory;
    uint64_t before = atomic_load(building);
    atomic_store(building, before + 2);
    assert_int_equal(find(1, &k), DIRECTORY_STALE);
    atomic_store(building, before);
    assert_int_equal(find(1, &k), DIRECTORY_HIT);
}

static void publish_twice(void *ctx, const struct directory_key *key)
{
    uint32_t *seen = ctx;
    assert_true(consistent(key, *seen));
    ++*seen;
    publish(50, 3, 2);
    publish(50, 3, 3);
}

static void test_each_bank_rebuilt_in_between_is_broken_off(void **state)
{
    (void)state;
    uint32_t seen = 0;
    publish(0, 3, 1);
    assert_false(directory_each(&seg, publish_twice, &seen));
    assert_int_equal(seen, 1);
}

/* --- several processes --------------------------------------------------------------------- */

#define STRESS_KEYS 64u

static void write_forever(void)
{
    for (uint32_t stamp = 1;; stamp++) {
        directory_begin(&seg);
        for (uint32_t i = 0; i < STRESS_KEYS; i++) {
            struct directory_key k = key_of(i, stamp);
            directory_add(&seg, &k);
        }
        directory_publish(&seg, 1);
    }
}

struct tally {
    uint64_t hits, torn, other;
};

static struct tally read_for(uint64_t ms)
{
    struct tally t = {0};
    uint64_t end = clock_now_ns() + ms * 1000000;
    for (uint32_t i = 0; clock_now_ns() < end; i++) {
        struct directory_key k;
        if (find(i % STRESS_KEYS, &k) != DIRECTORY_HIT) {
            t.other++;
        } else if (!consistent(&k, i % STRESS_KEYS)) {
            t.torn++;
        } else {
            t.hits++;
        }
    }
    return t;
}

static void test_find_while_a_writer_publishes_and_dies_is_never_torn(void **state)
{
    (void)state;
    publish(0, STRESS_KEYS, 1);
    for (int round = 0; round < 4; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            write_forever();
        }
        struct tally t = read_for(60);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(t.torn + t.other, 0);
        assert_true(t.hits > 100);
        t = read_for(10); /* nobody repairs anything */
        assert_int_equal(t.torn + t.other, 0);
        uint64_t before = directory_generation(&seg);
        publish(0, STRESS_KEYS, 9); /* the successor */
        assert_int_equal(directory_generation(&seg), before + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find_nothing_published_is_empty, make, drop),
        cmocka_unit_test_setup_teardown(test_find_published_keys_hit_and_others_miss, make, drop),
        cmocka_unit_test_setup_teardown(test_publish_again_replaces_everything, make, drop),
        cmocka_unit_test_setup_teardown(test_add_past_max_keys_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_find_terms_of_the_keys_that_have_some, make, drop),
        cmocka_unit_test_setup_teardown(test_begin_unfinished_bank_is_not_seen_and_begun_again,
                                        make, drop),
        cmocka_unit_test_setup_teardown(test_map_finds_exact_names_only, make, drop),
        cmocka_unit_test_setup_teardown(test_find_unconfirmed_too_long_is_stale, make, drop),
        cmocka_unit_test_setup_teardown(test_each_visits_every_key_once, make, drop),
        cmocka_unit_test_setup_teardown(test_find_flipped_bit_in_a_cell_is_never_a_wrong_hit, make,
                                        drop),
        cmocka_unit_test_setup_teardown(
            test_add_digests_of_one_place_are_told_apart_until_it_is_full, make, drop),
        cmocka_unit_test_setup_teardown(test_add_beta_bad_name_value_or_twin_is_refused, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_find_bank_that_is_always_rebuilt_ends_as_stale, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_each_bank_rebuilt_in_between_is_broken_off, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_find_while_a_writer_publishes_and_dies_is_never_torn,
                                        make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
