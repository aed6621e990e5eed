/* What is read out of single events and answers, and what is refused. */
#include "worker/reply/converse_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct event_row {
    const char *name, *type, *payload;
    enum converse_event_kind kind;
    int64_t index;
    enum converse_part_kind part;
    const char *text, *signature, *id, *tool;
};

#define DELTA(inner)                                                                      \
    "contentBlockDelta", "{\"contentBlockIndex\":7,\"delta\":{" inner "},\"p\":\"abc\"}", \
        CONVERSE_BLOCK_DELTA, 7
#define START(inner) \
    "contentBlockStart", "{\"contentBlockIndex\":7,\"start\":{" inner "}}", CONVERSE_BLOCK_START, 7
#define CANNOT(what) "(The model answered with " what ", which this API cannot carry.)\\n"
#define NOTHING      CONVERSE_PART_NONE, NULL, NULL, NULL, NULL

static const struct event_row events[] = {
    {"message start", "messageStart", "{\"role\":\"assistant\"}", CONVERSE_MESSAGE_START, 0,
     NOTHING},
    {"block stop", "contentBlockStop", "{\"contentBlockIndex\":3}", CONVERSE_BLOCK_STOP, 3,
     NOTHING},
    {"unknown is not even read", "newThing", "{{{", CONVERSE_UNKNOWN, 0, NOTHING},
    {"text keeps its escapes", DELTA("\"text\":\"a\\u00e9\\n\""), CONVERSE_PART_TEXT, "a\\u00e9\\n",
     NULL, NULL, NULL},
    {"empty text", DELTA("\"text\":\"\""), CONVERSE_PART_TEXT, "", NULL, NULL, NULL},
    {"text of another type", DELTA("\"text\":5"), NOTHING},
    {"tool input", DELTA("\"toolUse\":{\"input\":\"{\\\"a\\\"\"}"), CONVERSE_PART_TOOL,
     "{\\\"a\\\"", NULL, NULL, NULL},
    {"tool input that is no string", DELTA("\"toolUse\":{\"input\":{}}"), NOTHING},
    {"thinking", DELTA("\"reasoningContent\":{\"text\":\"hm\"}"), CONVERSE_PART_THINKING, "hm",
     NULL, NULL, NULL},
    {"signature", DELTA("\"reasoningContent\":{\"signature\":\"c2ln\"}"), CONVERSE_PART_THINKING,
     NULL, "c2ln", NULL, NULL},
    {"redacted", DELTA("\"reasoningContent\":{\"redactedContent\":\"cmVk\"}"),
     CONVERSE_PART_REDACTED, "cmVk", NULL, NULL, NULL},
    {"reasoning of a new kind", DELTA("\"reasoningContent\":{\"x\":1}"), NOTHING},
    {"citation",
     DELTA("\"citation\":{\"location\":{\"documentPage\":{\"documentIndex\":0,\"start\":1,\"end\":"
           "2}}}"),
     CONVERSE_PART_CITATION, NULL, NULL, NULL, NULL},
    {"citation of a web page", DELTA("\"citation\":{\"location\":{\"web\":{\"url\":\"u\"}}}"),
     NOTHING},
    {"tool result", DELTA("\"toolResult\":[{\"text\":\"r\"}]"), NOTHING},
    {"delta missing", "contentBlockDelta", "{\"contentBlockIndex\":7}", CONVERSE_BLOCK_DELTA, 7,
     NOTHING},
    {"tool start", START("\"toolUse\":{\"toolUseId\":\"t\\\"1\",\"name\":\"n\\u0041\"}"),
     CONVERSE_PART_TOOL, NULL, NULL, "t\\\"1", "nA"},
    {"server tool start",
     START("\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"n\",\"type\":\"server_tool_use\"}"),
     NOTHING},
    {"image start", START("\"image\":{\"format\":\"png\"}"), CONVERSE_PART_TEXT, CANNOT("an image"),
     NULL, NULL, NULL}, /* C.5 */
    {"start missing", "contentBlockStart", "{\"contentBlockIndex\":7}", CONVERSE_BLOCK_START, 7,
     NOTHING},
};

static void same(const char *name, const char *what, struct str got, const char *want)
{
    if ((got.p == NULL) != (want == NULL) || !text_eq(got, text_from(want)))
        fail_msg("%s: %s is '%.*s'", name, what, STR_ARG(got));
}

