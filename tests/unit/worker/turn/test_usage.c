#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/limits_case.h"

static struct journal_entry batch[64];

#define ROUTER "arn:aws:bedrock:us-west-2:123456789012:default-prompt-router/anthropic.claude:1"

static uint32_t collect(void)
{
    return journal_collect(&case_journal, batch, 64, true);
}

static void begin(struct exchange *x)
{
    assert_int_equal(money_admit(x), VERDICT_NEXT);
    assert_true(usage_begin(x));
    x->attempt.reply = &case_reply;
}

static void test_end_success_closes_with_tokens_and_cost(void **state)
{
    (void)state;
    struct exchange x = case_exchange(0);
    begin(&x);
    assert_int_equal(collect(), 0);
    case_reply.usage = (struct usage){{100, 10, 1000, 100, 100}, true};
    case_reply.started = case_reply.stopped = true;
    x.outcome.status = 200;
    usage_end(&x);
    usage_end(&x);
    assert_int_equal(collect(), 1);
    const struct journal_record *r = &batch[0].copy;
    assert_int_equal(r->cost_micro, 300 + 150 + 300 + 375 + 600);
    assert_int_equal(r->tokens.write_5m, 100);
    assert_int_equal(r->tokens.write_1h, 100);
    assert_int_equal(r->flags, JOURNAL_SUCCESS);
    assert_int_equal(r->status, 200);
    assert_int_equal(r->who, JOURNAL_KEY);
    assert_string_equal(r->request_id, "req_1");
    assert_string_equal(r->model, "claude-sonnet-4-5");
    assert_string_equal(r->error, "");
    assert_int_equal(counters_sum(&case_segment, COUNTER_COST_MICRO), r->cost_micro);
    assert_int_equal(counters_sum(&case_segment, COUNTER_TOKENS_IN), 100);
}

/* W1: a router's price is that of the model it chose; a price of its own comes before. */
static void test_end_price_and_row_follow_the_router(void **state)
{
    static const struct {
        const char *id, *served, *row;
        uint64_t cost;
    } rows[] = {
        {ROUTER,
         "arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.amazon.nova-lite-v1:0",
         "us.amazon.nova-lite-v1:0", 60},
        {ROUTER, "amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", 800},
        {ROUTER, "", ROUTER, 3000},
        {ROUTER, "nobody.knows-it", ROUTER, 3000},
        /* no router: it is what it is */
        {"amazon.nova-micro-v1:0", "amazon.nova-pro-v1:0", "amazon.nova-micro-v1:0", 35},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange x = case_exchange(0);
        x.asked.model.id = text_from(rows[i].id);
        if (i + 1 < COUNT_OF(rows))
            x.asked.model.behind = STR("global.anthropic.claude-sonnet-4-6");
        begin(&x);
        case_reply =
            (struct reply){.usage = {{.input = 1000}, true}, .started = true, .stopped = true};
        text_copy(text_from(rows[i].served), case_reply.served, sizeof case_reply.served);
        usage_end(&x);
        assert_int_equal(x.outcome.cost_micro, rows[i].cost);
        assert_int_equal(collect(), 1);
        assert_string_equal(batch[0].copy.bedrock_model, rows[i].row);
        journal_release(&batch[0]);
    }
}

static const struct {
    const char *name;
    struct reply reply;
    int status;
    enum status err;
    bool success;
    uint64_t input, output;
    const char *error;
} ends[] = {
    {"refused upstream", {.started = false}, 429, STATUS_RATE, false, 0, 0, "RATE"},
    {"broken after the start",
     {.usage = {{.input = 7, .output = 1}, .seen = true}, .started = true, .deltas = 5},
     200,
     STATUS_UPSTREAM,
     false,
     7,
     5,
     "UPSTREAM"},
    {"told more than seen",
     {.usage = {{.input = 7, .output = 9}, .seen = true}, .started = true, .deltas = 5},
     499,
     STATUS_CLIENT_GONE,
     false,
     7,
     9,
     "CLIENT_GONE"},
    {"nobody told the input",
     {.started = true, .deltas = 5},
     499,
     STATUS_CLIENT_GONE,
     false,
     50,
     5,
     "CLIENT_GONE"},
    {"the model's own error",
     {.usage = {{.input = 7, .output = 1}, .seen = true}, .started = true, .failed = true},
     200,
     STATUS_OK,
     false,
     7,
     1,
     "UPSTREAM"},
    {"good",
     {.usage = {{.input = 7, .output = 3}, .seen = true},
      .started = true,
      .stopped = true,
      .deltas = 5},
     200,
     STATUS_OK,
     true,
     7,
     3,
     ""},
};

static void test_end_table_of_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct exchange x = case_exchange(0);
        begin(&x);
        case_reply = ends[i].reply;
        x.outcome.status = ends[i].status;
        x.outcome.err.code = ends[i].err;
        usage_end(&x);
        if (collect() != 1 || (batch[0].copy.flags & JOURNAL_SUCCESS) != ends[i].success ||
            batch[0].copy.tokens.input != ends[i].input ||
            batch[0].copy.tokens.output != ends[i].output ||
            strcmp(batch[0].copy.error, ends[i].error) != 0) {
            fail_msg("%s: input %llu output %llu %s", ends[i].name,
                     (unsigned long long)batch[0].copy.tokens.input,
                     (unsigned long long)batch[0].copy.tokens.output, batch[0].copy.error);
        }
        journal_release(&batch[0]);
    }
}

