#include "worker/reply/native_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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

static struct reply *fresh(bool usage)
{
    struct reply *r = native_chat_new(arena, STR("my \"name\""), usage, false);
    assert_non_null(r);
    return r;
}

static enum status event(struct reply *r, const char *payload)
{
    buf_clear(&out);
    return native_chat_relay.event(r, STR(""), text_from(payload), &out, &err);
}

static void expect(const char *wanted)
{
    if (!text_eq(buf_str(&out), text_from(wanted)))
        fail_msg("%.*s, not %s", STR_ARG(buf_str(&out)), wanted);
}

#define CHUNK(rest) "{\"id\":\"c\",\"model\":\"us.openai.gpt-6-sol\", " rest "}"
#define TOLD(rest)  "data: {\"id\":\"c\",\"model\":\"my \\\"name\\\"\", " rest "}\n\n"
#define DELTA       "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}, \"finish_reason\":null}]"
#define END         "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]"
#define USAGE                                                                     \
    "\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":7,"    \
    "\"prompt_tokens_details\":{\"cached_tokens\":60,\"cache_write_tokens\":10}," \
    "\"completion_tokens_details\":{\"reasoning_tokens\":3}}"

/* A text is cut anywhere, also within a character. */
static void test_half_of_a_character_is_mended(void **state)
{
    (void)state;
    struct reply *r = fresh(false);
    assert_int_equal(event(r, CHUNK("\"choices\":[{\"delta\":{\"content\":\"a\\ud83d\"}}]")),
                     STATUS_OK);
    expect(TOLD("\"choices\":[{\"delta\":{\"content\":\"a\\ufffd\"}}]"));
    buf_clear(&out);
    assert_int_equal(
        native_chat_relay.whole(r, arena, STR("{\"choices\":[\"\\ude00\"]}"), &out, &err),
        STATUS_OK);
    expect("{\"choices\":[\"\\ufffd\"]}");
}

static void test_stream_passes_but_for_its_model(void **state)
{
    (void)state;
    for (int usage = 0; usage < 2; usage++) {
        struct reply *r = fresh(usage);
        assert_int_equal(event(r, CHUNK(DELTA)), STATUS_OK);
        expect(TOLD(DELTA));
        assert_int_equal(event(r, CHUNK(END)), STATUS_OK);
        expect(TOLD(END));
        assert_int_equal(event(r, "{\"choices\":\n[],\r\n\"x\":1}"), STATUS_OK);
        expect("data: {\"choices\": [],  \"x\":1}\n\n");
        assert_int_equal(r->deltas, 3);
        assert_int_equal(native_chat_relay.end(r, &out, &err), STATUS_UPSTREAM);
        assert_int_equal(event(r, CHUNK(USAGE)), STATUS_OK);
        expect(usage ? TOLD(USAGE) : "");
        assert_int_equal(event(r, "[DONE]"), STATUS_OK);
        expect("data: [DONE]\n\n");
        assert_int_equal(native_chat_relay.end(r, &out, &err), STATUS_OK);
        assert_string_equal(r->stop_reason, "max_tokens");
        assert_true(r->usage.seen);
        assert_int_equal(r->usage.tokens.input, 30);
        assert_int_equal(r->usage.tokens.cache_read, 60);
        assert_int_equal(tokens_written(&r->usage.tokens), 10);
        assert_int_equal(r->usage.tokens.output, 7);
        assert_int_equal(r->thinking, 3);
    }
}

static void copy_id(char id[40])
{
    size_t at;
    struct str rest = buf_str(&out), value;
    assert_true(text_find(rest, STR("\"id\":\"call_"), &at));
    rest = text_sub(rest, at + 6, rest.n);
    assert_true(text_split(&rest, '"', &value));
    assert_true(value.n < 40);
    text_copy(value, id, 40);
}

#define CALL(index, id) \
    "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":" index ",\"id\":\"" id "\"}]}}]}"

