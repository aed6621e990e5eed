#include "shm/memory/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

#define T0     1000000u /* ms */
#define OWNER  3u       /* a model */
#define GREEDY 300u     /* slots of keys */
#define MODEST 301u

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 4, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static struct turns_ticket join(uint32_t slot, uint64_t now_ms)
{
    struct turns_ticket t;
    assert_true(turns_join(&seg, OWNER, slot, now_ms, &t));
    return t;
}

static void show(uint32_t worker, const struct turns_ticket *t, uint64_t now_ms)
{
    turns_show(&seg, worker, t->gate, turns_tag(&seg, t), 1, now_ms);
}

static bool take(uint32_t worker, const struct turns_ticket *t, uint64_t now_ms)
{
    return turns_take(&seg, worker, t, now_ms * 1000u);
}

static void test_busy_only_while_somebody_waits(void **state)
{
    (void)state;
    assert_false(turns_busy(&seg, OWNER, T0));
    struct turns_ticket t = join(MODEST, T0);
    assert_true(turns_busy(&seg, OWNER, T0 + 100));
    assert_false(turns_busy(&seg, OWNER + 1, T0 + 100));
    assert_false(turns_busy(&seg, OWNER, T0 + TURNS_STALE_MS));
    show(1, &t, T0 + 400);
    assert_true(turns_busy(&seg, OWNER, T0 + 600));
    turns_show(&seg, 1, t.gate, 0, 0, T0 + 500);
    assert_false(turns_busy(&seg, OWNER, T0 + 1000));
}

static void test_join_has_a_second_request_of_a_key_behind_the_first_of_another(void **state)
{
    (void)state;
    struct turns_ticket g[3], m[2];
    for (int i = 0; i < 3; i++) {
        g[i] = join(GREEDY, T0 + (uint64_t)i);
    }
    m[0] = join(MODEST, T0 + 10);
    m[1] = join(MODEST, T0 + 11);
    assert_true(g[0].tag < m[0].tag && m[0].tag < g[1].tag); /* of one turn the first come */
    assert_true(g[1].tag < m[1].tag && m[1].tag < g[2].tag);
    assert_int_equal(turns_ahead(&seg, &g[2]), 2);
    assert_int_equal(turns_ahead(&seg, &m[0]), 0);
}

static void test_join_after_others_were_served_is_not_before_them(void **state)
{
    (void)state;
    struct turns_ticket first = join(GREEDY, T0), second = join(GREEDY, T0);
    assert_true(take(1, &first, T0));
    assert_true(take(1, &second, T0 + 100));
    struct turns_ticket late = join(MODEST, T0 + 100); /* it has not saved up the turn before */
    assert_int_equal(late.turn, second.turn);
}

static void test_leave_gives_the_turn_back(void **state)
{
    (void)state;
    struct turns_ticket first = join(GREEDY, T0), second = join(GREEDY, T0);
    turns_leave(&seg, &first);
    turns_leave(&seg, &second);
    assert_int_equal(join(GREEDY, T0).turn, first.turn);
}

/* Also of requests whose worker was killed. */
static void test_join_when_nobody_has_waited_forgets(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)join(GREEDY, T0);
    }
    struct turns_ticket g = join(GREEDY, T0 + 300), m = join(MODEST, T0 + 300);
    assert_int_equal(g.turn, m.turn + 100);
    g = join(GREEDY, T0 + 2000);
    m = join(MODEST, T0 + 2000);
    assert_int_equal(g.turn, m.turn);
}

static void test_take_is_for_the_first_of_all_workers(void **state)
{
    (void)state;
    struct turns_ticket a = join(GREEDY, T0), b = join(GREEDY, T0);
    show(1, &a, T0);
    show(2, &b, T0);
    assert_false(take(2, &b, T0));
    assert_true(take(1, &a, T0));
    turns_show(&seg, 1, a.gate, 0, 0, T0);
    assert_true(take(2, &b, T0 + 100));
}

static void test_take_does_not_wait_for_a_worker_that_is_silent(void **state)
{
    (void)state;
    struct turns_ticket a = join(GREEDY, T0), b = join(GREEDY, T0);
    show(1, &a, T0); /* killed */
    show(2, &b, T0 + TURNS_STALE_MS - 1);
    assert_false(take(2, &b, T0 + TURNS_STALE_MS - 1));
    assert_true(take(2, &b, T0 + TURNS_STALE_MS));
    assert_int_equal(turns_waiting(&seg, b.gate, T0 + TURNS_STALE_MS), 1);
    turns_tell(&seg, 1, 2, T0); /* each of them in several gates */
    turns_tell(&seg, 2, 5, T0 + TURNS_STALE_MS);
    assert_int_equal(turns_all_waiting(&seg, T0 + TURNS_STALE_MS - 1), 7);
    assert_int_equal(turns_all_waiting(&seg, T0 + TURNS_STALE_MS), 5);
    turns_enter(&seg, 2);
    assert_int_equal(turns_waiting(&seg, b.gate, T0 + TURNS_STALE_MS), 0);
    assert_int_equal(turns_all_waiting(&seg, T0 + TURNS_STALE_MS), 0);
}

