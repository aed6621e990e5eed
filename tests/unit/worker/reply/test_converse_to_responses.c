/* Golden pairs, what a stream of /v1/responses must never look like, its options and its ends. */
#include "worker/reply/converse_to_responses.h"

#include <time.h>

#include "tests/unit/converse_bed.h"
#include "worker/reply/responses_reply.h"

static const struct responses_wants shown = {.shows_summary = true};
static const struct responses_wants hidden = {.shows_summary = false};
static const struct responses_wants sealed = {.wants_encrypted = true, .sealer = &bed_sealer};
static const struct responses_wants both = {
    .shows_summary = true, .wants_encrypted = true, .sealer = &bed_sealer};
static const struct responses_wants keyless = {.shows_summary = true, .wants_encrypted = true};

static void open_as(struct converse_bed *b, const struct responses_wants *wants)
{
    bed_responses_as(b, *wants);
    struct str joined = converse_names_join(b->names, STR("space"), STR("look"));
    assert_true(converse_names_mark(b->names, STR("patch"), CONVERSE_CALL_CUSTOM) &&
                converse_names_mark(b->names, STR("find_tools"), CONVERSE_CALL_SEARCH) &&
                converse_names_mark(b->names, STR("shell"), CONVERSE_CALL_SHELL) && joined.p);
}

static void open_shown(struct converse_bed *b)
{
    open_as(b, &shown);
}

/* look_up is what the sequences call. */
static void open_custom(struct converse_bed *b)
{
    open_as(b, &both);
    assert_true(converse_names_mark(b->names, STR("look_up"), CONVERSE_CALL_CUSTOM));
}

static void open_search(struct converse_bed *b)
{
    open_as(b, &sealed);
    assert_true(converse_names_mark(b->names, STR("look_up"), CONVERSE_CALL_SEARCH));
}

static void open_shell(struct converse_bed *b)
{
    open_as(b, &hidden);
    assert_true(converse_names_mark(b->names, STR("look_up"), CONVERSE_CALL_SHELL));
}

static void test_golden_pairs_match(void **state)
{
    (void)state;
    bed_check_pairs("tests/golden/converse_to_responses/*.in.events", 29, open_shown);
    bed_check_pairs("tests/golden/converse_to_responses/*.in.json", 13, open_shown);
}

static void test_events_any_order_stay_legal(void **state)
{
    (void)state;
    static void (*const opens[])(struct converse_bed * b) = {open_shown, open_custom, open_search,
                                                             open_shell};
    unsigned good = 0;
    for (uint32_t seed = 1; seed <= BED_SEQUENCES / 4; seed++) {
        good += bed_any_sequence(seed, 12, opens[seed % 4]);
    }
    assert_true(good > BED_SEQUENCES / 40); /* most of what happens must not be errors */
}

/* A stream that breaks anywhere ends in response.failed and an error, all of it legal. */
static void test_a_break_anywhere_stays_legal(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 3000; seed++) {
        struct converse_bed b;
        uint32_t chance = seed * 2654435761u + 1;
        enum status st = STATUS_OK;
        if (seed % 2) {
            open_custom(&b);
        } else {
            open_shown(&b);
        }
        for (uint32_t n = bed_next(&chance) % 10; n && st == STATUS_OK; n--) {
            st = bed_any_event(&b, &chance);
        }
        if (!b.reply->stopped) {
            converse_to_responses_fail(b.reply, STR("server_error"), STR("the \"stream\" broke"),
                                       &b.out);
            assert_true(b.reply->failed);
        }
        const char *wrong = responses_grammar(buf_str(&b.out), true);
        if (wrong) {
            fail_msg("%u: %s in\n%.*s", seed, wrong, STR_ARG(buf_str(&b.out)));
        }
        bed_close(&b);
    }
}

/* --- thinking --- */

static bool has(const struct converse_bed *b, const char *what)
{
    size_t at;
    return text_find(buf_str(&b->out), text_from(what), &at);
}