static void test_calls_that_are_only_counted_get_ids(void **state)
{
    char one[40], again[40], two[40], other[40];
    (void)state;
    struct reply *r = fresh(false);
    assert_int_equal(event(r, CALL("0", "call_0")), STATUS_OK);
    copy_id(one);
    assert_int_equal(strlen(one), 29);
    event(r, CALL("0", "call_0"));
    copy_id(again);
    assert_string_equal(one, again); /* the same call */
    event(r, CALL("1", "call_1"));
    copy_id(two);
    assert_string_not_equal(one, two);
    event(r, CALL("2", "call_aB3"));
    copy_id(other);
    assert_string_equal(other, "call_aB3");
    event(r, CALL("1000000", "call_5"));
    copy_id(other);
    assert_string_equal(other, "call_5");
    r = fresh(false);
    event(r, CALL("0", "call_0"));
    copy_id(other);
    assert_string_not_equal(one, other); /* another turn */
}

static void test_whole_answer(void **state)
{
    char one[40];
    (void)state;
    struct reply *r = fresh(false);
    assert_int_equal(
        native_chat_relay.whole(
            r, arena,
            STR("{\"model\":\"m\",\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"call_0\"},{"
                "\"id\":\"call_1\"}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_"
                "tokens\":5,\"completion_tokens\":6}}"),
            &out, &err),
        STATUS_OK);
    copy_id(one);
    assert_true(text_starts(buf_str(&out), STR("{\"model\":\"my \\\"name\\\"\",")));
    assert_string_equal(r->stop_reason, "tool_use");
    assert_int_equal(r->usage.tokens.input, 5);
    assert_true(r->stopped);
}

#define SAYS(delta, end)      "{\"choices\":[{\"delta\":{" delta "},\"finish_reason\":" end "}]}"
#define TOLD_SAYS(delta, end) "data: " SAYS(delta, end) "\n\n"

/* Each step: a delta, and what the client has of it. */
static void test_thoughts_in_tags(void **state)
{
    static const struct {
        const char *delta, *told;
    } steps[] = {
        {SAYS("\"role\":\"assistant\"", "null"), TOLD_SAYS("\"role\":\"assistant\"", "null")},
        {SAYS("\"content\":\"<reas\"", "null"), TOLD_SAYS("\"content\":\"\"", "null")},
        {SAYS("\"content\":\"oning>a \\\"b\"", "null"),
         TOLD_SAYS("\"reasoning_content\":\"a \\\"b\",\"content\":\"\"", "null")},
        {SAYS("\"content\":\" c</reasoning>\\nd\"", "null"),
         TOLD_SAYS("\"reasoning_content\":\" c\",\"content\":\"d\"", "null")},
        {SAYS("\"content\":\" <reasoning>\"", "null"),
         TOLD_SAYS("\"content\":\" <reasoning>\"", "null")},
        {SAYS("", "\"stop\""), TOLD_SAYS("", "\"stop\"")},
    };
    (void)state;
    struct reply *r = native_chat_new(arena, STR("m"), false, true);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        assert_int_equal(event(r, steps[i].delta), STATUS_OK);
        expect(steps[i].told);
    }
    r = native_chat_new(arena, STR("m"), false, true); /* one that is cut by its limit */
    assert_int_equal(event(r, SAYS("\"content\":\"<reasoning>a</rea\"", "null")), STATUS_OK);
    assert_int_equal(event(r, SAYS("", "\"length\"")), STATUS_OK);
    expect(TOLD_SAYS("\"reasoning_content\":\"</rea\"", "\"length\""));
    assert_int_equal(event(fresh(false), SAYS("\"content\":\"<reasoning>a\"", "null")), STATUS_OK);
    expect(TOLD_SAYS("\"content\":\"<reasoning>a\"", "null")); /* of others it is text */
    buf_clear(&out);
    r = native_chat_new(arena, STR("m"), false, true);
    assert_int_equal(
        native_chat_relay.whole(r, arena,
                                STR("{\"choices\":[{\"message\":{\"content\":\"<reasoning>a</"
                                    "reasoning>b\"},\"finish_reason\":\"stop\"}]}"),
                                &out, &err),
        STATUS_OK);
    expect("{\"choices\":[{\"message\":{\"reasoning_content\":\"a\",\"content\":\"b\"},"
           "\"finish_reason\":\"stop\"}]}");
}

