#include "server/http/http_bodies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"

enum { KB = 1024, MAX = 16 * 1024 * KB, LARGE_ROOM = MAX - MAX / 8, MOST = 64 };

struct table {
    struct http_bodies all;
    struct http_hold holds[MOST];
};

static int set_up(void **state)
{
    *state = heap_new(sizeof(struct table));
    return 0;
}

/* Whatever was taken and moved: all of it comes back, and no share is left. */
static int tear_down(void **state)
{
    struct table *t = *state;
    for (size_t i = 0; i < MOST; i++)
        http_bodies_give_back(&t->all, &t->holds[i]);
    assert_int_equal(t->all.held, 0);
    for (size_t i = 0; i < HTTP_BODIES_ROWS; i++)
        assert_null(t->all.shares[i]);
    heap_drop(t);
    return 0;
}

static bool take(struct table *t, size_t which, uint64_t holder, size_t n)
{
    struct err err = {0};
    struct http_hold *h = &t->holds[which];
    if (h->n == 0)
        h->holder = holder;
    size_t before = t->all.held;
    enum status asked = http_bodies_ask(&t->all, MAX, h, n, &err);
    enum status taken = http_bodies_take(&t->all, MAX, h, n, &err);
    assert_int_equal(asked, taken);
    assert_true(taken == STATUS_OK || (taken == STATUS_BUSY && err.text[0]));
    assert_int_equal(t->all.held, before + (taken == STATUS_OK ? n : 0));
    return taken == STATUS_OK;
}

/* As much as is granted, in pieces; returns what the body has then. */
static size_t fill(struct table *t, size_t which, uint64_t holder, size_t piece)
{
    while (take(t, which, holder, piece)) {
    }
    return t->holds[which].n;
}

static void test_only_body_of_a_holder_may_have_all_but_what_is_kept(void **state)
{
    struct table *t = *state;
    assert_true(take(t, 0, 7, LARGE_ROOM));
    assert_false(take(t, 0, 7, 1));
    assert_false(take(t, 1, 8, HTTP_BODIES_SMALL + 1));
    assert_true(take(t, 1, 8, HTTP_BODIES_SMALL)); /* the last eighth is for these */
}

static void test_holder_of_several_never_has_more_than_is_free(void **state)
{
    struct table *t = *state;
    size_t held = 0;
    for (size_t i = 0; i < 8; i++)
        held += fill(t, i, 7, 512 * KB) * (i > 0); /* the first one is alone and takes all */
    assert_int_equal(held, 0);
    http_bodies_give_back(&t->all, &t->holds[0]);
    for (size_t i = 0; i < 8; i++)
        assert_true(take(t, i, 7, 512 * KB));
    for (size_t i = 0; i < 8; i++)
        held += fill(t, i, 7, 512 * KB);
    assert_true(held <= LARGE_ROOM - held);
    assert_true(held + 512 * KB > LARGE_ROOM - held - 512 * KB); /* ... and may have that */
}

/* n holders who take what they get leave the next one as much as each of them has. */
static void test_holders_one_after_another_find_equal_shares(void **state)
{
    struct table *t = *state;
    for (uint64_t holder = 1; holder <= 6; holder++) {
        size_t i = (size_t)holder * 4, held = 0;
        for (size_t k = 0; k < 4; k++)
            assert_true(take(t, i + k, holder, KB));
        for (size_t k = 0; k < 4; k++)
            held += fill(t, i + k, holder, KB);
        assert_true(held <= MAX - t->all.held);
        assert_true(held > 64 * KB);
    }
    assert_true(take(t, 0, 99, 64 * KB));
}

static void test_announced_length_costs_nothing_but_says_how_large_it_is(void **state)
{
    struct table *t = *state;
    struct err err;
    t->holds[0].expected = 12 << 20;
    assert_int_equal(http_bodies_ask(&t->all, MAX, &t->holds[0], 12 << 20, &err), STATUS_OK);
    assert_int_equal(t->all.held, 0);
    assert_int_equal(http_bodies_ask(&t->all, MAX, &t->holds[0], (uint64_t)1 << 63, &err),
                     STATUS_BUSY);
    assert_int_equal(http_bodies_ask(&t->all, MAX, &t->holds[0], UINT64_MAX, &err), STATUS_BUSY);
    assert_true(take(t, 1, 1, LARGE_ROOM));
    t->holds[2].expected = 1 << 20;
    assert_false(take(t, 2, 2, KB)); /* the first piece of a large one */
    t->holds[2].expected = 0;
    assert_true(take(t, 2, 2, KB));
}

