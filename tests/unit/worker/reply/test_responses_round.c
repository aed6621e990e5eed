/* What an answer of /v1/responses holds, sent back with the next request: the model sees its own turn again, thoughts
 * with their signatures and calls with the bytes of their inputs, whatever form the client had them in. */
#include "tests/unit/convert_case.h"
#include "worker/reply/converse_to_responses.h"

#define TOOLS                                                                                \
    "[{\"type\":\"function\",\"name\":\"look\"},{\"type\":\"function\",\"name\":\"mcp.look " \
    "up\"},{"                                                                                \
    "\"type\":\"namespace\",\"name\":\"agents\",\"tools\":[{\"type\":\"function\",\"name\":" \
    "\"spawn\"},{\"type\":\"custom\",\"name\":\"note\"}]},{\"type\":\"custom\",\"name\":"    \
    "\"patch\"},{"                                                                           \
    "\"type\":\"tool_search\",\"execution\":\"client\"},{\"type\":\"local_shell\"}]"
#define USER "{\"role\":\"user\",\"content\":\"u\"}"

/* In place of "%s": the name that Bedrock knows for "mcp.look up". */
static const char *const turns[] = {
    "{\"text\":\"I look.\"},{\"toolUse\":{\"toolUseId\":\"tooluse_1\",\"name\":\"look\",\"input\":{"
    "\"n\":9007199254740993,\"e\":1e-7,\"f\":1.0,\"s\":\"\\u0000\\u00fc\",\"z\":{\"b\":1,\"a\":2}}}"
    "}",
    "{\"toolUse\":{\"toolUseId\":\"tooluse_1\",\"name\":\"%s\",\"input\":{}}},{\"toolUse\":{"
    "\"toolUseId\":\"tooluse_2\",\"name\":\"agents__spawn\",\"input\":{\"a\":[]}}}",
    "{\"toolUse\":{\"toolUseId\":\"tooluse_1\",\"name\":\"patch\",\"input\":{\"input\":\"*** "
    "\\\"a\\\"\\n\\u0000\"}}},{\"toolUse\":{\"toolUseId\":\"tooluse_2\",\"name\":\"agents__note\","
    "\"input\":{\"input\":\"\"}}}",
    "{\"toolUse\":{\"toolUseId\":\"tooluse_1\",\"name\":\"tool_search\",\"input\":{\"query\":\"x\","
    "\"limit\":8.0}}}",
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"a \\\"b\\\"\\n\",\"signature\":"
    "\"Eq+/==\"}}},{\"reasoningContent\":{\"redactedContent\":\"AAEC\"}},{\"toolUse\":{"
    "\"toolUseId\":\"tooluse_1\",\"name\":\"look\",\"input\":{\"a\":1}}}",
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"\",\"signature\":\"Eq+/==\"}}},{\"text\":"
    "\"so\"}",
};

struct round {
    struct convert_case c; /* of the first request: its scan and its arena */
    struct sealer sealer;
    struct converse_names *names;
    struct buf buf; /* what is written last */
};

static void round_open(struct round *r)
{
    struct responses_request request;
    struct plan plan;
    convert_case_run(&r->c, DIALECT_RESPONSES, (struct convert_options){.model = STR(OPUS46)},
                     STR("{\"model\":\"m\",\"input\":\"u\",\"tools\":" TOOLS "}"));
    assert_int_equal(r->c.status, STATUS_OK);
    struct models_choice choice = {.id = STR(OPUS46),
                                   .caps = models_keep(r->c.arena, STR(OPUS46)),
                                   .transport = MODELS_CONVERSE};
    struct plan_options o = {.model = &choice};
    r->sealer = convert_case_sealer(STR(OPUS46));
    r->names = converse_names_new(r->c.arena);
    buf_clear(&r->c.body);
    assert_int_equal(responses_read(&r->c.scan, &request, &r->c.err), STATUS_OK);
    assert_int_equal(plan_make(&plan, &request.wish, &o, r->c.arena, &r->c.changes, &r->c.err),
                     STATUS_OK);
    assert_int_equal(
        responses_to_converse(&request, &plan, r->names, &r->sealer, &r->c.body, &r->c.err),
        STATUS_OK);
    buf_init(&r->buf, CASE_MAX);
}

static void round_close(struct round *r)
{
    buf_free(&r->buf);
    convert_case_free(&r->c);
}