static void test_what_is_no_answer_is_none(void **state)
{
    static const char *const events[] = {"", "{", "[]", "null", "{\"error\":{\"message\":\"x\"}}"};
    static const char *const bodies[] = {"", "<html>", "{}", "{\"choices\":1}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct reply *r = fresh(false);
        assert_int_equal(event(r, events[i]), STATUS_UPSTREAM);
        assert_int_equal(buf_len(&out), 0);
        assert_false(r->stopped);
    }
    assert_int_equal(native_chat_relay.event(fresh(false), STR("error"), STR("{}"), &out, &err),
                     STATUS_UPSTREAM);
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        assert_int_equal(
            native_chat_relay.whole(fresh(false), arena, text_from(bodies[i]), &out, &err),
            STATUS_UPSTREAM);
}

static void test_the_models_own_error_is_kept(void **state)
{
    (void)state;
    struct reply *r = fresh(true);
    assert_int_equal(event(r, "{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"},"
                              "\"usage\":{\"prompt_tokens\":3}}"),
                     STATUS_UPSTREAM);
    assert_string_equal(r->error.code, "rate_limit_exceeded");
    assert_string_equal(r->error.text, "m");
    assert_int_equal(r->usage.tokens.input, 3);
    assert_false(r->started);
    r = fresh(true);
    assert_int_equal(native_chat_relay.event(r, STR("error"), STR("{\"code\":503}"), &out, &err),
                     STATUS_UPSTREAM);
    assert_string_equal(r->error.code, "503");
    r = fresh(true);
    assert_int_equal(native_chat_relay.whole(
                         r, arena, STR("{\"error\":{\"type\":\"server_error\"}}"), &out, &err),
                     STATUS_UPSTREAM);
    assert_string_equal(r->error.code, "server_error");
}

/* What was wrong with the request says nothing of who was asked. */
static void test_the_clients_fault_is_the_clients(void **state)
{
    static const struct {
        const char *error;
        enum status status;
    } rows[] = {
        {"{\"code\":\"context_length_exceeded\",\"type\":\"invalid_request_error\"}",
         STATUS_CONTEXT},
        {"{\"code\":\"invalid_image_format\"}", STATUS_INVALID},
        {"{\"type\":\"invalid_request_error\"}", STATUS_INVALID},
        {"{\"code\":null,\"type\":\"invalid_request_error\"}", STATUS_INVALID},
        {"{\"code\":400,\"message\":\"m\"}", STATUS_INVALID},
        {"{\"code\":\"validation_error\"}", STATUS_INVALID},
        {"{\"type\":\"ValidationException\"}", STATUS_INVALID},
        {"{\"code\":\"unsupported_value\"}", STATUS_INVALID},
        {"{\"code\":404,\"message\":\"m\"}", STATUS_UPSTREAM},
        {"{}", STATUS_UPSTREAM},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"error\":%s}", rows[i].error);
        assert_int_equal(event(fresh(false), body), rows[i].status);
        assert_int_equal(native_chat_relay.whole(fresh(false), arena, text_from(body), &out, &err),
                         rows[i].status);
    }
}

static void test_counts_that_are_none_are_not_told(void **state)
{
    static const char *const usages[] = {"null", "{}", "1", "{\"prompt_tokens_details\":{}}"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(usages); i++) {
        struct reply *r = fresh(false);
        char *body = arena_printf(arena, "{\"choices\":[],\"usage\":%s}", usages[i]);
        assert_int_equal(native_chat_relay.whole(r, arena, text_from(body), &out, &err), STATUS_OK);
        assert_false(r->usage.seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stream_passes_but_for_its_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_of_a_character_is_mended, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calls_that_are_only_counted_get_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_thoughts_in_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_models_own_error_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_clients_fault_is_the_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_that_are_none_are_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_answer_is_none, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