/* How many get through in a second of tries each millisecond, with the same answer for all. */
static unsigned tries_a_second(uint64_t from_ms, bool good)
{
    unsigned n = 0;
    for (uint64_t ms = from_ms; ms < from_ms + 1000; ms++) {
        struct turns_ticket t = join(MODEST, ms);
        if (take(1, &t, ms)) {
            n++;
            if (good) {
                turns_good(&seg, &t);
            } else {
                turns_bad(&seg, &t);
            }
        }
        turns_leave(&seg, &t);
    }
    return n;
}

static void test_take_is_as_often_as_bedrock_grants(void **state)
{
    (void)state;
    assert_in_range(tries_a_second(T0, false), 4, 12); /* from 20 ms to 200 */
    assert_in_range(tries_a_second(T0 + 1000, false), 4, 6);
    assert_in_range(turns_wait_ms(&seg, OWNER, T0 + 2000), 200, 200);
    assert_in_range(tries_a_second(T0 + 2000, true), 7, 100);
    (void)tries_a_second(T0 + 3000, true);
    assert_in_range(tries_a_second(T0 + 4000, true), 900, 1000);
}

/* --- who cannot go ------------------------------------------------------------------------- */

static void test_bad_stands_aside_for_one_then_for_more(void **state)
{
    (void)state;
    uint64_t ms = T0;
    static const unsigned want[] = {1, 1, 1, 2, 4, 8, 16, 32, 32};
    struct turns_ticket stuck = join(GREEDY, ms);
    for (unsigned vain = 0; vain < 9; vain++) {
        assert_true(take(1, &stuck, ms += 1000));
        turns_bad(&seg, &stuck);
        unsigned others = 0;
        for (; turns_tag(&seg, &stuck) != stuck.tag; others++) {
            struct turns_ticket other = join(MODEST, ms);
            show(1, &stuck, ms);
            assert_true(take(2, &other, ms += 1000)); /* later come, and before it */
            turns_good(&seg, &other);
        }
        assert_int_equal(others, want[vain]);
    }
}

static void test_bad_where_nobody_else_waits_goes_on(void **state)
{
    (void)state;
    struct turns_ticket a = join(GREEDY, T0), b = join(MODEST, T0);
    for (uint64_t ms = T0; ms < T0 + 5000; ms += 1000) {
        show(1, &a, ms);
        show(2, &b, ms);
        struct turns_ticket *first = turns_tag(&seg, &a) < turns_tag(&seg, &b) ? &a : &b;
        assert_true(take(first == &a ? 1 : 2, first, ms));
        turns_bad(&seg, first);
    }
    assert_in_range(a.vain, 2, 3);
    assert_in_range(b.vain, 2, 3);
}

/* One that is refused while others are answered says nothing of the pace. */
static void test_bad_again_and_again_does_not_slow_the_others(void **state)
{
    (void)state;
    uint64_t ms = T0, slow = 0;
    struct turns_ticket stuck = join(GREEDY, ms);
    for (unsigned vain = 0; vain < 6; vain++) {
        uint64_t before = turns_wait_ms(&seg, OWNER, T0);
        turns_bad(&seg, &stuck);
        slow += turns_wait_ms(&seg, OWNER, T0) > before;
        struct turns_ticket other = join(MODEST, ms);
        turns_good(&seg, &other);
        turns_leave(&seg, &other);
    }
    assert_int_equal(slow, 2);
    turns_bad(&seg, &stuck);
    uint64_t before = turns_wait_ms(&seg, OWNER, T0);
    turns_bad(&seg, &stuck); /* nobody was answered since */
    assert_true(turns_wait_ms(&seg, OWNER, T0) > before);
}

/* --- gates --------------------------------------------------------------------------------- */

static void test_join_gives_each_model_a_gate_of_its_own(void **state)
{
    (void)state;
    struct turns_ticket t[TURNS_GATES], more;
    bool seen[TURNS_GATES] = {false};
    for (uint32_t i = 0; i < TURNS_GATES; i++) { /* by the hash all at one */
        assert_true(turns_join(&seg, 1 + i * TURNS_GATES, MODEST, T0, &t[i]));
        assert_false(seen[t[i].gate]);
        seen[t[i].gate] = true;
    }
    assert_false(turns_join(&seg, 7777777, MODEST, T0, &more));
    assert_false(turns_busy(&seg, 7777777, T0));
    assert_int_equal(turns_wait_ms(&seg, 7777777, T0), 0);
    for (uint32_t i = 0; i < TURNS_GATES; i++) { /* who is there has it again */
        assert_true(turns_join(&seg, 1 + i * TURNS_GATES, GREEDY, T0, &more));
        assert_int_equal(more.gate, t[i].gate);
    }
}

