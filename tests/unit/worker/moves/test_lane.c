/* Three lanes: home, another region, another account. */
#include "worker/moves/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shm/memory/sticks.h"
#include "worker/moves/thinker.h"
#include "tests/unit/lane_case.h"

static void test_without_lanes_nothing_is_looked_up_or_kept(void **state)
{
    (void)state;
    memset(&config.lanes, 0, sizeof config.lanes);
    config.bedrock_lanes = "";
    struct exchange x = request(1, PLAIN);
    uint64_t until;
    assert_int_equal(pick(&x), HOME);
    assert_int_equal(throttle(&x), 9);
    lane_good(&x);
    assert_false(lanes_any(&segment, clock_mono_ms()));
    assert_false(sticks_any(&segment, clock_mono_ms() / 1000));
    assert_false(lane_all_closed(&x, &until));
    assert_int_equal(lane_name(&x).n, 0);
    assert_int_equal(lanes_sum(&segment, HOME, LANES_SENT), 0);
    end(&x);
}

static void test_lane_is_left_for_what_another_can_cure(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int http;
        enum status st;
        enum complaint complaint;
        unsigned to;
        enum lanes_why closed; /* by one */
    } rows[] = {
        {"throttle", 429, STATUS_RATE, COMPLAINT_NONE, EAST, LANES_THROTTLED},
        {"quota with a status of its own", 400, STATUS_RATE, COMPLAINT_NONE, EAST, LANES_THROTTLED},
        {"day", 429, STATUS_RATE, COMPLAINT_DAY, EAST, LANES_QUOTA},
        {"not ready", 429, STATUS_OVERLOADED, COMPLAINT_NONE, EAST, LANES_THROTTLED},
        {"503", 503, STATUS_OVERLOADED, COMPLAINT_NONE, EAST, LANES_FINE},
        {"500", 500, STATUS_INTERNAL, COMPLAINT_NONE, EAST, LANES_FINE},
        {"no connection", 0, STATUS_UPSTREAM, COMPLAINT_NONE, EAST, LANES_FINE},
        {"denied", 403, STATUS_NO_MODEL, COMPLAINT_NONE, EAST, LANES_FINE},
        {"forbidden by somebody", 403, STATUS_PERMISSION, COMPLAINT_NONE, EAST, LANES_FINE},
        {"keys", 403, STATUS_INTERNAL, COMPLAINT_NONE, EAST, LANES_FINE},
        {"404", 404, STATUS_NOT_FOUND, COMPLAINT_NONE, EAST, LANES_FINE},
        {"model", 400, STATUS_NO_MODEL, COMPLAINT_MODEL, EAST, LANES_FINE},
        {"validation", 400, STATUS_INVALID, COMPLAINT_NONE, 9, LANES_FINE},
        {"context", 400, STATUS_CONTEXT, COMPLAINT_CONTEXT, 9, LANES_FINE},
        {"model timeout", 408, STATUS_TIMEOUT, COMPLAINT_NONE, 9, LANES_FINE},
        {"model error", 424, STATUS_INTERNAL, COMPLAINT_NONE, 9, LANES_FINE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange x = request(1, PLAIN);
        char id[40];
        snprintf(id, sizeof id, "us.anthropic.claude-%zu", i); /* each has a health of its own */
        x.asked.model.id = text_from(id);
        pick(&x);
        unsigned to = refuse(&x, rows[i].http, rows[i].st, rows[i].complaint);
        enum lanes_why why = why_of(HOME, x.attempt.lane.model);
        if (to != rows[i].to || why != rows[i].closed) {
            fail_msg("%s: to %u, closed %s", rows[i].name, to, lanes_word(why));
        }
        end(&x);
    }
}

