#include "worker/turn/attempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct reply reply;

/* As CONVERT and a transfer leave it. */
static void make(struct attempt *a)
{
    attempt_begin(a);
    buf_init(&a->body, 100);
    buf_put_str(&a->body, STR("{}"));
    buf_put_str(&a->changes, STR("drop:top_k"));
    a->sha256.known = true;
    a->tier = STR("flex");
    a->tier_named = true;
    a->reply = &reply;
    a->pause_ms = 7;
}

static void transfer(struct attempt *a)
{
    attempt_begin_transfer(a);
    a->number++;
    buf_init(&a->transfer.held_back, 100);
    buf_put_str(&a->transfer.held_back, STR("{\"message\":\"no\"}"));
    eventstream_init(&a->transfer.frames, 100);
    a->transfer.refusal = 400;
    a->transfer.complaint = COMPLAINT_TIER;
    a->transfer.skew_ms = 5;
    a->transfer.framed = true;
    a->transfer.end = ATTEMPT_ANEW;
    a->transfer.sent_ns = a->transfer.first_ns = 3;
    text_copy(STR("aws-1"), a->transfer.id, sizeof a->transfer.id);
}

static void check_no_transfer(const struct transfer *t)
{
    assert_null(t->fetch);
    assert_true(t->sent_ns == 0 && t->first_ns == 0 && t->skew_ms == 0);
    assert_string_equal(t->id, "");
    assert_false(t->framed);
    assert_int_equal(buf_len(&t->held_back), 0);
    assert_false(eventstream_partial(&t->frames));
    assert_int_equal(t->refusal, 0);
    assert_int_equal(t->complaint, COMPLAINT_NONE);
    assert_int_equal(t->end, ATTEMPT_RUNNING);
}

static void test_drop_leaves_only_what_goes_on(void **state)
{
    (void)state;
    struct attempt a = {.number = 0};
    make(&a);
    transfer(&a);
    a.keys_until_ms = 9;
    a.pause_ms = 8;
    a.clock_learnt = true;
    attempt_leave_out(&a, PLAN_TIER);
    assert_true(attempt_is_made(&a));
    attempt_drop(&a);
    assert_false(attempt_is_made(&a));
    attempt_begin(&a);
    check_no_transfer(&a.transfer);
    assert_true(buf_len(&a.body) == 0 && buf_len(&a.changes) == 0 && a.tier.n == 0);
    assert_false(a.sha256.known || a.tier_named || a.reply || a.relay);
    assert_int_equal(a.pause_ms, 8);
    assert_int_equal(a.number, 1);
    assert_int_equal(a.left_out, PLAN_BIT(PLAN_TIER));
    assert_int_equal(a.keys_until_ms, 9);
    assert_true(a.clock_learnt);
    attempt_drop(&a);
}

static void test_move_grants_the_next_model_its_own_transfers(void **state)
{
    (void)state;
    struct attempt a = {.number = 0};
    make(&a);
    transfer(&a);
    transfer(&a);
    a.cure.what = LEARNED_TOP_K;
    a.proved = true;
    attempt_leave_out(&a, PLAN_TIER);
    a.clock_learnt = true;
    attempt_move(&a);
    assert_false(attempt_is_made(&a) || attempt_is_cured(&a) || a.proved);
    assert_false(attempt_leaves_out(&a, PLAN_TIER));
    assert_int_equal(a.number, 2);
    assert_int_equal(attempt_granted(&a), 2);
    assert_true(a.clock_learnt);
    attempt_drop(&a);
    assert_int_equal(attempt_granted(&a), 2);
}

static void test_begin_transfer_keeps_the_body_and_nothing_of_the_last_one(void **state)
{
    (void)state;
    struct attempt a = {.number = 0};
    make(&a);
    transfer(&a);
    attempt_begin_transfer(&a);
    check_no_transfer(&a.transfer);
    assert_true(attempt_is_made(&a) && a.sha256.known);
    assert_int_equal(buf_len(&a.body), 2);
    assert_int_equal(a.number, 1);
    attempt_drop(&a);
}

static void test_what_is_left_out_grants_a_transfer_each(void **state)
{
    (void)state;
    struct attempt a = {.number = 0};
    assert_int_equal(attempt_granted(&a), 0);
    a.clock_learnt = true;
    assert_int_equal(attempt_granted(&a), 1);
    for (unsigned i = 0; i < PLAN_FIELD_MAX; i++) {
        assert_false(attempt_leaves_out(&a, i));
        attempt_leave_out(&a, i);
        attempt_leave_out(&a, i);
        assert_true(attempt_leaves_out(&a, i));
        assert_int_equal(attempt_granted(&a), i + 2);
    }
    a.cure.what = LEARNED_SAMPLING;
    assert_int_equal(attempt_granted(&a), PLAN_FIELD_MAX + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drop_leaves_only_what_goes_on),
        cmocka_unit_test(test_move_grants_the_next_model_its_own_transfers),
        cmocka_unit_test(test_begin_transfer_keeps_the_body_and_nothing_of_the_last_one),
        cmocka_unit_test(test_what_is_left_out_grants_a_transfer_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
