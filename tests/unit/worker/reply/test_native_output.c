#include "worker/reply/native_output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/json/scan.h"
#include "worker/reply/sse.h"

static struct arena *arena;
static struct buf out;
static struct err err;

static int setup(void **state)
{
    (void)state;
    arena = arena_new((size_t)1 << 20);
    buf_init(&out, (size_t)1 << 20);
    err = (struct err){.code = STATUS_OK};
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_drop(arena);
    buf_free(&out);
    return 0;
}

static struct reply *fresh(void)
{
    const struct responses_echo echo = {.metadata = STR("{\"a\":1}")};
    struct reply *r = native_output_new(arena, STR("my \"name\""), &echo);
    assert_non_null(r);
    return r;
}

static enum status event(struct reply *r, const char *type, const char *payload)
{
    buf_clear(&out);
    return native_output_relay.event(r, text_from(type), text_from(payload), &out, &err);
}

static void expect(const char *wanted)
{
    if (!text_eq(buf_str(&out), text_from(wanted)))
        fail_msg("%.*s, not %s", STR_ARG(buf_str(&out)), wanted);
}

#define RESPONSE(model, data, more) \
    "{\"id\":\"resp_1\",\"model\":\"" model "\",\"metadata\":" data ",\"user\":null," more "}"
#define CREATED(model, data)                                                        \
    "{\"type\":\"response.created\",\"sequence_number\":0, \"response\":" RESPONSE( \
        model, data, "\"status\":\"in_progress\",\"error\":null,\"output\":[]") "}"
#define ADDED(id)                                                                        \
    "{\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0," \
    "\"item\":{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":" id "}}"
#define DELTA                                                                               \
    "{\"type\":\"response.function_call_arguments.delta\",\"sequence_number\":2,\"delta\":" \
    "\"\\\"model\\\": call_0\",\"obfuscation\":\"x\"}"
#define COMPLETED(model, data)                                                          \
    "{\"type\":\"response.completed\",\"sequence_number\":3,\"response\":" RESPONSE(    \
        model, data,                                                                    \
        "\"status\":\"completed\",\"output\":[{\"type\":\"function_call\",\"call_id\":" \
        "\"call_x\"}],\"usage\":{\"input_tokens\":100,\"output_tokens\":7,"             \
        "\"input_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":10},"    \
        "\"output_tokens_details\":{\"reasoning_tokens\":3}}") "}"
#define EVENT(type, data) "event: " type "\ndata: " data "\n\n"
#define MY                "my \\\"name\\\""

static void test_stream_passes_but_for_its_model(void **state)
{
    (void)state;
    struct reply *r = fresh();
    assert_int_equal(event(r, "response.created", CREATED("us.gpt", "{}")), STATUS_OK);
    expect("");              /* it waits for some output */
    assert_true(r->started); /* a client that leaves now has cost its input */
    assert_int_equal(event(r, "response.output_item.added", ADDED("\"call_x\"")), STATUS_OK);
    expect(EVENT("response.created", CREATED(MY, "{\"a\":1}"))
               EVENT("response.output_item.added", ADDED("\"call_x\"")));
    assert_true(r->started);
    assert_int_equal(event(r, "response.function_call_arguments.delta", DELTA), STATUS_OK);
    expect(EVENT("response.function_call_arguments.delta", DELTA));
    assert_int_equal(r->deltas, 1);
    assert_int_equal(event(r, "", "{\"type\":\"response.of_next_year\",\n\"x\":1}"), STATUS_OK);
    expect("data: {\"type\":\"response.of_next_year\", \"x\":1}\n\n");
    assert_int_equal(native_output_relay.end(r, &out, &err), STATUS_UPSTREAM);
    assert_int_equal(event(r, "response.completed", COMPLETED("us.gpt", "{}")), STATUS_OK);
    expect(EVENT("response.completed", COMPLETED(MY, "{\"a\":1}")));
    assert_int_equal(native_output_relay.end(r, &out, &err), STATUS_OK);
    assert_string_equal(r->stop_reason, "tool_use");
    assert_true(r->usage.seen);
    assert_int_equal(r->usage.tokens.input, 30);
    assert_int_equal(r->usage.tokens.cache_read, 60);
    assert_int_equal(tokens_written(&r->usage.tokens), 10);
    assert_int_equal(r->usage.tokens.output, 7);
    assert_int_equal(r->thinking, 3);
    assert_int_equal(event(r, "", "[DONE]"), STATUS_OK);
    expect("");
    assert_int_equal(event(r, "response.output_item.added", ADDED("1")), STATUS_OK);
    expect(""); /* nothing follows the end */
}