static void test_each_lane_once_and_no_more_than_the_bucket_has(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN);
    pick(&x);
    assert_int_equal(throttle(&x), EAST);
    assert_int_equal(throttle(&x), FAR);
    assert_int_equal(throttle(&x), 9);
    end(&x);
    retries.tenths = 9; /* none left */
    x = request(2, PLAIN);
    x.asked.model.id = STR("us.anthropic.claude-y");
    pick(&x);
    assert_int_equal(throttle(&x), 9);
    assert_int_equal(pick(&x), EAST); /* for what has to be proved there are others */
    assert_int_equal(refuse(&x, 404, STATUS_NOT_FOUND, COMPLAINT_NONE), FAR);
    end(&x);
    assert_int_equal(lanes_sum(&segment, EAST, LANES_MOVES), 1);
}

/* An id that nobody knows says nothing of a lane; one that another lane knows does. */
static void test_absent_is_learned_from_the_lane_that_has_it(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN);
    pick(&x);
    for (unsigned to = EAST; to <= FAR; to++) {
        assert_int_equal(refuse(&x, 404, STATUS_NOT_FOUND, COMPLAINT_NONE), to);
    }
    assert_int_equal(refuse(&x, 404, STATUS_NOT_FOUND, COMPLAINT_NONE), 9);
    end(&x);
    assert_false(lanes_any(&segment, clock_mono_ms()));
    x = request(1, PLAIN);
    pick(&x);
    assert_int_equal(refuse(&x, 404, STATUS_NOT_FOUND, COMPLAINT_NONE), EAST);
    lane_good(&x);
    end(&x);
    assert_int_equal(why_of(HOME, x.attempt.lane.model), LANES_ABSENT);
}

/* What is refused one request is news of the lane when another lane has answered it: that request, in
 * the same words. */
static void test_denied_is_learned_by_proof_alone(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN);
    pick(&x);
    assert_int_equal(refuse(&x, 403, STATUS_NO_MODEL, COMPLAINT_NONE), EAST);
    buf_put_str(&x.attempt.body, STR(" ")); /* made anew, without what EAST would not take */
    lane_good(&x);
    uint64_t model = x.attempt.lane.model;
    assert_int_equal(why_of(HOME, model), LANES_FINE);
    end(&x);
    x = request(2, PLAIN);
    pick(&x);
    assert_int_equal(refuse(&x, 403, STATUS_PERMISSION, COMPLAINT_NONE), EAST);
    assert_int_equal(refuse(&x, 400, STATUS_NO_MODEL, COMPLAINT_MODEL), FAR);
    assert_int_equal(why_of(HOME, model), LANES_FINE);
    assert_int_equal(why_of(EAST, model), LANES_FINE);
    lane_good(&x);
    assert_int_equal(why_of(HOME, model), LANES_DENIED);
    assert_int_equal(why_of(EAST, model), LANES_ABSENT);
    assert_int_equal(why_of(FAR, model), LANES_FINE);
    end(&x);
}

/* The lane that is tried for all gives its turn back, whatever it says of one request. */
static void test_denied_probe_is_given_back_and_closes_longer_by_proof(void **state)
{
    (void)state;
    struct lanes_state s;
    struct exchange x = request(1, PLAIN);
    pick(&x);
    uint64_t model = x.attempt.lane.model, now_ms = clock_mono_ms();
    end(&x);
    lanes_bad(&segment, HOME, model, LANES_DENIED, 0, false, now_ms - 301000);
    x = request(1, PLAIN);
    assert_int_equal(pick(&x), HOME);
    assert_true(x.attempt.lane.lease);
    proofs.tenths = 0; /* another has it, as was proved: no retry */
    assert_int_equal(refuse(&x, 403, STATUS_NO_MODEL, COMPLAINT_NONE), EAST);
    lanes_look(&segment, HOME, model, now_ms, &s);
    assert_true(s.half_open);
    lane_good(&x);
    lanes_look(&segment, HOME, model, now_ms, &s);
    assert_in_range(s.until_ms, now_ms + 590000, now_ms + 700000);
    end(&x);
}