static void test_event_of_each_kind_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        const struct event_row *row = &events[i];
        struct arena *arena = arena_new(1 << 20);
        struct converse_event e;
        struct err err;
        if (converse_event_read(&e, arena, text_from(row->type), text_from(row->payload), &err) !=
            STATUS_OK)
            fail_msg("%s: %s", row->name, err.text);
        if (e.kind != row->kind || e.index != row->index || e.part.kind != row->part)
            fail_msg("%s: kind %d, index %lld, part %d", row->name, e.kind, (long long)e.index,
                     e.part.kind);
        same(row->name, "text", e.part.text, row->text);
        same(row->name, "signature", e.part.signature, row->signature);
        same(row->name, "id", e.part.tool_id, row->id);
        same(row->name, "tool", e.part.tool_name, row->tool);
        arena_drop(arena);
    }
}

static const struct {
    const char *name, *type, *payload;
} refused[] = {
    {"no JSON", "contentBlockDelta", "<html>"},
    {"cut", "metadata", "{\"usage\":{"},
    {"an array", "messageStart", "[]"},
    {"empty", "messageStop", ""},
    {"no index", "contentBlockDelta", "{\"delta\":{\"text\":\"x\"}}"},
    {"index of another type", "contentBlockStop", "{\"contentBlockIndex\":\"0\"}"},
    {"tool without name", "contentBlockStart",
     "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"t\"}}}"},
    {"tool with empty id", "contentBlockStart",
     "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"toolUseId\":\"\",\"name\":\"n\"}}}"},
};

static void test_event_broken_is_upstream(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct converse_event e;
        struct err err = {0};
        enum status st = converse_event_read(&e, arena, text_from(refused[i].type),
                                             text_from(refused[i].payload), &err);
        if (st != STATUS_UPSTREAM || !err.text[0])
            fail_msg("%s: status %d, '%s'", refused[i].name, st, err.text);
        arena_drop(arena);
    }
}

static void test_event_without_memory_is_internal(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64);
    struct converse_event e;
    struct err err;
    assert_int_equal(converse_event_read(&e, arena, STR("metadata"),
                                         STR("{\"usage\":{\"inputTokens\":1}}"), &err),
                     STATUS_INTERNAL);
    arena_drop(arena);
}

/* A blank in front takes the usual way through the JSON index: it must say the same. */
static void check_both_ways(const char *payload)
{
    struct arena *arena = arena_new(1 << 20);
    struct converse_event quick, usual;
    struct err err;
    char *blank = arena_printf(arena, " %s", payload);
    enum status a =
        converse_event_read(&quick, arena, STR("contentBlockDelta"), text_from(payload), &err);
    enum status b =
        converse_event_read(&usual, arena, STR("contentBlockDelta"), text_from(blank), &err);
    bool same = a == b &&
                (a != STATUS_OK ||
                 (quick.index == usual.index && quick.kind == usual.kind &&
                  quick.part.kind == usual.part.kind && text_eq(quick.part.text, usual.part.text) &&
                  quick.part.citations == usual.part.citations));
    if (!same) {
        fail_msg("two ways to read %s", payload);
    }
    arena_drop(arena);
}

static void test_delta_of_the_usual_shape_is_read_as_any_other(void **state)
{
    (void)state;
    static const char *const indexes[] = {"0",          "7",   "01", "-1",   "123456789",
                                          "1234567890", "1e2", "",   "\"0\""};
    static const char *const texts[] = {"",
                                        "Hello",
                                        "a\\n\\\"\\\\\\/\\t\\b\\f\\r",
                                        "\\u0041",
                                        "\\ud83d\\ude00",
                                        "\\ud83d",
                                        "\\x",
                                        "\\",
                                        "\xe8\xaf\xb7",
                                        "\xe8\xaf",
                                        "\xff",
                                        "\xed\xa0\xbd",
                                        "a\nb",
                                        "\x7f",
                                        "\""};
    static const char *const shapes[] = {
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s\"},\"p\":\"abc\"}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s\"}}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"toolUse\":{\"input\":\"%s\"}},\"p\":\"\"}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"reasoningContent\":{\"text\":\"%s\"}}}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"reasoningContent\":{\"text\":\"%s\"},\"text\":"
        "\"b\"}}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s\"},\"p\":\"a\",\"x\":1}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s\"},\"contentBlockIndex\":3}",
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s\"},\"p\":\"a\"",
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s\"}} ",
        "{\"contentBlockIndex\":%s,\"delta\":{\"text\":\"%s",
    };
    for (size_t i = 0; i < COUNT_OF(indexes) * COUNT_OF(texts) * COUNT_OF(shapes); i++) {
        char payload[300];
        size_t k = i / COUNT_OF(indexes);
        snprintf(payload, sizeof payload, shapes[k / COUNT_OF(texts)],
                 indexes[i % COUNT_OF(indexes)], texts[k % COUNT_OF(texts)]);
        check_both_ways(payload);
    }
}