/* A text is cut anywhere, also within a character. */
static void test_half_of_a_character_is_mended(void **state)
{
    (void)state;
    struct reply *r = fresh();
    const char *half =
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"a\\ud83d\"}";
    assert_int_equal(event(r, "response.output_text.delta", half), STATUS_OK);
    expect(
        "event: response.output_text.delta\ndata: "
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"a\\ufffd\"}\n\n");
    buf_clear(&out);
    assert_int_equal(
        native_output_relay.whole(r, arena, STR("{\"output\":[\"\\ude00\"]}"), &out, &err),
        STATUS_OK);
    expect("{\"output\":[\"\\ufffd\"]}");
}

/* It repeats the tools of the request, and a stream is long. */
static void test_the_response_is_kept_once(void **state)
{
    (void)state;
    static char begins[100200];
    struct reply *r = fresh();
    size_t at, before = arena_used(arena);
    snprintf(begins, sizeof begins,
             "{\"type\":\"response.in_progress\",\"response\":{\"tools\":[\"%0100000d\"]}}", 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(event(r, "response.in_progress", begins), STATUS_OK);
    }
    assert_true(arena_used(arena) - before < 150000);
    assert_int_equal(event(r, "response.output_item.added", ADDED("1")), STATUS_OK);
    buf_clear(&out);
    native_output_fail(r, STR("server_error"), STR("cut"), &out);
    assert_true(text_find(buf_str(&out), STR("\"tools\":[\"0000"), &at));
}

static struct str call_id(void)
{
    size_t at;
    struct str rest = buf_str(&out), value;
    assert_true(text_find(rest, STR("\"call_id\":\""), &at));
    rest = text_sub(rest, at + 11, rest.n);
    assert_true(text_split(&rest, '"', &value));
    return arena_dup(arena, value);
}

/* As stream.c does it: what came, in two pieces. */
static void pass(struct str stream, size_t split)
{
    struct sse s;
    struct eventstream_frame f;
    arena_drop(arena);
    arena = arena_new((size_t)1 << 20);
    struct reply *r = fresh();
    const struct str pieces[] = {text_sub(stream, 0, split), text_sub(stream, split, stream.n)};
    buf_clear(&out);
    sse_init(&s, 100000);
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct str bytes = pieces[i];
        while (sse_next(&s, &bytes, &f, &err) == EVENTSTREAM_FRAME) {
            assert_int_equal(native_output_relay.event(r, f.type, f.payload, &out, &err),
                             STATUS_OK);
        }
    }
    assert_false(sse_partial(&s));
    assert_true(r->stopped);
    sse_free(&s);
}

static void test_every_split_says_the_same(void **state)
{
    static const struct str came =
        STR(EVENT("response.created", CREATED("us.gpt", "{}")) ": a comment\n\n" EVENT(
            "response.output_item.added", ADDED("\"call_x\""))
                EVENT("response.function_call_arguments.delta", DELTA)
                    EVENT("response.completed", COMPLETED("us.gpt", "{}")));
    (void)state;
    for (size_t split = 0; split <= came.n; split++) {
        pass(came, split);
        expect(EVENT("response.created", CREATED(MY, "{\"a\":1}"))
                   EVENT("response.output_item.added", ADDED("\"call_x\""))
                       EVENT("response.function_call_arguments.delta", DELTA)
                           EVENT("response.completed", COMPLETED(MY, "{\"a\":1}")));
    }
}

