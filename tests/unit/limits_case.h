/*
 * limits_case.h - a segment of two living workers with one key, and exchanges of that key as they
 * are when the limits and the usage record are asked: no connection, no upstream. Include once,
 * after cmocka.h.
 */
#ifndef TESTS_UNIT_LIMITS_CASE_H
#define TESTS_UNIT_LIMITS_CASE_H

#include <string.h>

#include "server/base/clock.h"
#include "shm/memory/counters.h"
#include "shm/journal/journal.h"
#include "shm/memory/scoreboard.h"
#include "worker/turn/limits.h"
#include "worker/turn/money.h"
#include "worker/dialect/relay.h"
#include "worker/exchange/routes.h"
#include "worker/turn/usage.h"

#define CASE_SLOT 300u
#define CASE_TAG  77u

static struct segment case_segment;
static struct journal case_journal;
static struct config case_config;
static struct worker case_workers[2]; /* slots 1 and 2, in one process */
static struct directory_key case_key;
static struct reply case_reply;
static const struct route case_route = {.need = ROUTE_KEY, .limit = ROUTE_REQUESTS};

static int case_make(void **state)
{
    (void)state;
    struct err err;
    clock_tick();
    if (segment_create(&case_segment, 2, 100, &err) != STATUS_OK ||
        journal_open(&case_journal, "", 2, 64, &err) != STATUS_OK) {
        return -1;
    }
    case_segment.journal = &case_journal;
    case_config = (struct config){
        .default_service_tier = "default", .aws_region = "us-west-2", .unpriced = "refuse"};
    for (uint32_t i = 0; i < 2; i++) {
        case_workers[i] =
            (struct worker){.config = &case_config, .segment = &case_segment, .slot = i + 1};
        scoreboard_enter(&case_segment, i + 1);
        scoreboard_state(&case_segment, i + 1, SCOREBOARD_READY);
    }
    counters_enter(&case_segment, 1);
    journal_enter(&case_journal, 1);
    bucket_give(&case_segment, CASE_SLOT, CASE_TAG);
    case_key =
        (struct directory_key){.slot = CASE_SLOT, .tag = CASE_TAG, .flags = DIRECTORY_ACTIVE};
    case_reply = (struct reply){0};
    return 0;
}

static int case_drop(void **state)
{
    (void)state;
    clock_freeze_real_ms(0);
    journal_drop(&case_journal);
    segment_drop(&case_segment);
    return 0;
}

/* A request of 200 bytes for Sonnet 4.5 (3 and 15 dollars a million), at worker 0 or 1. */
static struct exchange case_exchange(int worker)
{
    static char body[200];
    static const struct models_caps caps = {.output_max = 1000};
    memset(body, ' ', sizeof body);
    return (struct exchange){
        .worker = &case_workers[worker],
        .route = &case_route,
        .caller.who = CALLER_KEY,
        .caller.key = case_key,
        .asked.id = STR("req_1"),
        .asked.client_model = STR("claude-sonnet-4-5"),
        .asked.model = {.id = STR("global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
                        .caps = &caps},
        .asked.body = {body, sizeof body},
        .asked.messages = {.max_tokens = 100},
        .began_ns = clock_now_ns(),
    };
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, case_make, case_drop)

#endif