/* The "output" of the answer with that content, in the arena. */
static struct str answer_with(struct round *r, const char *content)
{
    const struct responses_wants wants = {
        .shows_summary = true, .wants_encrypted = true, .sealer = &r->sealer};
    struct reply *reply =
        converse_to_responses_new(r->c.arena, STR("m"), STR("resp_1"), &wants, r->names);
    struct scan s;
    char *body = arena_printf(
        r->c.arena,
        "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[%s]}},\"stopReason\":"
        "\"end_turn\",\"usage\":{\"inputTokens\":1,\"outputTokens\":1,\"totalTokens\":2},"
        "\"metrics\":{\"latencyMs\":1}}",
        content);
    assert_non_null(reply);
    buf_clear(&r->buf);
    if (converse_to_responses_relay.whole(reply, r->c.arena, text_from(body), &r->buf, &r->c.err) !=
        STATUS_OK)
        fail_msg("%s: %s", content, r->c.err.text);
    struct str whole = arena_dup(r->c.arena, buf_str(&r->buf));
    assert_int_equal(scan_parse(&s, r->c.arena, whole, &case_limits, &r->c.err), STATUS_OK);
    return scan_raw(&s, SCAN_GET(&s, 0, "output"));
}

/* The next request: what the user said, the answer as it came, an output of each call, the user again. */
static void ask_again(struct round *r, struct str output)
{
    struct scan s;
    buf_clear(&r->buf);
    buf_printf(&r->buf, "{\"model\":\"m\",\"tools\":" TOOLS ",\"input\":[" USER ",%.*s",
               (int)output.n - 2, output.p + 1);
    assert_int_equal(scan_parse(&s, r->c.arena, output, &case_limits, NULL), STATUS_OK);
    for (scan_ref v = scan_first(&s, 0); v != SCAN_ABSENT; v = scan_next(&s, 0, v)) {
        struct responses_item item = responses_item_read(&s, v);
        if (item.kind == RESPONSES_CALL)
            buf_printf(&r->buf, ",{\"type\":\"%s\",\"call_id\":%.*s,\"%s}",
                       item.call == CHAT_TOOL_SEARCH ? "tool_search_output"
                                                     : "function_call_output",
                       STR_ARG(scan_raw(&s, item.call_id)),
                       item.call == CHAT_TOOL_SEARCH ? "tools\":[]" : "output\":\"r\"");
    }
    buf_printf(&r->buf, "," USER "]}");
}

static void check_round(const char *content)
{
    struct round r;
    struct convert_case c;
    char why[400];
    size_t at;
    round_open(&r);
    struct str odd = converse_name_out(r.names, STR("mcp.look up"));
    const char *sent = arena_printf(r.c.arena, content, odd.p);
    ask_again(&r, answer_with(&r, sent));
    convert_case_run(&c, DIALECT_RESPONSES, (struct convert_options){.model = STR(OPUS46)},
                     buf_str(&r.buf));
    if (c.status != STATUS_OK)
        fail_msg("%s: %s", sent, c.err.text);
    if (!convert_case_is_legal(&c, why, sizeof why))
        fail_msg("%s: %s", sent, why);
    const char *want = arena_printf(r.c.arena, "{\"role\":\"assistant\",\"content\":[%s]}", sent);
    if (!text_find(buf_str(&c.body), text_from(want), &at))
        fail_msg("%s came back in\n%.*s", sent, STR_ARG(buf_str(&c.body)));
    convert_case_free(&c);
    round_close(&r);
}

static void test_turn_of_the_model_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(turns); i++)
        check_round(turns[i]);
}

/* The members that its type has and the model has not told are there afterwards. */
static void test_command_comes_back_with_the_same_meaning(void **state)
{
    struct round r;
    struct convert_case c;
    struct scan s;
    (void)state;
    round_open(&r);
    ask_again(&r, answer_with(&r, "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"local_shell\","
                                  "\"input\":{\"command\":[\"ls\",\"-l\"],\"timeout_ms\":1000}}}"));
    convert_case_run(&c, DIALECT_RESPONSES, (struct convert_options){.model = STR(OPUS46)},
                     buf_str(&r.buf));
    assert_int_equal(c.status, STATUS_OK);
    assert_int_equal(scan_parse(&s, c.arena, buf_str(&c.body), &case_limits, NULL), STATUS_OK);
    scan_ref messages = SCAN_GET(&s, 0, "messages"), first = scan_first(&s, messages);
    scan_ref content = SCAN_GET(&s, scan_next(&s, messages, first), "content");
    scan_ref use = SCAN_GET(&s, scan_first(&s, content), "toolUse");
    scan_ref input = SCAN_GET(&s, use, "input");
    assert_true(SCAN_IS(&s, SCAN_GET(&s, use, "name"), "local_shell"));
    assert_true(text_eq(scan_raw(&s, SCAN_GET(&s, input, "command")), STR("[\"ls\",\"-l\"]")));
    assert_true(text_eq(scan_raw(&s, SCAN_GET(&s, input, "timeout_ms")), STR("1000")));
    convert_case_free(&c);
    round_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turn_of_the_model_comes_back_as_it_was),
        cmocka_unit_test(test_command_comes_back_with_the_same_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
