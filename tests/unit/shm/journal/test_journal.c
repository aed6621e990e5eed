#include "shm/journal/journal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/catalogue/tier.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/segment.h"

#define RECORDS 64u

static struct segment seg;
static struct journal journal; /* as the refresher has it; workers get copies by fork or by value */
static struct journal_entry batch[256];

static int make(void **state)
{
    (void)state;
    struct err err;
    clock_tick();
    log_level_set(LOG_OFF);
    if (segment_create(&seg, 2, 64, &err) != STATUS_OK ||
        journal_open(&journal, "", 2, RECORDS, &err) != STATUS_OK) {
        return -1;
    }
    counters_enter(&seg, 0);
    for (uint32_t w = 1; w <= 2; w++) {
        scoreboard_enter(&seg, w);
        scoreboard_state(&seg, w, SCOREBOARD_READY);
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    journal_drop(&journal);
    segment_drop(&seg);
    return 0;
}

static struct journal worker(uint32_t slot)
{
    struct journal w = journal;
    journal_enter(&w, slot);
    return w;
}

static struct journal_record *open_one(struct journal *w)
{
    struct journal_record *r = journal_begin_record(w);
    if (r) {
        r->started_ms = 1000;
        journal_open_record(w, r);
    }
    return r;
}

static uint32_t collect(void)
{
    return journal_collect(&journal, batch, 256, false);
}

static void test_record_goes_round(void **state)
{
    (void)state;
    struct journal w = worker(1);
    struct journal_record *r = open_one(&w);
    char id[33], again[33];
    assert_int_equal(collect(), 0); /* it is open */
    assert_int_equal(journal_bury(&journal, &seg), 0);
    journal_close_record(&w, r);
    assert_int_equal(collect(), 1);
    assert_ptr_equal(batch[0].at, r);
    assert_int_equal(r->sequence, 1);
    journal_usage_id(r, id);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    journal_release(&batch[0]);
    assert_int_equal(journal_collect(&journal, batch, 256, true), 0);
    r = open_one(&w);
    journal_usage_id(r, again);
    assert_string_not_equal(id, again);
}

static void test_begin_full_block_gives_null_until_released(void **state)
{
    (void)state;
    struct journal w = worker(1), other = worker(2);
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct journal_record *r = open_one(&w);
        assert_non_null(r);
        journal_close_record(&w, r);
    }
    assert_null(journal_begin_record(&w));
    assert_non_null(journal_begin_record(&other));
    assert_int_equal(collect(), RECORDS);
    journal_release(&batch[7]);
    assert_null(journal_begin_record(&w)); /* not looked for again at once */
    usleep(6000);
    clock_tick();
    assert_ptr_equal(journal_begin_record(&w), batch[7].at);
}

static void test_collect_tried_batch_comes_again_before_newer(void **state)
{
    (void)state;
    struct journal w = worker(1);
    for (int i = 0; i < 3; i++) {
        journal_close_record(&w, open_one(&w));
    }
    assert_int_equal(collect(), 3);
    uint64_t last = batch[2].copy.sequence;
    journal_close_record(&w, open_one(&w)); /* the store failed; another came */
    assert_int_equal(collect(), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(batch[i].copy.sequence, i + 1);
        journal_release(&batch[i]);
    }
    assert_int_equal(journal_collect(&journal, batch, 256, true), 1);
    assert_int_equal(batch[0].copy.sequence, last + 1);
}

/* The file may be of another run, whose records lay elsewhere: the sequence says what comes first.
 */
static void test_collect_tried_batch_comes_by_sequence_wherever_it_lies(void **state)
{
    (void)state;
    static const uint64_t sequences[] = {7, 9, 2, 8, 1};
    struct journal w = worker(1);
    journal.header->sequence = 9;
    for (size_t i = 0; i < 5; i++) {
        struct journal_record *r = open_one(&w);
        r->sequence = sequences[i];
        journal_close_record(&w, r);
    }
    assert_int_equal(collect(), 5);
    for (size_t i = 1; i < 5; i++) {
        assert_true(batch[i - 1].copy.sequence < batch[i].copy.sequence);
    }
}