struct usage_row {
    const char *name, *usage;
    struct usage want;
};

static const struct usage_row usages[] = {
    {"absent", "null", {{0}, false}},
    {"plain",
     "{\"inputTokens\":1,\"outputTokens\":2,\"totalTokens\":3}",
     {{.input = 1, .output = 2}, .seen = true}},
    {"caches",
     "{\"inputTokens\":1,\"outputTokens\":2,\"cacheReadInputTokens\":3,\"cacheWriteInputTokens\":"
     "4}",
     {{1, 2, 3, 4, 0}, true}},
    {"both times to live",
     "{\"cacheWriteInputTokens\":10,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":7},{\"ttl\":"
     "\"5m\",\"inputTokens\":3}]}",
     {{.write_5m = 3, .write_1h = 7}, .seen = true}},
    {"details above the sum",
     "{\"cacheWriteInputTokens\":5,\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":7}]}",
     {{.write_1h = 5}, .seen = true}},
    {"negative and fractions count nothing",
     "{\"inputTokens\":-1,\"outputTokens\":1.5,\"cacheReadInputTokens\":\"9\"}",
     {.seen = true}},
};

static void test_usage_of_metadata_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(usages); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct converse_event e;
        struct err err;
        char *payload = arena_printf(arena, "{\"usage\":%s,\"serviceTier\":{\"type\":\"flex\"}}",
                                     usages[i].usage);
        assert_int_equal(converse_event_read(&e, arena, STR("metadata"), text_from(payload), &err),
                         STATUS_OK);
        const struct usage *got = &e.ending.usage, *want = &usages[i].want;
        if (memcmp(&got->tokens, &want->tokens, sizeof got->tokens) != 0 || got->seen != want->seen)
            fail_msg("%s: wrong", usages[i].name);
        assert_true(text_eq(e.ending.service_tier, STR("flex")));
        arena_drop(arena);
    }
}

static void test_message_stop_tells_reason_and_sequence(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct converse_event e;
    struct err err;
    struct str payload = STR("{\"stopReason\":\"stop_sequence\",\"additionalModelResponseFields\":{"
                             "\"stop_sequence\":\"\\n#\"}}");
    assert_int_equal(converse_event_read(&e, arena, STR("messageStop"), payload, &err), STATUS_OK);
    assert_true(text_eq(e.ending.stop_reason, STR("stop_sequence")));
    assert_true(text_eq(e.ending.stop_sequence, STR("\\n#")));
    payload = STR("{\"additionalModelResponseFields\":{\"stop_sequence\":null}}");
    assert_int_equal(converse_event_read(&e, arena, STR("messageStop"), payload, &err), STATUS_OK);
    assert_null(e.ending.stop_reason.p);
    assert_null(e.ending.stop_sequence.p);
    arena_drop(arena);
}

struct block_row {
    const char *name, *block;
    enum converse_part_kind part;
    const char *text, *signature, *input;
    uint32_t citations;
};

