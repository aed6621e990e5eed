#include "shm/memory/lanes.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "shm/memory/segment.h"

#define T0 1000000u /* ms */

static struct segment seg;
static uint64_t model;

static int make(void **state)
{
    (void)state;
    struct err err;
    enum status st = segment_create(&seg, 1, 64, &err);
    model = st == STATUS_OK ? lanes_model(&seg, STR("us.anthropic.claude-opus-4-8")) : 0;
    return st == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void bad(enum lanes_why why, uint64_t now_ms)
{
    lanes_bad(&seg, 0, model, why, 0, false, now_ms);
}

static enum lanes_verdict ask_of(unsigned slot, uint64_t of, uint64_t now_ms)
{
    uint64_t lease;
    enum lanes_verdict v = lanes_ask(&seg, slot, of, now_ms, &lease);
    assert_int_equal(lease != 0, v == LANES_PROBE);
    return v;
}

static enum lanes_verdict ask(uint64_t now_ms)
{
    return ask_of(0, model, now_ms);
}

/* 0: it is no probe. */
static uint64_t lease(uint64_t now_ms)
{
    uint64_t lease;
    return lanes_ask(&seg, 0, model, now_ms, &lease) == LANES_PROBE ? lease : 0;
}

static void test_ask_without_a_word_is_open_and_nobody_looks(void **state)
{
    (void)state;
    assert_false(lanes_any(&seg, T0));
    assert_int_equal(ask(T0), LANES_OPEN);
    lanes_good(&seg, 0, model, false, T0);
    assert_false(lanes_any(&seg, T0));
    bad(LANES_THROTTLED, T0);
    assert_true(lanes_any(&seg, T0));
    assert_int_equal(ask_of(1, model, T0), LANES_OPEN); /* another lane */
    assert_int_equal(ask_of(0, lanes_model(&seg, STR("global.anthropic.x")), T0), LANES_OPEN);
    assert_int_equal(ask(T0), LANES_CLOSED);
}

static void test_ask_after_the_closing_lets_one_try_and_its_answer_opens(void **state)
{
    (void)state;
    bad(LANES_THROTTLED, T0);
    assert_int_equal(ask(T0 + 900), LANES_CLOSED);
    assert_int_equal(ask(T0 + 1100), LANES_PROBE);
    assert_int_equal(ask(T0 + 1100), LANES_CLOSED);
    assert_int_equal(ask(T0 + 2000), LANES_CLOSED);
    lanes_good(&seg, 0, model, false, T0 + 2000); /* sent before it was closed */
    assert_int_equal(ask(T0 + 2000), LANES_CLOSED);
    lanes_good(&seg, 0, model, true, T0 + 2000);
    assert_int_equal(ask(T0 + 2000), LANES_OPEN);
    assert_int_equal(ask(T0 + 2000), LANES_OPEN);
}

static void test_probe_that_dies_or_learns_nothing_gives_way(void **state)
{
    (void)state;
    bad(LANES_THROTTLED, T0);
    assert_int_equal(ask(T0 + 1100), LANES_PROBE); /* and is never heard of again */
    assert_int_equal(ask(T0 + 4000), LANES_CLOSED);
    uint64_t first = lease(T0 + 4200);
    assert_true(first);
    lanes_leave(&seg, 0, model, first, T0 + 4300);
    uint64_t second = lease(T0 + 4300);
    assert_true(second);
    lanes_leave(&seg, 0, model, second, T0 + 4300);
    lanes_good(&seg, 0, model, true, T0 + 4300);
    lanes_leave(&seg, 0, model, second, T0 + 4300); /* nothing is left to leave */
    assert_int_equal(ask(T0 + 4300), LANES_OPEN);
}

/* Its lease was over, another one tries: it has nothing to give back. */
static void test_late_leave_frees_no_other_probe(void **state)
{
    (void)state;
    bad(LANES_THROTTLED, T0);
    uint64_t slow = lease(T0 + 1100), next = lease(T0 + 1100 + 3100);
    assert_true(slow && next && slow != next);
    lanes_leave(&seg, 0, model, slow, T0 + 4300);
    assert_int_equal(ask(T0 + 4300), LANES_CLOSED);
    lanes_leave(&seg, 0, model, next, T0 + 4300);
    assert_int_equal(ask(T0 + 4300), LANES_PROBE);
}

/* ms for which the lane is closed from now_ms on. */
static uint64_t closed_ms(uint64_t now_ms)
{
    struct lanes_state s;
    lanes_look(&seg, 0, model, now_ms, &s);
    return s.until_ms > now_ms ? s.until_ms - now_ms : 0;
}

static void test_bad_probes_back_off_up_to_a_ceiling(void **state)
{
    (void)state;
    static const uint64_t ms[] = {1000, 2000, 4000, 8000, 8000, 8000};
    uint64_t now_ms = T0;
    for (size_t i = 0; i < COUNT_OF(ms); i++) {
        if (i > 0) {
            assert_int_equal(ask(now_ms), LANES_PROBE);
        }
        lanes_bad(&seg, 0, model, LANES_THROTTLED, 0, i > 0, now_ms);
        assert_in_range(closed_ms(now_ms), ms[i], ms[i] + 64);
        now_ms += closed_ms(now_ms);
    }
    for (int i = 0; i < 200; i++) { /* the count does not turn over */
        lanes_bad(&seg, 0, model, LANES_THROTTLED, 0, true, now_ms);
    }
    assert_in_range(closed_ms(now_ms), 8000, 8064);
}

/* Sixteen that were under way when it was closed are one failure. */
static void test_bad_of_before_the_closing_is_not_in_a_row(void **state)
{
    (void)state;
    struct lanes_state s;
    for (unsigned i = 0; i < 16; i++) {
        bad(LANES_THROTTLED, T0 + i);
    }
    lanes_look(&seg, 0, model, T0 + 16, &s);
    assert_int_equal(s.in_a_row, 1);
    assert_in_range(closed_ms(T0 + 16), 900, 1080);
    lanes_bad(&seg, 0, model, LANES_QUOTA, 0, false, T0 + 20); /* but what it says counts */
    lanes_look(&seg, 0, model, T0 + 20, &s);
    assert_int_equal(s.why, LANES_QUOTA);
    assert_in_range(closed_ms(T0 + 20), 600000, 600064);
    bad(LANES_THROTTLED, T0 + 30);
    lanes_look(&seg, 0, model, T0 + 30, &s);
    assert_int_equal(s.why, LANES_QUOTA);
}

static void test_bad_obeys_retry_after_up_to_an_hour(void **state)
{
    (void)state;
    lanes_bad(&seg, 0, model, LANES_THROTTLED, 30000, false, T0);
    assert_in_range(closed_ms(T0), 30000, 30064);
    lanes_bad(&seg, 0, model, LANES_THROTTLED, 45000, false, T0 + 10); /* of those under way, too */
    assert_in_range(closed_ms(T0), 45000, 45074);
    lanes_bad(&seg, 0, model, LANES_THROTTLED, UINT64_MAX, true, T0);
    assert_in_range(closed_ms(T0), 3600000, 3600064);
}

/* One fault is an accident; two in a row are an outage. */
static void test_one_failure_closes_nothing_two_in_a_row_do(void **state)
{
    (void)state;
    bad(LANES_FAILED, T0);
    assert_int_equal(ask(T0), LANES_OPEN);
    bad(LANES_FAILED, T0 + 20000); /* too late to be in a row */
    assert_int_equal(ask(T0 + 20000), LANES_OPEN);
    lanes_good(&seg, 0, model, false, T0 + 20100);
    bad(LANES_FAILED, T0 + 20200);
    assert_int_equal(ask(T0 + 20300), LANES_OPEN);
    bad(LANES_FAILED, T0 + 20400);
    assert_int_equal(ask(T0 + 20400), LANES_CLOSED);
    assert_in_range(closed_ms(T0 + 20400), 1000, 1064);
}

static void test_all_closed_says_until_when(void **state)
{
    (void)state;
    uint64_t until;
    assert_false(lanes_all_closed(&seg, 3, model, T0, &until));
    lanes_bad(&seg, 0, model, LANES_THROTTLED, 9000, false, T0);
    assert_false(lanes_all_closed(&seg, 3, model, T0, &until));
    assert_true(lanes_all_closed(&seg, 1, model, T0, &until));
    lanes_bad(&seg, 1, model, LANES_THROTTLED, 5000, false, T0);
    assert_true(lanes_all_closed(&seg, 3, model, T0, &until));
    assert_in_range(until, T0 + 5000, T0 + 5064);
    assert_false(lanes_all_closed(&seg, 3, model, T0 + 5100, &until)); /* half open */
    assert_int_equal(ask_of(1, model, T0 + 5100), LANES_PROBE);
    assert_true(lanes_all_closed(&seg, 3, model, T0 + 5100, &until));
    assert_false(lanes_all_closed(&seg, 0, model, T0, &until));
}

static void test_closed_models_are_counted_by_lane(void **state)
{
    (void)state;
    enum lanes_why why;
    assert_int_equal(lanes_closed_models(&seg, 0, T0, &why), 0);
    assert_int_equal(why, LANES_FINE);
    bad(LANES_DENIED, T0);
    lanes_bad(&seg, 2, model, LANES_THROTTLED, 0, false, T0);
    lanes_bad(&seg, 2, model + 1, LANES_THROTTLED, 0, false, T0);
    lanes_bad(&seg, 3, model + 1, LANES_FAILED, 0, false, T0);
    assert_int_equal(lanes_closed_models(&seg, 0, T0, &why), 1);
    assert_int_equal(why, LANES_DENIED);
    assert_int_equal(lanes_closed_models(&seg, 2, T0, &why), 2);
    assert_int_equal(why, LANES_THROTTLED);
    assert_int_equal(lanes_closed_models(&seg, 3, T0, &why), 0);
    assert_int_equal(lanes_closed_models(&seg, 2, T0 + 2000, &why), 0);
}

/* A full table forgets what ends first; it never answers for another lane or model. */
static void test_full_table_is_lossy_and_right(void **state)
{
    (void)state;
    uint32_t closed = 0;
    for (uint64_t i = 0; i < 4 * LANES_WORDS; i++) {
        lanes_bad(&seg, i % LANES_SLOTS, lanes_model(&seg, (struct str){(char *)&i, 8}),
                  LANES_DENIED, 0, false, T0);
    }
    for (uint64_t i = 0; i < 4 * LANES_WORDS; i++) {
        struct lanes_state s;
        lanes_look(&seg, i % LANES_SLOTS, lanes_model(&seg, (struct str){(char *)&i, 8}), T0, &s);
        closed += s.why == LANES_DENIED;
    }
    assert_in_range(closed, LANES_WORDS / 2, LANES_WORDS + 8);
    assert_int_equal(ask_of(0, model, T0), LANES_OPEN);
}

/* What is over by ten minutes says nothing. */
static void test_old_word_means_nothing(void **state)
{
    (void)state;
    static const uint64_t later[] = {601000 + 64000,  86400000,         3 * 86400000ull,
                                     7 * 86400000ull, 11 * 86400000ull, 20 * 86400000ull};
    bad(LANES_DENIED, T0);
    for (size_t i = 0; i < COUNT_OF(later); i++) {
        atomic_store(&seg.lanes->busy_until_ms, UINT64_MAX);
        assert_int_equal(ask(T0 + 300064 + later[i]), LANES_OPEN);
    }
}

/* The ticks of a word begin anew after 12.4 days, when its end looks like now again: what was swept
 * meanwhile is not there any more, whatever the clock says. */
static void test_far_clock_finds_nothing_of_a_turn_ago(void **state)
{
    (void)state;
    const uint64_t turn_ms = 64ull << 24;
    static const uint64_t swept[] = {1500000, 3600000 * 24ull, 10 * 86400000ull};
    for (size_t i = 0; i < COUNT_OF(swept); i++) {
        uint64_t at = T0 + i * 64 * turn_ms;
        bad(LANES_DENIED, at);
        bad(LANES_DENIED, at); /* not in a row: late */
        lanes_sweep(&seg, at + 1000);
        assert_int_equal(ask(at + 1000), LANES_CLOSED); /* a sweep takes nothing that is not over */
        lanes_sweep(&seg, at + 300000 + 500000);
        assert_int_equal(lease(at + 300000 + 500000) != 0, true); /* nor what is half open */
        lanes_sweep(&seg, at + swept[i] + 20000);
        for (uint64_t turn = 1; turn <= 3; turn++) {
            for (uint64_t ms = 0; ms < 600000; ms += 30000) {
                atomic_store(&seg.lanes->busy_until_ms, UINT64_MAX);
                assert_int_equal(ask(at + turn * turn_ms + ms), LANES_OPEN);
            }
        }
    }
    uint64_t edge = turn_ms * 5 - 500; /* a closing over the turn itself */
    bad(LANES_THROTTLED, edge);
    assert_int_equal(ask(edge + 900), LANES_CLOSED);
    lanes_sweep(&seg, edge + 900);
    assert_int_equal(ask(edge + 900), LANES_CLOSED);
    assert_int_equal(ask(edge + 1100), LANES_PROBE);
}

static void test_forget_takes_one_slot_and_no_other(void **state)
{
    (void)state;
    enum lanes_why why;
    for (unsigned slot = 0; slot < LANES_SLOTS; slot++) {
        lanes_bad(&seg, slot, model, LANES_DENIED, 0, false, T0);
        lanes_add(&seg, slot, LANES_MOVES, 7);
    }
    lanes_forget(&seg, 5);
    for (unsigned slot = 0; slot < LANES_SLOTS; slot++) {
        assert_int_equal(lanes_closed_models(&seg, slot, T0, &why), slot != 5);
        assert_int_equal(lanes_sum(&seg, slot, LANES_MOVES), slot != 5 ? 7 : 0);
        assert_int_equal(ask_of(slot, model, T0), slot != 5 ? LANES_CLOSED : LANES_OPEN);
    }
    assert_int_equal(lanes_sum(&seg, LANES_SLOTS, LANES_MOVES), 0);
}

/* Over several processes one at a time tries, exactly one. */
static void test_probe_is_one_over_processes_and_survives_kill(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        int pipe_fd[2];
        char won[8];
        uint64_t now_ms = T0 + (uint64_t)round * 100000;
        lanes_bad(&seg, 0, model, LANES_THROTTLED, 0, true, now_ms);
        assert_int_equal(pipe(pipe_fd), 0);
        now_ms += 10000;
        for (int i = 0; i < 4; i++) {
            if (fork() == 0) {
                if (ask(now_ms) == LANES_PROBE) {
                    (void)!write(pipe_fd[1], "1", 1);
                }
                raise(SIGKILL);
            }
        }
        while (wait(NULL) > 0) {
        }
        close(pipe_fd[1]);
        assert_int_equal(read(pipe_fd[0], won, sizeof won), 1);
        close(pipe_fd[0]);
        assert_int_equal(ask(now_ms + 3100), LANES_PROBE); /* all of them are dead */
    }
}

