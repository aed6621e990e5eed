#include "worker/moves/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/segment.h"
#include "shm/memory/signing.h"

#define OWNER 5u
#define TWO   "us-west-2,us-east-1@arn:aws:iam::210987654321:role/x"
#define MODEL 77u

enum { N = 4 };

static struct segment segment;
static struct config config;
static struct worker worker;
static struct exchange x[N];
static struct waiting_place place[N];

/* Four requests of a key each, in the order in which they came. */
static int set_up(void **state)
{
    struct err err;
    (void)state;
    clock_tick();
    assert_int_equal(segment_create(&segment, 1, 64, &err), STATUS_OK);
    memset(&config, 0, sizeof config);
    memset(x, 0, sizeof x);
    config.bedrock_api_key = "";
    assert_int_equal(config_lanes_read(STR(TWO), &config.lanes, &err), STATUS_OK);
    lane_names_enter(&segment, &config.lanes, NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct signing_keys keys = {.access_key_id = "AKID", .lane = config.lanes.lane[i].id};
        signing_publish(&segment, i, &keys);
    }
    worker = (struct worker){.segment = &segment, .config = &config, .slot = 1};
    for (uint32_t i = 0; i < N; i++) {
        x[i].worker = &worker;
        x[i].waiting.until_ms = x[i].waiting.client_until_ms = UINT64_MAX;
        place[i] = (struct waiting_place){.x = &x[i], .joined = true};
        assert_true(turns_join(&segment, OWNER, 300 + i, clock_mono_ms() + i, &place[i].ticket));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&segment);
    return 0;
}

static uint32_t gate(void)
{
    return place[0].ticket.gate;
}

static void all_in(void)
{
    static const unsigned order[N] = {2, 0, 3, 1};
    for (unsigned i = 0; i < N; i++) {
        line_in(&worker, &place[order[i]]);
    }
}

static void test_line_is_by_tag_whoever_comes_in_when(void **state)
{
    (void)state;
    all_in();
    const struct waiting_place *p = worker.waiters.line[gate()].first;
    for (unsigned i = 0; i < N; i++, p = p->next) {
        assert_ptr_equal(p, &place[i]);
    }
    assert_null(p);
    line_out(&worker, &place[0]);
    line_out(&worker, &place[3]);
    assert_ptr_equal(line_first(&worker, gate()), &place[1]);
    assert_ptr_equal(worker.waiters.line[gate()].last, &place[2]);
    line_out(&worker, &place[1]);
    line_out(&worker, &place[2]);
    assert_null(line_first(&worker, gate()));
    assert_int_equal(worker.waiters.line[gate()].n, 0);
    assert_null(worker.waiters.line[gate()].last);
}

static void test_first_is_not_one_that_stands_aside(void **state)
{
    (void)state;
    all_in();
    turns_bad(&segment, &place[0].ticket);
    turns_bad(&segment, &place[1].ticket);
    assert_ptr_equal(line_first(&worker, gate()), &place[2]);
    turns_bad(&segment, &place[2].ticket);
    turns_bad(&segment, &place[3].ticket);
    assert_ptr_equal(line_first(&worker, gate()), &place[0]); /* all do: as if nobody did */
}

/* Its account's lane is closed, and home is open: it holds back nobody. */
static void test_first_is_not_one_that_cannot_go(void **state)
{
    (void)state;
    all_in();
    unsigned far = lane_names_slot(&segment, config.lanes.lane[1].id);
    place[0].reach = (struct reach){.own = 2, .others = 3, .model = MODEL};
    assert_ptr_equal(line_first(&worker, gate()), &place[0]);
    lanes_bad(&segment, far, MODEL, LANES_THROTTLED, 0, false, clock_mono_ms());
    assert_ptr_equal(line_first(&worker, gate()), &place[1]);
    for (unsigned i = 1; i < N; i++) {
        line_out(&worker, &place[i]);
    }
    assert_null(line_first(&worker, gate()));
    line_show(&worker, gate());
    assert_int_equal(turns_waiting(&segment, gate(), clock_mono_ms()), 1);
    assert_false(turns_busy(&segment, OWNER, clock_mono_ms() + TURNS_STALE_MS / 2 + N));
}

static void test_late_is_by_each_ones_own_time(void **state)
{
    (void)state;
    all_in();
    assert_null(line_late(&worker, gate()));
    x[2].waiting.client_until_ms = clock_mono_ms();
    assert_ptr_equal(line_late(&worker, gate()), &place[2]);
    x[2].outcome.begun = true; /* it hears that we are there */
    assert_null(line_late(&worker, gate()));
    x[3].waiting.until_ms = clock_mono_ms();
    x[3].outcome.begun = true;
    assert_ptr_equal(line_late(&worker, gate()), &place[3]);
}

/* The worker was stopped, and another model has their gate: also behind one of that model's. */
static void test_lost_is_whose_gate_is_another_models(void **state)
{
    (void)state;
    struct exchange late = {.worker = &worker};
    struct waiting_place p = {.x = &late, .joined = true};
    all_in();
    assert_null(line_lost(&worker, gate()));
    assert_true(turns_join(&segment, OWNER + TURNS_GATES, 300, clock_mono_ms() + 5000, &p.ticket));
    assert_int_equal(p.ticket.gate, gate());
    p.ticket.tag = 1; /* the first */
    line_in(&worker, &p);
    for (unsigned i = 0; i < N; i++) {
        assert_ptr_equal(line_lost(&worker, gate()), &place[i]);
        line_out(&worker, &place[i]);
    }
    assert_null(line_lost(&worker, gate()));
}

static void test_greedy_is_who_is_most_turns_ahead(void **state)
{
    (void)state;
    uint64_t ahead = 99;
    assert_null(line_greedy(&worker, &ahead));
    for (uint32_t i = 0; i < N; i++) { /* the key of the third has four */
        assert_true(turns_join(&segment, OWNER, 302, clock_mono_ms(), &place[2].ticket));
    }
    all_in();
    assert_ptr_equal(line_greedy(&worker, &ahead), &x[2]);
    assert_int_equal(ahead, 4);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_line_is_by_tag_whoever_comes_in_when), T(test_first_is_not_one_that_stands_aside),
        T(test_first_is_not_one_that_cannot_go),      T(test_late_is_by_each_ones_own_time),
        T(test_lost_is_whose_gate_is_another_models), T(test_greedy_is_who_is_most_turns_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