static const struct block_row blocks[] = {
    {"text", "{\"text\":\"a\\\"\"}", CONVERSE_PART_TEXT, "a\\\"", NULL, NULL, 0},
    {"tool", "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"n\",\"input\": {\"a\": 1.0 }}}",
     CONVERSE_PART_TOOL, NULL, NULL, "{\"a\": 1.0 }", 0},
    {"tool without input", "{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"n\"}}", CONVERSE_PART_TOOL,
     NULL, NULL, "{}", 0},
    {"thinking",
     "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\",\"signature\":\"c2ln\"}}}",
     CONVERSE_PART_THINKING, "hm", "c2ln", NULL, 0},
    {"redacted", "{\"reasoningContent\":{\"redactedContent\":\"cmVk\"}}", CONVERSE_PART_REDACTED,
     "cmVk", NULL, NULL, 0},
    {"cited",
     "{\"citationsContent\":{\"content\":[{\"text\":\"a\\n\"},{\"text\":\"b\"},{}],\"citations\":[{"
     "},{}]}}",
     CONVERSE_PART_TEXT, "a\\nb", NULL, NULL, 2},
    {"image", "{\"image\":{}}", CONVERSE_PART_TEXT, CANNOT("an image"), NULL, NULL, 0},
    {"sound", "{\"audio\":{}}", CONVERSE_PART_TEXT, CANNOT("a sound"), NULL, NULL, 0},
    {"no object", "5", CONVERSE_PART_NONE, NULL, NULL, NULL, 0},
};

static void test_block_of_each_kind_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        const struct block_row *row = &blocks[i];
        struct arena *arena = arena_new(1 << 20);
        struct converse_answer a;
        struct converse_part p;
        struct err err;
        char *body =
            arena_printf(arena, "{\"output\":{\"message\":{\"content\":[%s]}}}", row->block);
        assert_int_equal(converse_event_answer(&a, arena, text_from(body), &err), STATUS_OK);
        assert_int_equal(converse_event_block(&a.scan, scan_first(&a.scan, a.content), &p, &err),
                         STATUS_OK);
        if (p.kind != row->part || scan_size(&a.scan, p.citations) != row->citations)
            fail_msg("%s: part %d", row->name, p.kind);
        same(row->name, "text", p.text, row->text);
        same(row->name, "signature", p.signature, row->signature);
        same(row->name, "input", p.input, row->input);
        arena_drop(arena);
    }
}

static void test_answer_broken_is_upstream(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         "<html>",
                                         "[]",
                                         "{}",
                                         "{\"output\":{\"message\":{\"content\":\"x\"}}}",
                                         "{\"message\":\"throttled\"}"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct converse_answer a;
        struct err err;
        if (converse_event_answer(&a, arena, text_from(bodies[i]), &err) != STATUS_UPSTREAM)
            fail_msg("%s: taken", bodies[i]);
        arena_drop(arena);
    }
}

struct stop_row {
    const char *reason;
    bool tools;
    const char *anthropic, *openai;
};

static const struct stop_row stops[] = {
    {"end_turn", false, "end_turn", "stop"},
    {"end_turn", true, "tool_use", "tool_calls"}, /* some open models */
    {"tool_use", true, "tool_use", "tool_calls"},
    {"tool_use", false, "end_turn", "stop"}, /* W12 */
    {"max_tokens", false, "max_tokens", "length"},
    {"max_tokens", true, "max_tokens", "length"}, /* the call is cut: never to be run */
    {"stop_sequence", false, "stop_sequence", "stop"},
    {"guardrail_intervened", false, "refusal", "content_filter"},
    {"content_filtered", true, "refusal", "content_filter"},
    {"malformed_model_output", false, NULL, "stop"},
    {"malformed_tool_use", true, NULL, "stop"},
    {"model_context_window_exceeded", false, "model_context_window_exceeded", "length"},
    {"tomorrow", false, "end_turn", "stop"},
    {"tomorrow", true, "tool_use", "tool_calls"},
    {"", false, "end_turn", "stop"},
};

static void test_stop_reason_of_each_kind_is_mapped(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(stops); i++) {
        const struct converse_stop *got =
            converse_event_stop(text_from(stops[i].reason), stops[i].tools);
        same(stops[i].reason, "anthropic", text_from(got->anthropic), stops[i].anthropic);
        same(stops[i].reason, "openai", text_from(got->openai), stops[i].openai);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_of_each_kind_is_read),
        cmocka_unit_test(test_event_broken_is_upstream),
        cmocka_unit_test(test_delta_of_the_usual_shape_is_read_as_any_other),
        cmocka_unit_test(test_event_without_memory_is_internal),
        cmocka_unit_test(test_usage_of_metadata_is_read),
        cmocka_unit_test(test_message_stop_tells_reason_and_sequence),
        cmocka_unit_test(test_block_of_each_kind_is_read),
        cmocka_unit_test(test_answer_broken_is_upstream),
        cmocka_unit_test(test_stop_reason_of_each_kind_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