/* Of an answer that tells no counts: what is paid for is guessed, and its row says so. */
static void test_end_without_counts_is_an_estimate(void **state)
{
    static const struct models_caps caps = {.output_max = 1000, .context_max = 40};
    (void)state;
    struct exchange x = case_exchange(0);
    x.asked.model.caps = &caps;
    begin(&x);
    case_reply = (struct reply){.stopped = true, .deltas = 7000};
    x.outcome.status = 200;
    usage_end(&x);
    assert_int_equal(collect(), 1);
    assert_int_equal(batch[0].copy.tokens.input, 40); /* 50 by its bytes, but no more than it can */
    assert_int_equal(batch[0].copy.tokens.output, 100); /* as was asked for */
    assert_int_equal(batch[0].copy.flags, JOURNAL_SUCCESS);
    assert_string_equal(batch[0].copy.error, "ESTIMATED");
    assert_int_equal(x.outcome.cost_micro, 40 * 3 + 100 * 15);
    journal_release(&batch[0]);
    case_config.unpriced = "allow";
    x = case_exchange(0); /* what has no price is not counted: pictures, say */
    x.asked.model.id = STR("nobody.knows-it");
    begin(&x);
    case_reply = (struct reply){.stopped = true, .deltas = 7000};
    x.outcome.status = 200;
    usage_end(&x);
    assert_int_equal(collect(), 1);
    assert_int_equal(batch[0].copy.tokens.input + batch[0].copy.tokens.output, 0);
    assert_string_equal(batch[0].copy.error, "");
}