static void think(struct converse_bed *b, const struct responses_wants *wants)
{
    open_as(b, wants);
    bed_event(b, "contentBlockDelta", AT(0, THINK("\"text\":\"Hm \\\"1\\\"\"")));
    bed_event(b, "contentBlockDelta", AT(0, THINK("\"text\":\" and 2\"")));
    bed_event(b, "contentBlockDelta", AT(0, THINK("\"signature\":\"c2lnbmVk\"")));
    bed_event(b, "contentBlockDelta", AT(1, THINK("\"redactedContent\":\"cmVk\"")));
    bed_event(b, "contentBlockDelta", AT(2, DELTA("\"text\":\"Done.\"")));
    bed_event(b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    assert_int_equal(bed_end(b), STATUS_OK);
    const char *wrong = responses_grammar(buf_str(&b->out), true);
    if (wrong) {
        fail_msg("%s in\n%.*s", wrong, STR_ARG(buf_str(&b->out)));
    }
}

static void test_thinking_is_shown_as_the_client_asks(void **state)
{
    (void)state;
    static const struct {
        const struct responses_wants *wants;
        bool summary, secret;
    } rows[] = {{&shown, true, false},
                {&hidden, false, false},
                {&sealed, false, true},
                {&both, true, true},
                {&keyless, true, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct converse_bed b;
        think(&b, rows[i].wants);
        assert_int_equal(has(&b, "reasoning_summary_text.delta"), rows[i].summary);
        assert_int_equal(has(&b, "Hm "), rows[i].summary);
        assert_int_equal(has(&b, "encrypted_content"), rows[i].secret);
        assert_int_equal(has(&b, "\"type\":\"reasoning\""), rows[i].summary || rows[i].secret);
        assert_false(has(&b, "c2lnbmVk") || has(&b, "cmVk"));
        assert_true(has(&b, "\"text\":\"Done.\""));
        bed_close(&b);
    }
}

/* Of the n-th item of the output that is sealed, opened again. */
static struct str opened(const struct converse_bed *b, unsigned n)
{
    struct str rest = buf_str(&b->out), plain = {NULL, 0};
    size_t at;
    assert_true(text_find(rest, STR("event: response.completed"), &at));
    rest = text_sub(rest, at, rest.n);
    for (unsigned i = 0; i <= n; i++) {
        assert_true(text_find(rest, STR("\"encrypted_content\":\""), &at));
        rest = text_sub(rest, at + STR("\"encrypted_content\":\"").n, rest.n);
    }
    assert_true(text_find(rest, STR("\""), &at));
    assert_int_equal(seal_open(&bed_sealer, text_sub(rest, 0, at), b->arena, &plain), STATUS_OK);
    return plain;
}

static void test_sealed_thinking_is_what_bedrock_said(void **state)
{
    (void)state;
    struct converse_bed b;
    think(&b, &both);
    assert_true(text_eq(opened(&b, 0),
                        STR("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"Hm \\\"1\\\" "
                            "and 2\",\"signature\":\"c2lnbmVk\"}}}")));
    assert_true(
        text_eq(opened(&b, 1), STR("{\"reasoningContent\":{\"redactedContent\":\"cmVk\"}}")));
    bed_close(&b);
    open_as(&b, &sealed); /* of models that sign nothing */
    bed_event(&b, "contentBlockDelta", AT(0, THINK("\"text\":\"Hm\"")));
    bed_event(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    assert_int_equal(bed_end(&b), STATUS_OK);
    assert_true(text_eq(opened(&b, 0),
                        STR("{\"reasoningContent\":{\"reasoningText\":{\"text\":\"Hm\"}}}")));
    bed_close(&b);
}

/* --- the response object --- */

#define REQUEST                                                                                 \
    "{\"model\":\"m\",\"instructions\":\"Be \\\"brief\\\"\",\"tools\":[{\"type\":\"function\"," \
    "\"name\":\"f\"}],\"temperature\":0.50,\"top_p\":null,\"metadata\":{\"a\":\"b\"},"          \
    "\"tool_choice\":\"none\",\"reasoning\":{\"effort\":\"low\"},\"user\":\"u\"}"

static void test_the_request_is_repeated_once(void **state)
{
    (void)state;
    static const struct scan_limits limits = {
        .depth = 64, .values = 1000, .keys = 100, .number_len = 64};
    struct converse_bed b;
    struct scan s;
    struct arena *arena = arena_new(1 << 20);
    assert_int_equal(scan_parse(&s, arena, STR(REQUEST), &limits, NULL), STATUS_OK);
    struct responses_wants wants = {.echo = converse_to_responses_echo(&s)};
    assert_null(wants.echo.top_p.p);
    open_as(&b, &wants);
    bed_event(&b, "messageStart", "{\"role\":\"assistant\"}");
    assert_true(has(&b, "\"temperature\":0.50,") && has(&b, "\"metadata\":{\"a\":\"b\"}"));
    assert_true(has(&b, "\"tool_choice\":\"none\"") && has(&b, "\"top_p\":null"));
    assert_true(has(&b, "\"instructions\":null,\"tools\":[]"));
    assert_false(has(&b, "brief"));
    buf_clear(&b.out);
    bed_event(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    assert_int_equal(bed_end(&b), STATUS_OK);
    assert_true(has(&b, "\"instructions\":\"Be \\\"brief\\\"\",\"tools\":[{\"type\":\"function\","
                        "\"name\":\"f\"}]"));
    bed_close(&b);
    arena_drop(arena);
}

/* A slow reader would have it lie here three times. */
static void test_a_long_part_of_the_request_waits_for_the_end(void **state)
{
    (void)state;
    enum { LONG = 20000 };
    char *schema = heap_new(LONG);
    struct converse_bed b;
    memset(schema, 'z', LONG);
    schema[0] = schema[LONG - 1] = '"';
    open_as(&b, &(struct responses_wants){.echo = {.text = {schema, LONG}, .user = STR("7")}});
    bed_event(&b, "messageStart", "{\"role\":\"assistant\"}");
    assert_true(has(&b, "\"user\":7") && has(&b, "\"text\":{\"format\""));
    assert_false(has(&b, "zzz"));
    buf_clear(&b.out);
    bed_event(&b, "messageStop", "{\"stopReason\":\"end_turn\"}");
    assert_int_equal(bed_end(&b), STATUS_OK);
    assert_true(has(&b, "\"text\":\"zzz"));
    bed_close(&b);
    heap_drop(schema);
}

struct reason_row {
    const char *bedrock, *event, *details;
};

static void test_stop_reasons_become_ends(void **state)
{
    (void)state;
    static const struct reason_row rows[] = {
        {"end_turn", "completed", "null"},
        {"tool_use", "completed", "null"},
        {"stop_sequence", "completed", "null"},
        {"max_tokens", "incomplete", "{\"reason\":\"max_output_tokens\"}"},
        {"model_context_window_exceeded", "incomplete", "{\"reason\":\"max_output_tokens\"}"},
        {"guardrail_intervened", "incomplete", "{\"reason\":\"content_filter\"}"},
        {"content_filtered", "incomplete", "{\"reason\":\"content_filter\"}"},
        {"refusal", "incomplete", "{\"reason\":\"content_filter\"}"},
        {"of next year", "completed", "null"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct converse_bed b;
        char stop[100], event[100], details[100];
        snprintf(stop, sizeof stop, "{\"stopReason\":\"%s\"}", rows[i].bedrock);
        snprintf(event, sizeof event, "event: response.%s\n", rows[i].event);
        snprintf(details, sizeof details, "\"incomplete_details\":%s", rows[i].details);
        open_shown(&b);
        bed_event(&b, "contentBlockDelta", AT(0, DELTA("\"text\":\"x\"")));
        bed_event(&b, "messageStop", stop);
        assert_int_equal(bed_end(&b), STATUS_OK);
        if (!has(&b, event) || !has(&b, details) || responses_grammar(buf_str(&b.out), true)) {
            fail_msg("%s: %.*s", rows[i].bedrock, STR_ARG(buf_str(&b.out)));
        }
        bed_close(&b);
    }
}

static void test_malformed_output_is_an_error(void **state)
{
    (void)state;
    struct converse_bed b;
    open_shown(&b);
    bed_event(&b, "contentBlockDelta", AT(0, DELTA("\"text\":\"x\"")));
    assert_int_equal(bed_event(&b, "messageStop", "{\"stopReason\":\"malformed_tool_use\"}"),
                     STATUS_OK);
    assert_int_equal(bed_end(&b), STATUS_INTERNAL);
    assert_false(b.reply->stopped);
    converse_to_responses_fail(b.reply, STR("server_error"), text_from(b.err.text), &b.out);
    assert_null(responses_grammar(buf_str(&b.out), true));
    assert_true(has(&b, "\"code\":\"server_error\",\"message\":\"the model's output was"));
    bed_close(&b);
}

/* What fails before the first event of the answer still is a whole stream. */
static void test_failure_before_anything_begins_the_stream(void **state)
{
    (void)state;
    struct converse_bed b;
    open_shown(&b);
    converse_to_responses_fail(b.reply, STR("rate_limit_exceeded"), STR("try again in 3s"), &b.out);
    assert_null(responses_grammar(buf_str(&b.out), true));
    assert_true(has(&b, "event: response.created") && has(&b, "try again in 3s"));
    bed_close(&b);
}

/* --- room --- */

/* form: up to the text, ends: what closes the payload behind it. */
static enum status say_much(struct converse_bed *b, const char *form, const char *ends)
{
    enum { PIECE = 60000 };
    char *payload = heap_new(PIECE + 300);
    enum status st = STATUS_OK;
    for (size_t n = 0; n < 2 * RESPONSES_REPLY_MAX && st == STATUS_OK; n += PIECE) {
        int at = snprintf(payload, 200, "%s", form);
        memset(payload + at, 'a', PIECE);
        snprintf(payload + at + PIECE, 20, "%s", ends);
        buf_clear(&b->out);
        st = bed_event(b, "contentBlockDelta", payload);
    }
    heap_drop(payload);
    return st;
}

/* An answer that is too large to be told again at its end fails, and what has been told stays. */
static void test_too_large_an_answer_fails_honestly(void **state)
{
    (void)state;
    static const struct {
        const char *form, *ends;
    } rows[] = {
        {"{\"contentBlockIndex\":0,\"delta\":{\"text\":\"", "\"}}"},
        {"{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"text\":\"", "\"}}}"},
        {"{\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":\"", "\"}}}"}, /* live */
        {"{\"contentBlockIndex\":2,\"delta\":{\"toolUse\":{\"input\":\"", "\"}}}"}, /* waits */
    };
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        struct converse_bed b;
        if (i % 2) {
            open_custom(&b);
        } else {
            open_shown(&b);
        }
        buf_allow(&b.out, (size_t)64 << 20);
        bed_event(&b, "messageStart", "{\"role\":\"assistant\"}");
        if (i / 2 > 1) {
            bed_event(&b, "contentBlockStart", AT(1, TOOL("t1")));
            bed_event(&b, "contentBlockStart", AT(2, TOOL("t2")));
        }
        assert_int_equal(say_much(&b, rows[i / 2].form, rows[i / 2].ends), STATUS_INTERNAL);
        assert_int_equal(bed_event(&b, "messageStop", "{}"), STATUS_OK); /* is passed over */
        assert_false(b.reply->stopped);
        converse_to_responses_fail(b.reply, STR("server_error"), text_from(b.err.text), &b.out);
        assert_true(buf_ok(&b.out) && has(&b, "event: response.failed"));
        assert_true(buf_len(&b.out) < RESPONSES_REPLY_MAX + 65536);
        bed_close(&b);
    }
}

/* Models that number their calls in each turn anew may call them all the same. */
static void test_an_id_that_repeats_does_not_cost_its_cube(void **state)
{
    enum { CALLS = 2500 };
    struct converse_bed b;
    char payload[160];
    (void)state;
    open_shown(&b);
    bed_event(&b, "messageStart", "{\"role\":\"assistant\"}");
    clock_t begun = clock();
    for (unsigned i = 0; i < CALLS; i++) {
        buf_clear(&b.out);
        snprintf(payload, sizeof payload,
                 "{\"contentBlockIndex\":%u,\"start\":{\"toolUse\":{\"toolUseId\":\"t\",\"name\":"
                 "\"f\"}}}",
                 i);
        assert_int_equal(bed_event(&b, "contentBlockStart", payload), STATUS_OK);
        snprintf(payload, sizeof payload, "{\"contentBlockIndex\":%u}", i);
        assert_int_equal(bed_event(&b, "contentBlockStop", payload), STATUS_OK);
    }
    assert_true(clock() - begun < 4 * CLOCKS_PER_SEC);
    assert_true(has(&b, "\"call_id\":\"t_2500\""));
    bed_close(&b);
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    bool whole = false;
    for (unsigned long k = 1; !whole && k < 2000; k++) {
        struct converse_bed b;
        open_custom(&b);
        heap_fail_after(k);
        enum status st = STATUS_OK;
        static const char *const events[][2] = {
            {"contentBlockDelta", AT(0, THINK("\"text\":\"Hm\""))},
            {"contentBlockDelta", AT(0, THINK("\"signature\":\"c2ln\""))},
            {"contentBlockStart", AT(1, TOOL("t1"))},
            {"contentBlockStart", AT(2, TOOL("t2"))},
            {"contentBlockDelta", AT(2, DELTA("\"toolUse\":{\"input\":\"{\\\"input\\\":1}\"}"))},
            {"contentBlockDelta", AT(3, DELTA("\"text\":\"Done.\""))},
            {"messageStop", "{\"stopReason\":\"tool_use\"}"},
            {"metadata", "{\"usage\":{}}"},
        };
        for (size_t i = 0; i < COUNT_OF(events) && st == STATUS_OK; i++) {
            st = b.relay->event(b.reply, text_from(events[i][0]), text_from(events[i][1]), &b.out,
                                &b.err);
        }
        heap_fail_after(0);
        whole = st == STATUS_OK;
        if (!whole && buf_ok(&b.out)) {
            converse_to_responses_fail(b.reply, STR("server_error"), STR("x"), &b.out);
            assert_true(has(&b, "event: response.failed"));
        }
        assert_int_equal(b.reply->stopped, whole);
        bed_close(&b);
    }
    assert_true(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_pairs_match),
        cmocka_unit_test(test_events_any_order_stay_legal),
        cmocka_unit_test(test_a_break_anywhere_stays_legal),
        cmocka_unit_test(test_thinking_is_shown_as_the_client_asks),
        cmocka_unit_test(test_sealed_thinking_is_what_bedrock_said),
        cmocka_unit_test(test_the_request_is_repeated_once),
        cmocka_unit_test(test_a_long_part_of_the_request_waits_for_the_end),
        cmocka_unit_test(test_stop_reasons_become_ends),
        cmocka_unit_test(test_malformed_output_is_an_error),
        cmocka_unit_test(test_failure_before_anything_begins_the_stream),
        cmocka_unit_test(test_too_large_an_answer_fails_honestly),
        cmocka_unit_test(test_an_id_that_repeats_does_not_cost_its_cube),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