/* Its 404 is not the answer, where home has the model and is throttled for a moment. */
static void test_absent_gives_the_last_word_to_who_has_it(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN), y = request(2, PLAIN);
    pick(&x);
    assert_int_equal(throttle(&x), EAST);
    assert_int_equal(throttle(&x), FAR);
    assert_int_equal(refuse(&x, 404, STATUS_NOT_FOUND, COMPLAINT_NONE), HOME);
    assert_in_range(x.attempt.pause_ms, 1, 1000);
    assert_int_equal(throttle(&x), 9);
    assert_int_equal(why_of(FAR, x.attempt.lane.model), LANES_FINE); /* nobody has answered it */
    assert_int_equal(pick(&y), FAR);
    end(&x);
    end(&y);
}

static void test_thoughts_stay_in_the_account_that_thought_them(void **state)
{
    (void)state;
    uint64_t model;
    struct exchange x = request(1, BOUND); /* of home, as nothing else is known */
    pick(&x);
    model = x.attempt.lane.model;
    assert_int_equal(throttle(&x), EAST); /* the same account */
    assert_int_equal(throttle(&x), 9);
    end(&x);
    x = request(1, BOUND); /* all of its account is closed: what opens first */
    assert_in_range(pick(&x), HOME, EAST);
    end(&x);
    x = request(2, PLAIN);
    assert_int_equal(pick(&x), FAR); /* no thoughts yet */
    lane_good(&x);
    thinker_note_event(&x,
                       STR("{\"delta\":{\"reasoningContent\":{\"signature\":\"" FAR_SEAL "\"}}}"));
    end(&x);
    lanes_good(&segment, HOME, model, true, clock_mono_ms());
    lanes_good(&segment, EAST, model, true, clock_mono_ms());
    x = request(2, THOUGHT(FAR_SEAL)); /* now there are some, of the other account */
    assert_int_equal(pick(&x), FAR);
    assert_int_equal(throttle(&x), 9);
    end(&x);
    x = request(7, THOUGHT(FAR_SEAL)); /* whoever brings them, in whatever conversation */
    assert_int_equal(pick(&x), FAR);
    end(&x);
    x = request(2, BOUND); /* and those of home go home from the conversation that is far away */
    assert_in_range(pick(&x), HOME, EAST);
    end(&x);
}

/* A reload puts FAR first, drops EAST and has a new one: what is known goes with the names. */
static void test_reload_keeps_what_is_known_with_its_lane(void **state)
{
    (void)state;
    struct config_lanes before = config.lanes;
    struct err err;
    struct exchange x = request(1, PLAIN);
    assert_int_equal(pick(&x), HOME);
    throttle(&x);
    uint64_t model = x.attempt.lane.model;
    lane_good(&x); /* moved to EAST */
    end(&x);
    lanes_good(&segment, HOME, model, true, clock_mono_ms());
    assert_int_equal(lane_of(1), EAST);
    lanes_bad(&segment, FAR, model, LANES_QUOTA, 0, false, clock_mono_ms());
    static const char list[] =
        "us-east-2@arn:aws:iam::210987654321:role/x,us-west-1,us-west-2,us-east-1";
    assert_int_equal(config_lanes_read(text_from(list), &config.lanes, &err), STATUS_OK);
    lane_names_enter(&segment, &config.lanes, &before);
    assert_int_equal(lane_of(1), 3); /* where it was: EAST */
    assert_int_equal(lane_of(5), 2); /* the first is closed, the second has no keys yet */
    struct signing_keys keys = {.access_key_id = "AKID", .lane = config.lanes.lane[1].id};
    signing_publish(&segment, lane_names_slot(&segment, keys.lane), &keys);
    assert_int_equal(lane_of(6), 1);
}