/* Also after whoever waited was killed. */
static void test_join_takes_a_gate_that_nobody_needs(void **state)
{
    (void)state;
    struct turns_ticket t[TURNS_GATES], more;
    for (uint32_t i = 0; i < TURNS_GATES; i++) {
        assert_true(turns_join(&seg, 1 + i, MODEST, T0, &t[i]));
    }
    for (uint32_t i = 0; i < TURNS_GATES; i++) { /* all but one still wait */
        turns_show(&seg, 1, t[i].gate, i == 5 ? 0 : t[i].tag, i != 5, T0 + 700);
    }
    assert_false(turns_join(&seg, 99999, MODEST, T0 + 749, &more));
    assert_true(turns_join(&seg, 99999, MODEST, T0 + 750, &more));
    assert_int_equal(more.gate, t[5].gate);
    assert_false(turns_valid(&seg, &t[5]));
    assert_true(turns_valid(&seg, &more));
    assert_true(turns_busy(&seg, 99999, T0 + 751));
    assert_false(turns_busy(&seg, 6, T0 + 751));
    assert_false(take(1, &t[5], T0 + 760)); /* what its ticket says does not count there */
    uint64_t before = turns_wait_ms(&seg, 99999, T0 + 760);
    turns_bad(&seg, &t[5]);
    turns_good(&seg, &t[5]);
    turns_leave(&seg, &t[5]);
    assert_int_equal(turns_wait_ms(&seg, 99999, T0 + 760), before);
    assert_int_equal(turns_ahead(&seg, &more), 0);
}

/* Who waits for a lane of its own holds its gate, but nobody back. */
static void test_show_of_nobody_who_could_go_keeps_the_gate(void **state)
{
    (void)state;
    struct turns_ticket t = join(MODEST, T0), first = join(MODEST, T0);
    for (uint64_t ms = T0; ms < T0 + 3000; ms += 100) {
        turns_show(&seg, 1, t.gate, 0, 1, ms);
    }
    assert_false(turns_busy(&seg, OWNER, T0 + 2900));
    assert_true(turns_valid(&seg, &t));
    assert_int_equal(join(MODEST, T0 + 2900).turn,
                     first.turn + 1); /* and the turns that were taken */
}

/* --- many processes ------------------------------------------------------------------------ */

#define PROCESSES 4u

static void wait_all(void)
{
    int status;
    while (wait(&status) > 0) {
        assert_int_equal(status, 0);
    }
}

static void test_join_in_processes_gives_each_turn_once(void **state)
{
    (void)state;
    enum { EACH = 20000 };
    size_t size = PROCESSES * EACH;
    uint8_t *seen = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t first = join(GREEDY, T0).turn + 1;
    for (uint32_t w = 1; w <= PROCESSES; w++) {
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++) {
                seen[join(GREEDY, T0).turn - first]++;
            }
            _exit(0);
        }
    }
    wait_all();
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(seen[i], 1);
    }
    munmap(seen, size);
}

/* Four processes ask for the same models at the same time: all tickets of a model have one gate. */
static void test_join_in_processes_gives_a_model_one_gate(void **state)
{
    (void)state;
    enum { MODELS = 40 };
    uint32_t *gates = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (uint32_t w = 0; w < PROCESSES; w++) {
        if (fork() == 0) {
            for (uint32_t i = 0; i < MODELS; i++) {
                struct turns_ticket t;
                bool ok = turns_join(&seg, 1 + i * TURNS_GATES, w, T0, &t);
                gates[w * MODELS + i] = ok ? t.gate : TURNS_GATES;
            }
            _exit(0);
        }
    }
    wait_all();
    for (uint32_t i = 0; i < PROCESSES * MODELS; i++) {
        assert_int_equal(gates[i], gates[i % MODELS]);
        assert_true(gates[i] < TURNS_GATES);
    }
    munmap(gates, 4096);
}

#define T(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_busy_only_while_somebody_waits),
        T(test_join_has_a_second_request_of_a_key_behind_the_first_of_another),
        T(test_join_after_others_were_served_is_not_before_them),
        T(test_leave_gives_the_turn_back),
        T(test_join_when_nobody_has_waited_forgets),
        T(test_take_is_for_the_first_of_all_workers),
        T(test_take_does_not_wait_for_a_worker_that_is_silent),
        T(test_take_is_as_often_as_bedrock_grants),
        T(test_bad_stands_aside_for_one_then_for_more),
        T(test_bad_where_nobody_else_waits_goes_on),
        T(test_bad_again_and_again_does_not_slow_the_others),
        T(test_join_gives_each_model_a_gate_of_its_own),
        T(test_join_takes_a_gate_that_nobody_needs),
        T(test_show_of_nobody_who_could_go_keeps_the_gate),
        T(test_join_in_processes_gives_each_turn_once),
        T(test_join_in_processes_gives_a_model_one_gate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