static void test_collect_more_than_a_batch_comes_in_turns(void **state)
{
    (void)state;
    struct journal w = worker(1);
    for (int i = 0; i < 10; i++) {
        journal_close_record(&w, open_one(&w));
    }
    for (int left = 10; left > 0; left -= 4) {
        uint32_t n = journal_collect(&journal, batch, 4, false);
        assert_int_equal(n, left < 4 ? left : 4);
        for (uint32_t i = 0; i < n; i++) {
            journal_release(&batch[i]);
        }
    }
    assert_int_equal(collect(), 0);
}

static void test_bury_dead_worker_closes_with_tokens_seen(void **state)
{
    (void)state;
    struct journal w = worker(1);
    struct journal_record *r = journal_begin_record(&w);
    r->rates.input = 3000000;
    journal_open_record(&w, r);
    r->tokens.input = 1000;
    r->flags = JOURNAL_STREAM | JOURNAL_SUCCESS;
    assert_int_equal(journal_bury(&journal, &seg), 0);
    scoreboard_state(&seg, 1, SCOREBOARD_FREE);
    assert_int_equal(journal_bury(&journal, &seg), 1);
    assert_int_equal(r->cost_micro, 3000);
    assert_int_equal(r->flags, JOURNAL_STREAM | JOURNAL_BURIED);
    assert_string_equal(r->error, "WORKER_DIED");
    assert_int_equal(journal_bury(&journal, &seg), 0);
}

static void test_bury_successor_in_the_slot_keeps_its_own(void **state)
{
    (void)state;
    struct journal dead = worker(1);
    struct journal_record *old = open_one(&dead);
    struct journal alive = worker(1);
    struct journal_record *new = open_one(&alive);
    assert_ptr_not_equal(old, new);
    assert_int_equal(journal_bury(&journal, &seg), 1);
    assert_int_equal(atomic_load(&old->state), JOURNAL_CLOSED);
    assert_int_equal(atomic_load(&new->state), JOURNAL_OPEN);
}

static uint64_t damaged(void)
{
    return counters_sum(&seg, COUNTER_USAGE_DAMAGED);
}

/* Every byte of a closed record, one after the other. The state may say that there is none; the
 * sequence is not part of the row. Anything else is seen. */
static void test_collect_any_damaged_byte_is_put_aside_never_a_row(void **state)
{
    (void)state;
    const size_t sequence = offsetof(struct journal_record, sequence);
    struct journal w = worker(1);
    for (size_t at = 0; at < sizeof(struct journal_record); at++) {
        struct journal_record *r = journal_begin_record(&w);
        memset(r->model, 'm', sizeof r->model - 1);
        journal_open_record(&w, r);
        r->tokens.output = 70;
        assert_true(journal_close_record(&w, r));
        ((uint8_t *)r)[at] ^= 0x40;
        uint64_t before = damaged();
        uint32_t n = journal_collect(&journal, batch, 256, true);
        bool is_sequence = at >= sequence && at < sequence + sizeof r->sequence;
        if (n != (is_sequence ? 1 : 0) || damaged() - before != 1 - n) {
            fail_msg("byte %zu: %u rows, %d damaged", at, n, (int)(damaged() - before));
        }
        if (n) {
            assert_int_equal(batch[0].copy.sequence, journal.header->sequence);
            journal_release(&batch[0]);
        }
        assert_int_equal(atomic_load(&r->state), JOURNAL_FREE);
    }
}

/* Of one that a dead worker left open: what was fixed when it was opened. */
static void test_bury_damaged_record_is_put_aside(void **state)
{
    (void)state;
    static const size_t places[] = {
        offsetof(struct journal_record, who),           offsetof(struct journal_record, owner),
        offsetof(struct journal_record, number) + 7,    offsetof(struct journal_record, started_ms),
        offsetof(struct journal_record, rates) + 20,    offsetof(struct journal_record, digest),
        offsetof(struct journal_record, request_id),    offsetof(struct journal_record, model) + 95,
        offsetof(struct journal_record, bedrock_model), offsetof(struct journal_record, opened)};
    struct journal w = worker(1);
    scoreboard_state(&seg, 1, SCOREBOARD_FREE);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct journal_record *r = open_one(&w);
        ((uint8_t *)r)[places[i]] ^= 1;
        if (journal_bury(&journal, &seg) != 0 || damaged() != i + 1) {
            fail_msg("byte %zu", places[i]);
        }
        assert_int_equal(journal_collect(&journal, batch, 256, true), 0);
    }
}