/* Each allocation fails once: then there is an error, or a flag that says so. */
static void test_no_memory_is_told(void **state)
{
    static const char *const events[] = {CREATED("us.gpt", "{}"), ADDED("\"call_0\""), DELTA,
                                         COMPLETED("us.gpt", "{}")};
    unsigned failed = 0;
    (void)state;
    for (unsigned long k = 1; k < 40; k++) {
        struct buf told;
        enum status st = STATUS_OK;
        struct reply *r = fresh();
        buf_init(&told, 100000);
        heap_fail_after(k);
        for (size_t i = 0; i < COUNT_OF(events) && st == STATUS_OK && buf_ok(&told); i++)
            st = native_output_relay.event(r, STR(""), text_from(events[i]), &told, &err);
        bool broken = st != STATUS_OK || !buf_ok(&told);
        if (broken && buf_len(&told) > 0)
            native_output_fail(r, STR("server_error"), STR("x"), &told);
        heap_fail_after(0);
        assert_true(broken || r->stopped);
        failed += broken;
        buf_free(&told);
    }
    assert_true(failed > 3);
}

static void test_calls_that_are_only_counted_get_ids(void **state)
{
    (void)state;
    struct reply *r = fresh();
    event(r, "response.output_item.added", ADDED("\"call_0\""));
    struct str one = call_id();
    assert_int_equal(one.n, 29);
    event(r, "response.output_item.done", ADDED("\"call_0\""));
    assert_true(text_eq(one, call_id())); /* the same call */
    event(r, "response.output_item.added", ADDED("\"call_1\""));
    assert_false(text_eq(one, call_id()));
    event(r, "response.output_item.added", ADDED("\"call_4000000000000000000000000\""));
    assert_true(text_eq(call_id(), STR("call_4000000000000000000000000")));
    event(r, "response.output_item.added", ADDED("\"call_128\""));
    assert_true(text_eq(call_id(), STR("call_128"))); /* too many */
    r = fresh();
    event(r, "response.output_item.added", ADDED("\"call_0\""));
    assert_false(text_eq(one, call_id())); /* another turn */
}

static void test_ends_of_other_kinds(void **state)
{
    static const struct {
        const char *reason, *stop;
    } rows[] = {{"{\"reason\":\"max_output_tokens\"}", "max_tokens"},
                {"{\"reason\":\"content_filter\"}", "refusal"},
                {"null", "end_turn"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply *r = fresh();
        char *payload =
            arena_printf(arena,
                         "{\"type\":\"response.incomplete\",\"response\":{"
                         "\"incomplete_details\":%s,\"output\":[{\"type\":\"message\"}]}}",
                         rows[i].reason);
        assert_int_equal(event(r, "response.incomplete", payload), STATUS_OK);
        assert_true(r->stopped);
        assert_string_equal(r->stop_reason, rows[i].stop);
    }
}

static void test_whole_answer(void **state)
{
    (void)state;
    struct reply *r = fresh();
    assert_int_equal(
        native_output_relay.whole(
            r, arena,
            STR(RESPONSE("m", "{}",
                         "\"status\":\"completed\",\"output\":[{\"type\":\"message\"}],"
                         "\"usage\":{\"input_tokens\":5,\"output_tokens\":6}")),
            &out, &err),
        STATUS_OK);
    expect(RESPONSE(MY, "{\"a\":1}",
                    "\"status\":\"completed\",\"output\":[{\"type\":\"message\"}],\"usage\":{"
                    "\"input_tokens\":5,\"output_tokens\":6}"));
    assert_string_equal(r->stop_reason, "end_turn");
    assert_int_equal(r->usage.tokens.input, 5);
    assert_true(r->stopped);
}

static void test_what_is_no_answer_is_none(void **state)
{
    static const struct {
        const char *payload;
        enum status status;
    } rows[] = {
        {"", STATUS_UPSTREAM},
        {"{", STATUS_UPSTREAM},
        {"[]", STATUS_UPSTREAM},
        {"{\"type\":\"error\",\"code\":\"rate_limit_exceeded\"}", STATUS_RATE},
        {"{\"type\":\"error\",\"error\":{\"code\":\"context_length_exceeded\"}}", STATUS_CONTEXT},
        {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"invalid_prompt\"}}}",
         STATUS_INVALID},
        /* an image that nobody can read says nothing of a lane */
        {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"image_parse_error\"}}}",
         STATUS_INVALID},
        {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"invalid_base64_image\"}"
         "}}",
         STATUS_INVALID},
        {"{\"type\":\"error\",\"error\":{\"code\":\"unknown_parameter\",\"type\":"
         "\"invalid_request_error\"}}",
         STATUS_INVALID},
        {"{\"type\":\"error\",\"error\":{\"code\":400}}", STATUS_INVALID},
        {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"server_error\","
         "\"message\":\"of 123456789012\"}}}",
         STATUS_UPSTREAM},
        {"{\"type\":\"response.failed\"}", STATUS_UPSTREAM},
    };
    static const char *const bodies[] = {
        "", "<html>", "{}", "{\"output\":1}",
        "{\"output\":[],\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}"};
    size_t at;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply *r = fresh();
        assert_int_equal(event(r, "x", rows[i].payload), rows[i].status);
        assert_int_equal(buf_len(&out), 0);
        assert_false(r->stopped || r->started);
        assert_false(text_find(text_from(err.text), STR("123456789012"), &at));
    }
    assert_int_equal(event(fresh(), "error", "{}"), STATUS_UPSTREAM);
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        assert_int_equal(
            native_output_relay.whole(fresh(), arena, text_from(bodies[i]), &out, &err),
            STATUS_UPSTREAM);
}