/* While its account has no lane, its thoughts go home; they stay its own. */
static void test_thoughts_of_an_account_without_a_lane_stay_its_own(void **state)
{
    (void)state;
    struct config_lanes all = config.lanes;
    struct err err;
    struct exchange x = request(1, PLAIN);
    x.attempt.lane.now = FAR;
    thinker_note_event(&x, STR("{\"reasoningContent\":{\"signature\":\"" FAR_SEAL "\"}}"));
    end(&x);
    static const char other[] = "us-west-2,eu-west-1@arn:aws:iam::345678901234:role/x";
    assert_int_equal(config_lanes_read(text_from(other), &config.lanes, &err), STATUS_OK);
    lane_names_enter(&segment, &config.lanes, &all);
    x = request(2, THOUGHT(FAR_SEAL));
    assert_int_equal(pick(&x), HOME);
    lane_good(&x);
    end(&x);
    config.lanes = all;
    x = request(2, THOUGHT(FAR_SEAL));
    assert_int_equal(pick(&x), FAR);
    end(&x);
}

static void test_lane_without_keys_or_geography_is_passed_over(void **state)
{
    (void)state;
    struct signing_keys none = {.trouble = "no role"};
    struct exchange x = request(1, PLAIN);
    signing_publish(&segment, HOME, &none);
    assert_int_equal(pick(&x), EAST);
    assert_int_equal(throttle(&x), FAR);
    end(&x);
    x = request(2, PLAIN);
    x.asked.model.id = STR("arn:aws:bedrock:us-east-2:1:application-inference-profile/a");
    assert_int_equal(pick(&x), FAR);
    assert_int_equal(throttle(&x), 9);
    end(&x);
    x = request(3, PLAIN);
    x.asked.model.id = STR("eu.anthropic.claude-x"); /* nowhere: home has the words for it */
    assert_int_equal(pick(&x), HOME);
    end(&x);
}

/* Nothing of them is news of a lane, as no other one is asked. */
static void test_what_is_known_in_one_region_stays_at_home(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct exchange x = request(1, PLAIN);
        x.asked.dialect =
            i < 5 ? DIALECT_BEDROCK : DIALECT_ANTHROPIC; /* whose body may say anything */
        x.asked.passed.head[ASKED_PASSED_GUARDRAIL] = i == 0 ? STR("g") : STR("");
        x.asked.passed.head[ASKED_PASSED_PROJECT] = i == 1 ? STR("p") : STR("");
        x.asked.body = i == 2   ? STR("{\"projectIdentifier\":\"p\"}")
                       : i == 3 ? STR(PLAIN)
                                : STR("{\"guardrailConfig\":{}}");
        assert_int_equal(pick(&x), HOME);
        assert_int_equal(refuse(&x, 403, STATUS_NO_MODEL, COMPLAINT_NONE),
                         i == 3 || i == 5 ? EAST : 9);
        end(&x);
    }
}

/* CountTokens has permissions of its own. */
static void test_counting_says_nothing_of_answers(void **state)
{
    (void)state;
    struct exchange x = request(1, PLAIN);
    x.asked.counting = true;
    pick(&x);
    assert_int_equal(refuse(&x, 403, STATUS_NO_MODEL, COMPLAINT_NONE), EAST);
    lane_good(&x);
    end(&x);
    assert_int_equal(lane_of(1), HOME);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_without_lanes_nothing_is_looked_up_or_kept),
        TEST(test_lane_is_left_for_what_another_can_cure),
        TEST(test_each_lane_once_and_no_more_than_the_bucket_has),
        TEST(test_absent_is_learned_from_the_lane_that_has_it),
        TEST(test_denied_is_learned_by_proof_alone),
        TEST(test_denied_probe_is_given_back_and_closes_longer_by_proof),
        TEST(test_absent_gives_the_last_word_to_who_has_it),
        TEST(test_thoughts_stay_in_the_account_that_thought_them),
        TEST(test_reload_keeps_what_is_known_with_its_lane),
        TEST(test_thoughts_of_an_account_without_a_lane_stay_its_own),
        TEST(test_lane_without_keys_or_geography_is_passed_over),
        TEST(test_what_is_known_in_one_region_stays_at_home),
        TEST(test_counting_says_nothing_of_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