/* Killed while it closed: the figures of the end are there, the state is not. */
static void test_bury_half_closed_record_is_a_row(void **state)
{
    (void)state;
    struct journal w = worker(1);
    struct journal_record *r = open_one(&w);
    r->flags = JOURNAL_SUCCESS;
    r->status = 200;
    r->tier = TIER_FLEX;
    text_copy(STR("TIMEOUT"), r->error, sizeof r->error);
    r->closed = journal_seal_closed(r);
    scoreboard_state(&seg, 1, SCOREBOARD_FREE);
    assert_int_equal(journal_bury(&journal, &seg), 1);
    assert_int_equal(collect() + journal_collect(&journal, batch, 256, true), 1);
    assert_int_equal(batch[0].copy.flags, JOURNAL_BURIED);
}

/* The head of the file is lost while everybody runs: nothing that was there is lost with it, no
 * sequence comes twice, and another flusher says that it is not the old count that goes on. */
static void test_collect_lost_head_is_written_again(void **state)
{
    (void)state;
    struct journal w = worker(1), high = worker(2);
    uint64_t flusher = journal.header->flusher;
    for (int i = 0; i < 3; i++) {
        journal_close_record(&w, open_one(&w));
    }
    assert_int_equal(collect(), 3);
    for (int i = 0; i < 3; i++) {
        journal_release(&batch[i]);
    }
    struct journal_record *open = open_one(&w);
    journal_close_record(&high, open_one(&high));
    memset(journal.header, 0xff, sizeof *journal.header + 2 * sizeof *journal.blocks);
    journal_close_record(&w, open_one(&w)); /* settles again */
    assert_int_equal(journal_bury(&journal, &seg), 0);
    assert_int_equal(journal_collect(&journal, batch, 256, true), 2);
    assert_int_equal(batch[0].copy.sequence, 4);
    assert_int_equal(batch[1].copy.sequence, 5);
    assert_true(journal.header->magic == JOURNAL_MAGIC && journal.flusher != flusher);
    assert_true(journal.header->flusher == journal.flusher);
    assert_true(journal_holds(&w, open, open->number));
    struct journal again = journal; /* a new refresher, and the head is lost before it reads it */
    again.flusher = again.sequence = 0;
    memset(journal.header, 0, sizeof *journal.header);
    assert_int_equal(journal_collect(&again, batch, 256, true), 2);
    assert_int_equal(batch[0].copy.sequence, 4); /* tried before: first, and as they were */
    assert_int_equal(again.header->sequence, 5);
}

static void test_close_after_a_cut_says_so(void **state)
{
    (void)state;
    struct journal w = worker(1);
    struct journal_record *r = open_one(&w);
    memset(r, 0, sizeof *r);
    assert_false(journal_close_record(&w, r));
    assert_int_equal(journal_collect(&journal, batch, 256, true), 0);
}

static void test_release_spares_a_record_that_took_the_place(void **state)
{
    (void)state;
    struct journal w = worker(1);
    journal_close_record(&w, open_one(&w));
    assert_int_equal(collect(), 1);
    memset(journal.header, 0, journal.size); /* cut */
    journal_close_record(&w, open_one(&w));
    assert_ptr_equal(&journal.records[0], batch[0].at);
    journal_release(&batch[0]);
    assert_int_equal(journal_collect(&journal, batch, 256, true), 1);
}

static void test_depth_counts_states(void **state)
{
    (void)state;
    struct journal w = worker(2);
    struct journal_depth depth;
    journal_close_record(&w, open_one(&w));
    open_one(&w);
    journal_depth(&journal, &depth);
    assert_int_equal(depth.open, 1);
    assert_int_equal(depth.closed, 1);
    assert_int_equal(depth.records, 2 * RECORDS);
}