/* What another attempt may cure is for who reads it as a refusal; what it used is known, but no output. */
static void test_the_models_own_error_is_kept(void **state)
{
    static const struct {
        const char *event, *code, *text;
    } rows[] = {
        {"{\"type\":\"response.failed\",\"response\":{\"usage\":{\"input_tokens\":9,"
         "\"output_tokens\":0},\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"in "
         "2s\"}}}",
         "rate_limit_exceeded", "in 2s"},
        {"{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\"}", "server_error", "x"},
        {"{\"type\":\"error\",\"error\":{\"type\":\"too_many_requests\"}}", "too_many_requests",
         ""},
        {"{\"type\":\"error\",\"error\":{\"code\":429}}", "429", ""},
        {"{\"type\":\"response.failed\"}", "response.failed", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply *r = fresh();
        event(r, "response.created", CREATED("us.gpt", "{}"));
        assert_int_not_equal(event(r, "x", rows[i].event), STATUS_OK);
        assert_string_equal(r->error.code, rows[i].code);
        assert_string_equal(r->error.text, rows[i].text);
        assert_int_equal(r->usage.tokens.input, i == 0 ? 9 : 0);
        assert_false(r->started);
    }
    struct reply *r = fresh();
    assert_int_equal(native_output_relay.whole(
                         r, arena,
                         STR("{\"output\":[],\"status\":\"failed\",\"usage\":{\"input_tokens\":4},"
                             "\"error\":{\"code\":\"rate_limit_exceeded\"}}"),
                         &out, &err),
                     STATUS_RATE);
    assert_string_equal(r->error.code, "rate_limit_exceeded");
    assert_int_equal(r->usage.tokens.input, 4);
    r = fresh();
    assert_int_equal(native_output_relay.whole(
                         r, arena, STR("{\"error\":{\"code\":\"server_error\"}}"), &out, &err),
                     STATUS_UPSTREAM);
    assert_string_equal(r->error.code, "server_error");
}

static void test_counts_that_are_none_are_not_told(void **state)
{
    static const char *const usages[] = {"null", "{}", "1", "{\"input_tokens_details\":{}}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(usages); i++) {
        struct reply *r = fresh();
        char *body = arena_printf(arena, "{\"output\":[],\"usage\":%s}", usages[i]);
        assert_int_equal(native_output_relay.whole(r, arena, text_from(body), &out, &err),
                         STATUS_OK);
        assert_false(r->usage.seen);
    }
}

static void test_a_break_tells_what_is_there(void **state)
{
    (void)state;
    struct reply *r = fresh();
    event(r, "response.created", CREATED("us.gpt", "{}"));
    event(r, "response.output_item.added", ADDED("\"call_x\""));
    event(r, "response.function_call_arguments.delta", DELTA);
    buf_clear(&out);
    native_output_fail(r, STR("server_error"), STR("it \"broke\""), &out);
    expect(EVENT(
        "response.failed",
        "{\"type\":\"response.failed\",\"sequence_number\":3,\"response\":{"
        "\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"it "
        "\\\"broke\\\"\"},\"output\":[{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":"
        "\"call_x\"}],\"id\":\"resp_1\",\"model\":\"" MY
        "\",\"metadata\":{\"a\":1},\"user\":null}}")
               EVENT("error", "{\"type\":\"error\",\"sequence_number\":4,\"code\":\"server_error\","
                              "\"message\":\"it \\\"broke\\\"\",\"param\":null,\"error\":{\"type\":"
                              "\"server_error\",\"code\":\"server_error\",\"message\":\"it "
                              "\\\"broke\\\"\",\"param\":null}}"));
    assert_true(r->failed);
}

#define SPEAKS                                                                                \
    "{\"type\":\"response.output_item.added\",\"output_index\":1,\"item\":{\"id\":\"msg_1\"," \
    "\"type\":\"message\",\"status\":\"in_progress\",\"content\":[]}}"
#define SAYS(at, text) \
    "{\"type\":\"response.output_text.delta\",\"output_index\":" at ",\"delta\":" text "}"
#define ITEM_NOW(text)                                                                    \
    "[{\"status\":\"incomplete\",\"content\":[{\"type\":\"output_text\",\"text\":\"" text \
    "\",\"annotations\":[],\"logprobs\":[]}],\"id\":\"msg_1\",\"type\":\"message\"}]"

static void test_a_break_tells_what_was_being_said(void **state)
{
    size_t at;
    (void)state;
    struct reply *r = fresh();
    event(r, "", SPEAKS);
    event(r, "", SAYS("1", "\"one \\\"t\""));
    event(r, "", SAYS("1", "\"wo\""));
    event(r, "", SAYS("0", "\"of another\""));
    event(r, "", SAYS("1", "7"));
    buf_clear(&out);
    native_output_fail(r, STR("server_error"), STR("x"), &out);
    if (!text_find(buf_str(&out), STR("\"output\":" ITEM_NOW("one \\\"two")), &at))
        fail_msg("%.*s", STR_ARG(buf_str(&out)));
    r = fresh(); /* it was done: as it was told then */
    event(r, "", SPEAKS);
    event(r, "", SAYS("1", "\"one\""));
    event(r, "", "{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"id\":7}}");
    event(r, "", SAYS("1", "\"late\""));
    buf_clear(&out);
    native_output_fail(r, STR("server_error"), STR("x"), &out);
    if (!text_find(buf_str(&out), STR("\"output\":[{\"id\":7}]"), &at))
        fail_msg("%.*s", STR_ARG(buf_str(&out)));
}

/* A beginning that no Responses has is no reason to fall. */
static void test_a_break_after_an_odd_beginning(void **state)
{
    static const char *const beginnings[] = {
        "{\"type\":\"response.created\"}", "{\"type\":\"response.created\",\"response\":[1]}",
        "{\"type\":\"response.created\",\"response\":{}}",
        "{\"type\":\"response.created\",\"response\":{\"status\":1,\"x\":2,\"status\":3}}",
        "{\"type\":\"response.output_text.delta\"}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        struct reply *r = fresh();
        struct scan s;
        assert_int_equal(event(r, "", beginnings[i]), STATUS_OK);
        event(r, "response.output_item.added", ADDED("\"call_x\""));
        buf_clear(&out);
        native_output_fail(r, STR("server_error"), STR("x"), &out);
        struct str rest = buf_str(&out), line;
        assert_true(text_split(&rest, '\n', &line) && text_split(&rest, '\n', &line));
        assert_int_equal(scan_parse(&s, arena, text_sub(line, 6, line.n),
                                    &(struct scan_limits){100, 1000, 100, 20}, &err),
                         STATUS_OK);
        scan_ref response = SCAN_GET(&s, 0, "response");
        assert_true(SCAN_IS(&s, SCAN_GET(&s, response, "status"), "failed"));
        assert_false(scan_has_duplicate(&s, response, STR("status")));
        assert_int_equal(scan_size(&s, SCAN_GET(&s, response, "output")), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stream_passes_but_for_its_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_response_is_kept_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_of_a_character_is_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_split_says_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calls_that_are_only_counted_get_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ends_of_other_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_answer_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_models_own_error_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_that_are_none_are_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_break_tells_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_break_tells_what_was_being_said, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_break_after_an_odd_beginning, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