static void test_move_takes_the_bytes_along(void **state)
{
    struct table *t = *state;
    assert_true(take(t, 0, 0, 5 << 20));
    assert_true(take(t, 1, 0, 1 << 20));
    assert_false(take(t, 2, 0, 2 << 20)); /* holder 0 would have 8 of 14 MiB */
    http_bodies_move(&t->all, &t->holds[0], 5);
    http_bodies_move(&t->all, &t->holds[0], 5);
    assert_int_equal(t->all.held, 6 << 20);
    assert_true(take(t, 2, 0, 2 << 20));
    assert_true(take(t, 0, 5, 1 << 20));        /* it knows its holder now, and goes on */
    http_bodies_move(&t->all, &t->holds[3], 6); /* nothing held: only the name */
    assert_int_equal(t->holds[3].holder, 6);
    assert_null(t->holds[3].share);
}

static void test_no_limit_counts_all_the_same(void **state)
{
    struct table *t = *state;
    struct err err;
    assert_int_equal(http_bodies_take(&t->all, 0, &t->holds[0], (size_t)1 << 40, &err), STATUS_OK);
    assert_int_equal(t->all.held, (size_t)1 << 40);
}

static void test_no_memory_for_a_share_is_busy(void **state)
{
    struct table *t = *state;
    heap_fail_after(1);
    assert_false(http_bodies_take(&t->all, MAX, &t->holds[0], KB, NULL) == STATUS_OK);
    heap_fail_after(0);
    assert_int_equal(t->all.held, 0);
    assert_true(take(t, 0, 1, KB));
    heap_fail_after(1);
    http_bodies_move(&t->all, &t->holds[0], 2); /* stays where it was */
    heap_fail_after(0);
    assert_int_equal(t->all.held, KB);
    assert_true(take(t, 0, 1, KB));
}

/* Random holders and sizes against a plain reckoning of the rule. */
static void test_random_bodies_keep_the_rule(void **state)
{
    struct table *t = *state;
    uint32_t seed = 1;
    unsigned granted = 0, refused = 0;
    for (int i = 0; i < 200000; i++) {
        seed = seed * 1664525 + 1013904223;
        size_t which = seed >> 8 & (MOST - 1), n = (seed >> 14) % (900 * KB) + 1;
        struct http_hold *h = &t->holds[which];
        if (seed >> 28 == 0) {
            http_bodies_give_back(&t->all, h);
            continue;
        }
        uint64_t holder = h->n ? h->holder : which % 5;
        size_t all = 0, own = 0, others = 0;
        for (size_t k = 0; k < MOST; k++) {
            bool same = t->holds[k].n > 0 && t->holds[k].holder == holder;
            all += t->holds[k].n;
            own += same ? t->holds[k].n : 0;
            others += same && k != which;
        }
        size_t room = h->n + n <= HTTP_BODIES_SMALL ? MAX : LARGE_ROOM;
        bool want = all + n <= room && (others == 0 || own + n <= room - all - n);
        if (take(t, which, holder, n) != want)
            fail_msg("step %d: all %zu own %zu others %zu n %zu: not %d", i, all, own, others, n,
                     want);
        want ? granted++ : refused++;
    }
    assert_true(granted > 10000 && refused > 10000);
}

int main(void)
{
#define TABLE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TABLE(test_only_body_of_a_holder_may_have_all_but_what_is_kept),
        TABLE(test_holder_of_several_never_has_more_than_is_free),
        TABLE(test_holders_one_after_another_find_equal_shares),
        TABLE(test_announced_length_costs_nothing_but_says_how_large_it_is),
        TABLE(test_move_takes_the_bytes_along),
        TABLE(test_no_limit_counts_all_the_same),
        TABLE(test_no_memory_for_a_share_is_busy),
        TABLE(test_random_bodies_keep_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