static void add_cost(void *ctx, const struct journal_record *r)
{
    *(uint64_t *)ctx += r->cost_micro;
}

static void test_each_closed_sees_closed_only(void **state)
{
    (void)state;
    struct journal w = worker(1);
    uint64_t sum = 0;
    struct journal_record *r = open_one(&w);
    r->cost_micro = 5;
    journal_close_record(&w, r);
    open_one(&w)->cost_micro = 7;
    journal_each_closed(&journal, add_cost, &sum);
    assert_int_equal(sum, 5);
}

/* What a writer has said before it was killed: opened and closed, counted in memory that it shares.
 */
struct said {
    _Atomic uint64_t opened, closed;
};

static void write_for_ever(struct said *said)
{
    struct journal w = journal;
    scoreboard_enter(&seg, 1);
    journal_enter(&w, 1);
    for (uint64_t i = 0;; i++) {
        clock_tick();
        struct journal_record *r = journal_begin_record(&w);
        if (!r) {
            continue;
        }
        r->tokens.input = 3;
        r->rates.input = 1000000;
        journal_open_record(&w, r);
        atomic_fetch_add(&said->opened, 1);
        if (i % 3) {
            r->tokens.output = 4;
            r->cost_micro = 3;
            journal_close_record(&w, r);
            atomic_fetch_add(&said->closed, 1);
        }
    }
}

/* Takes what is there; each record once, whole. Returns how many. */
static uint64_t take_all(void)
{
    uint64_t sum = 0;
    uint32_t n;
    while ((n = journal_collect(&journal, batch, 256, true)) != 0) {
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(batch[i].copy.cost_micro, 3);
            assert_int_equal(damaged(), 0);
            assert_int_equal(batch[i].copy.tokens.input, 3);
            journal_release(&batch[i]);
        }
        sum += n;
    }
    return sum;
}

/* Writers are killed at random instants, some while the refresher drains. A record that was opened
 * is found exactly once; one may have been opened right before the kill without having been said.
 */
static void test_writers_killed_at_random_lose_and_double_nothing(void **state)
{
    (void)state;
    struct said *said = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t taken = 0;
    const int rounds = getenv("COUNT") ? (int)strtol(getenv("COUNT"), NULL, 10) : 150;
    for (int round = 0; round < rounds; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            write_for_ever(said);
        }
        uint32_t dice;
        text_random(&dice, sizeof dice);
        for (uint32_t i = 0; i < dice % 8; i++) {
            taken += take_all();
            usleep(dice % 300);
        }
        usleep(dice % 1500);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        scoreboard_state(&seg, 1, SCOREBOARD_FREE);
        journal_bury(&journal, &seg);
        taken += take_all();
        struct journal_depth depth;
        journal_depth(&journal, &depth);
        assert_int_equal(depth.open + depth.closed, 0);
    }
    uint64_t opened = atomic_load(&said->opened);
    assert_true(opened > (uint64_t)rounds);
    assert_in_range(taken, opened, opened + (uint64_t)rounds);
    munmap(said, 4096);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_record_goes_round),
        T(test_begin_full_block_gives_null_until_released),
        T(test_collect_tried_batch_comes_again_before_newer),
        T(test_collect_tried_batch_comes_by_sequence_wherever_it_lies),
        T(test_collect_more_than_a_batch_comes_in_turns),
        T(test_bury_dead_worker_closes_with_tokens_seen),
        T(test_bury_successor_in_the_slot_keeps_its_own),
        T(test_collect_any_damaged_byte_is_put_aside_never_a_row),
        T(test_bury_damaged_record_is_put_aside),
        T(test_bury_half_closed_record_is_a_row),
        T(test_collect_lost_head_is_written_again),
        T(test_close_after_a_cut_says_so),
        T(test_release_spares_a_record_that_took_the_place),
        T(test_depth_counts_states),
        T(test_each_closed_sees_closed_only),
        T(test_writers_killed_at_random_lose_and_double_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