/* An attempt has used something, and another model answers: a row each, at its own price. */
static void test_keep_gives_each_its_row(void **state)
{
    (void)state;
    struct exchange x = case_exchange(0);
    begin(&x);
    usage_keep(&x); /* nothing has been used yet */
    case_reply.usage = (struct usage){{.input = 1000}, .seen = true};
    err_set(&x.outcome.err, STATUS_RATE, "throttled");
    usage_progress(&x);
    x.asked.model.id = STR("amazon.nova-micro-v1:0");
    assert_true(money_remake(&x));
    usage_keep(&x);
    case_reply = (struct reply){.usage = {{.input = 2000}, true}, .started = true, .stopped = true};
    x.outcome.err = (struct err){.code = STATUS_OK};
    usage_move(&x);
    x.outcome.status = 200;
    usage_end(&x);
    assert_int_equal(collect(), 2);
    const struct journal_record *a = &batch[0].copy, *b = &batch[1].copy;
    assert_string_equal(a->bedrock_model, "global.anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_int_equal(a->tokens.input, 1000);
    assert_int_equal(a->cost_micro, 3000);
    assert_int_equal(a->status, 429);
    assert_string_equal(a->error, "RATE");
    assert_string_equal(b->bedrock_model, "amazon.nova-micro-v1:0");
    assert_int_equal(b->tokens.input, 2000);
    assert_int_equal(b->cost_micro, 70);
    assert_int_equal(b->flags, JOURNAL_SUCCESS);
    assert_string_equal(b->request_id, a->request_id);
    assert_int_equal(x.outcome.cost_micro, 3070);
    assert_int_equal(counters_sum(&case_segment, COUNTER_COST_MICRO), 3070);
    assert_int_equal(counters_sum(&case_segment, COUNTER_TOKENS_IN), 3000);
}

/* The journal is full when the second row is due: the request's end finds room. */
static void test_keep_in_a_full_journal_loses_nothing(void **state)
{
    (void)state;
    struct exchange x = case_exchange(0), others[63];
    begin(&x);
    for (int i = 0; i < 63; i++) {
        others[i] = case_exchange(0);
        assert_true(usage_begin(&others[i]));
    }
    case_reply.usage = (struct usage){{.input = 1000}, .seen = true};
    err_set(&x.outcome.err, STATUS_RATE, "throttled");
    usage_keep(&x);
    assert_int_equal(collect(), 1);
    journal_release(&batch[0]);
    case_journal.full_until_ms = 0; /* a moment later */
    x.outcome.err = (struct err){.code = STATUS_OK};
    x.outcome.status = 200;
    case_reply.stopped = true;
    usage_end(&x);
    assert_int_equal(collect(), 1);
    assert_int_equal(batch[0].copy.cost_micro, 3000);
    assert_int_equal(counters_sum(&case_segment, COUNTER_USAGE_DROPPED), 0);
}

static void test_progress_is_there_when_the_worker_dies(void **state)
{
    (void)state;
    struct exchange x = case_exchange(0);
    begin(&x);
    case_reply.usage = (struct usage){{.input = 1000, .output = 1}, .seen = true};
    case_reply.started = true;
    case_reply.deltas = 40;
    usage_progress(&x);
    scoreboard_state(&case_segment, 1, SCOREBOARD_FREE);
    assert_int_equal(journal_bury(&case_journal, &case_segment), 1);
    assert_int_equal(collect(), 1);
    assert_int_equal(batch[0].copy.tokens.input, 1000);
    assert_int_equal(batch[0].copy.tokens.output, 40);
    assert_int_equal(batch[0].copy.cost_micro, 3000 + 600);
}

/* The file is cut to nothing, and whole again, while two requests run: both are recorded all the
 * same, each once, and a third one that has no part in it, too. */
static void test_end_after_the_file_was_cut_is_recorded_anew(void **state)
{
    (void)state;
    struct exchange a = case_exchange(0), b = case_exchange(0), c = case_exchange(0);
    begin(&a);
    begin(&b);
    memset(case_journal.header, 0, case_journal.size);
    case_reply.usage = (struct usage){{.input = 5, .output = 1}, .seen = true};
    case_reply.started = true;
    usage_progress(&a); /* opens one anew, where the other's was */
    begin(&c);
    usage_progress(&b);
    a.outcome.status = b.outcome.status = c.outcome.status = 200;
    usage_end(&a);
    memset(case_journal.header, 0, case_journal.size);
    usage_end(&b);
    usage_end(&c);
    assert_int_equal(journal_bury(&case_journal, &case_segment), 0);
    assert_int_equal(collect(), 2); /* of a nothing is left: it was waiting for the store */
    for (int i = 0; i < 2; i++) {
        assert_string_equal(batch[i].copy.request_id, "req_1");
        assert_int_equal(batch[i].copy.tokens.input, 5);
        assert_int_equal(batch[i].copy.status, 200);
    }
    assert_int_not_equal(batch[0].copy.number, batch[1].copy.number);
    assert_int_equal(counters_sum(&case_segment, COUNTER_USAGE_DAMAGED), 0);
}

static void test_begin_full_journal_is_refused_by_its_reason(void **state)
{
    (void)state;
    struct exchange x[65];
    for (int i = 0; i < 65; i++) {
        x[i] = case_exchange(0);
        assert_int_equal(usage_begin(&x[i]), i < 64);
    }
    assert_int_equal(x[64].outcome.refused, COUNTER_REFUSED_JOURNAL_FULL);
    x[64].outcome.status = 503;
    usage_end(&x[64]); /* no record to close */
}

static void test_begin_without_a_journal_goes_on(void **state)
{
    (void)state;
    case_segment.journal = NULL;
    struct exchange x = case_exchange(0);
    begin(&x);
    case_reply.usage = (struct usage){{.input = 10}, .seen = true};
    usage_progress(&x);
    x.outcome.status = 200;
    usage_end(&x);
    assert_int_equal(x.outcome.cost_micro, 30);
    struct exchange never = case_exchange(0); /* refused before it began */
    usage_end(&never);
    assert_int_equal(never.outcome.cost_micro, 0);
}

static void test_begin_master_and_anonymous_leave_no_digest(void **state)
{
    (void)state;
    static const uint8_t zero[32];
    for (int i = 0; i < 2; i++) {
        struct exchange x = case_exchange(0);
        x.caller.who = i ? CALLER_ANONYMOUS : CALLER_MASTER;
        memset(x.caller.digest, 7, sizeof x.caller.digest);
        begin(&x);
        assert_int_equal(x.outcome.record->who, i ? JOURNAL_ANONYMOUS : JOURNAL_MASTER);
        assert_memory_equal(x.outcome.record->digest, zero, 32);
    }
}

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
#define NS_MAX 50000u
#else
#define NS_MAX 1000u
#endif

/* Admission's price, opening, closing: less than a microsecond (measured 470 ns, half of it the
 * checksums). The best of a few batches, so that other programs on the machine do not count. */
static void test_open_and_close_is_quick(void **state)
{
    (void)state;
    uint64_t best = UINT64_MAX;
    for (int batch_number = 0; batch_number < 20; batch_number++) {
        uint64_t began = clock_now_ns();
        for (int i = 0; i < 64; i++) {
            struct exchange x = case_exchange(0);
            begin(&x);
            x.outcome.status = 200;
            usage_end(&x);
        }
        uint64_t ns = (clock_now_ns() - began) / 64;
        best = ns < best ? ns : best;
        for (uint32_t i = 0, n = collect(); i < n; i++) {
            journal_release(&batch[i]);
        }
    }
    assert_in_range(best, 1, NS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_end_success_closes_with_tokens_and_cost),
        CASE(test_end_price_and_row_follow_the_router),
        CASE(test_end_table_of_ends),
        CASE(test_end_without_counts_is_an_estimate),
        CASE(test_keep_gives_each_its_row),
        CASE(test_keep_in_a_full_journal_loses_nothing),
        CASE(test_progress_is_there_when_the_worker_dies),
        CASE(test_end_after_the_file_was_cut_is_recorded_anew),
        CASE(test_begin_full_journal_is_refused_by_its_reason),
        CASE(test_begin_without_a_journal_goes_on),
        CASE(test_begin_master_and_anonymous_leave_no_digest),
        CASE(test_open_and_close_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