/* --- a lane under eight processes at once -------------------------------------------------- */

#define RACERS 8
#define ROUNDS 20000

struct race { /* shared by all of them */
    _Atomic uint64_t now_ms, probing, probes, crowded, early, closings;
    /* Answers of probes that are being told, and were: each makes void what was said before it. */
    _Atomic uint64_t goods, told_goods;
    _Atomic uint64_t not_before; /* goods << 40 | ms: Retry-After of a refusal */
};

static void tell_refusal(struct race *r, unsigned seed, bool probe)
{
    uint64_t told_goods = atomic_load(&r->told_goods), goods = atomic_load(&r->goods);
    uint64_t ms = 1000 + seed % 7 * 1000;
    uint64_t now_ms = atomic_load(&r->now_ms), before = atomic_load(&r->not_before);
    lanes_bad(&seg, 0, model, LANES_THROTTLED, ms, probe, now_ms);
    atomic_fetch_add(&r->closings, 1);
    if (goods != told_goods) {
        return; /* which of the two came first, nobody knows */
    }
    uint64_t word = goods << 40 | (now_ms + ms);
    while (before < word && !atomic_compare_exchange_weak(&r->not_before, &before, word)) {
    }
}

static void try_it(struct race *r, unsigned seed, uint64_t held)
{
    atomic_fetch_add(&r->crowded, atomic_fetch_add(&r->probing, 1) != 0);
    atomic_fetch_add(&r->probes, 1);
    uint64_t now_ms = atomic_load(&r->now_ms);
    for (unsigned i = 0; i < 50; i++) { /* others come meanwhile */
        atomic_load(&r->now_ms);
    }
    atomic_fetch_sub(&r->probing, 1);
    if (seed % 3 == 0) {
        lanes_leave(&seg, 0, model, held, now_ms);
    } else if (seed % 3 == 1) {
        tell_refusal(r, seed / 3, true);
    } else {
        atomic_fetch_add(&r->goods, 1);
        lanes_good(&seg, 0, model, true, now_ms);
        atomic_fetch_add(&r->told_goods, 1);
    }
}

