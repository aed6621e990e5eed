/*
 * lane_case.h - three lanes (home, another region, another account) and requests on their way to them. Include
 * once, after cmocka.h.
 */
#ifndef TESTS_UNIT_LANE_CASE_H
#define TESTS_UNIT_LANE_CASE_H

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/segment.h"
#include "shm/memory/signing.h"
#include "worker/moves/lane.h"

#define THREE "us-west-2,us-east-1,us-east-2@arn:aws:iam::210987654321:role/x"
#define PLAIN "{\"messages\":[]}"
#define THOUGHT(seal) \
    "{\"messages\":[{\"content\":[{\"type\":\"thinking\",\"signature\":\"" seal "\"}]}]}"
#define FAR_SEAL "ZmFyIGF3YXkgYW5kIGxvbmcgZW5vdWdo+/=="
#define BOUND    THOUGHT("b2YgaG9tZSwgYW5kIGxvbmcgZW5vdWdoIHRvbw==")

enum { HOME, EAST, FAR };

static struct segment segment;
static struct config config;
static struct worker worker;
static struct retries retries, proofs;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    log_level_set(LOG_OFF);
    clock_tick();
    assert_int_equal(segment_create(&segment, 1, 64, &err), STATUS_OK);
    memset(&config, 0, sizeof config);
    config.bedrock_api_key = "";
    config.bedrock_lanes = THREE;
    assert_int_equal(config_lanes_read(STR(THREE), &config.lanes, &err), STATUS_OK);
    lane_names_enter(&segment, &config.lanes, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct signing_keys keys = {.access_key_id = "AKID", .lane = config.lanes.lane[i].id};
        signing_publish(&segment, i, &keys);
    }
    worker = (struct worker){.segment = &segment, .config = &config};
    retries_init(&retries, 1);
    retries_init(&proofs, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&segment);
    return 0;
}

/* A request of conversation c, ready to be sent. */
static struct exchange request(unsigned c, const char *body)
{
    struct exchange x = {.worker = &worker,
                         .asked.id = STR("req_t"),
                         .asked.model.id = STR("us.anthropic.claude-x"),
                         .asked.body = STR(PLAIN)};
    x.caller.digest[0] = (uint8_t)c;
    buf_init(&x.attempt.body, 4096);
    buf_put_str(&x.attempt.body, text_from(body));
    return x;
}

static unsigned pick(struct exchange *x)
{
    lane_pick(x);
    return x->attempt.lane.now;
}

/* It moves on: where to; 9: it does not. */
static unsigned refuse(struct exchange *x, int http, enum status st, enum complaint complaint)
{
    x->attempt.transfer.refusal = http;
    x->attempt.transfer.complaint = complaint;
    x->outcome.err.code = st;
    return lane_refused(x, &retries, &proofs) ? pick(x) : 9;
}

static unsigned throttle(struct exchange *x)
{
    return refuse(x, 429, STATUS_RATE, COMPLAINT_NONE);
}

static void end(struct exchange *x)
{
    lane_end(x);
    buf_free(&x->attempt.body);
}

static unsigned lane_of(unsigned c)
{
    struct exchange x = request(c, PLAIN);
    unsigned lane = pick(&x);
    lane_good(&x);
    end(&x);
    return lane;
}

static enum lanes_why why_of(unsigned lane, uint64_t model)
{
    struct lanes_state s;
    lanes_look(&segment, lane, model, clock_mono_ms(), &s);
    return s.why;
}

#endif