static void run_race(struct race *r, unsigned seed)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t held, told = atomic_load(&r->not_before);
        if (atomic_load(&r->probing) == 0) { /* nobody's lease ends */
            atomic_fetch_add(&r->now_ms, 7);
        }
        seed = seed * 1103515245u + 12345u;
        uint64_t now_ms = atomic_load(&r->now_ms);
        enum lanes_verdict v = lanes_ask(&seg, 0, model, now_ms, &held);
        bool holds = told >> 40 == atomic_load(&r->goods);
        if (v != LANES_CLOSED && holds && now_ms < (told & (((uint64_t)1 << 40) - 1))) {
            atomic_fetch_add(&r->early, 1);
        }
        if (v == LANES_PROBE) {
            try_it(r, seed >> 8, held);
        } else if (v == LANES_OPEN && (seed >> 8) % 4 == 0) {
            tell_refusal(r, seed >> 10, false);
        }
    }
}

static void test_race_probes_one_at_a_time_and_obeys_retry_after(void **state)
{
    (void)state;
    struct race *r =
        mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(r != MAP_FAILED);
    atomic_store(&r->now_ms, T0);
    for (unsigned i = 0; i < RACERS; i++) {
        if (fork() == 0) {
            run_race(r, i + 1);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    assert_int_equal(atomic_load(&r->crowded), 0);
    assert_int_equal(atomic_load(&r->early), 0);
    assert_true(atomic_load(&r->probes) > 50);
    assert_true(atomic_load(&r->closings) > 50);
    munmap(r, sizeof *r);
}

/* Killed at any instruction: what is there afterwards works. */
static void test_writer_killed_anywhere_leaves_a_table_that_works(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (uint64_t i = 0;; i++) {
                lanes_bad(&seg, i % LANES_SLOTS, model, LANES_THROTTLED, i % 3000, i & 1, T0 + i);
                ask_of(i % LANES_SLOTS, model, T0 + 2 * i);
                lanes_good(&seg, i % LANES_SLOTS, model, i & 2, T0 + i);
            }
        }
        usleep(2000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    uint64_t late = T0 + 100ull * 86400000;
    bad(LANES_THROTTLED, late);
    assert_int_equal(ask(late), LANES_CLOSED);
    assert_int_equal(ask(late + 1100), LANES_PROBE);
    lanes_good(&seg, 0, model, true, late + 1200);
    assert_int_equal(ask(late + 1200), LANES_OPEN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        TEST(test_ask_without_a_word_is_open_and_nobody_looks),
        TEST(test_ask_after_the_closing_lets_one_try_and_its_answer_opens),
        TEST(test_probe_that_dies_or_learns_nothing_gives_way),
        TEST(test_late_leave_frees_no_other_probe),
        TEST(test_bad_probes_back_off_up_to_a_ceiling),
        TEST(test_bad_of_before_the_closing_is_not_in_a_row),
        TEST(test_bad_obeys_retry_after_up_to_an_hour),
        TEST(test_one_failure_closes_nothing_two_in_a_row_do),
        TEST(test_all_closed_says_until_when),
        TEST(test_closed_models_are_counted_by_lane),
        TEST(test_full_table_is_lossy_and_right),
        TEST(test_old_word_means_nothing),
        TEST(test_far_clock_finds_nothing_of_a_turn_ago),
        TEST(test_forget_takes_one_slot_and_no_other),
        TEST(test_probe_is_one_over_processes_and_survives_kill),
        TEST(test_race_probes_one_at_a_time_and_obeys_retry_after),
        TEST(test_writer_killed_anywhere_leaves_a_table_that_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
