/* A conversation that grows: what goes to Bedrock for the turns that were there before has the same
 * bytes in every later request, on both transports. Prompt caches and the thoughts of newer models
 * are bound to them. */
#include "tests/unit/convert_case.h"
#include "worker/splice/splice.h"

struct talk {
    const char *name;
    enum dialect dialect;
    bool invoke;
    const char *head; /* members before "messages" */
    const char *const *turns;
};

static const char *const messages_turns[] = {
    "{\"role\":\"user\",\"content\":\"first\"}",
    "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"# Environment\"}]}",
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"I look\","
    "\"signature\":\"c2ln\"},{\"type\":\"text\",\"text\":\"Looking "
    "\"},{\"type\":\"tool_use\",\"id\":"
    "\"functions.look:0\",\"name\":\"look\",\"input\":{\"n\":9007199254740993}}]}",
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"functions.look:"
    "0\","
    "\"content\":[{\"type\":\"text\",\"text\":\"1\"}]},{\"type\":\"text\",\"text\":\"and?\"}]}",
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"eA==\"},{"
    "\"type\":"
    "\"server_tool_use\",\"id\":\"srvtoolu_1\",\"name\":\"web_search\",\"input\":{}},{\"type\":"
    "\"tool_use\",\"id\":\"functions.look:0\",\"name\":\"look\",\"input\":{},\"caller\":{\"type\":"
    "\"direct\"}}]}",
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"functions.look:"
    "0\","
    "\"content\":\"2\"},{\"type\":\"tool_result\",\"tool_use_id\":\"functions.look:0\",\"content\":"
    "\"3\"}]}",
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"unsigned\","
    "\"signature\":\"\"},{\"type\":\"text\",\"text\":\"so\"}]}",
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go on\"}]}",
    "{\"role\":\"assistant\",\"content\":\"done\"}",
    "{\"role\":\"user\",\"content\":\"last\"}",
    NULL,
};

static const char *const chat_turns[] = {
    "{\"role\":\"user\",\"content\":\"first\"}",
    "{\"role\":\"developer\",\"content\":\"# Environment\"}",
    "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"I "
    "look\",\"tool_calls\":[{\"id\":"
    "\"functions.look:0\",\"type\":\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{}"
    "\"}}]}",
    "{\"role\":\"tool\",\"tool_call_id\":\"functions.look:0\",\"content\":\"1\"}",
    "{\"role\":\"assistant\",\"content\":\"again\",\"tool_calls\":[{\"id\":\"functions.look:0\","
    "\"type\":"
    "\"function\",\"function\":{\"name\":\"look\",\"arguments\":\"{\\\"n\\\":1}\"}}]}",
    "{\"role\":\"tool\",\"tool_call_id\":\"functions.look:0\",\"content\":\"2\"}",
    "{\"role\":\"assistant\",\"content\":\"so\"}",
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"go on\"}]}",
    "{\"role\":\"assistant\",\"content\":\"done\"}",
    "{\"role\":\"user\",\"content\":\"last\"}",
    NULL,
};

static const char *const responses_turns[] = {
    "{\"role\":\"user\",\"content\":\"first\"}",
    "{\"role\":\"developer\",\"content\":\"# Environment\"}",
    "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"x\"},{\"role\":\"assistant\","
    "\"content\":\"I look\"},{\"type\":\"function_call\",\"call_id\":\"functions.look:0\",\"name\":"
    "\"look\",\"arguments\":\"{}\"}",
    "{\"type\":\"function_call_output\",\"call_id\":\"functions.look:0\",\"output\":\"1\"}",
    "{\"role\":\"assistant\",\"content\":\"again\"},{\"type\":\"function_call\",\"call_id\":"
    "\"functions.look:0\",\"namespace\":\"n\",\"name\":\"look\",\"arguments\":\"{\\\"n\\\":1}\"}",
    "{\"type\":\"function_call_output\",\"call_id\":\"functions.look:0\",\"output\":\"2\"}",
    "{\"role\":\"assistant\",\"content\":\"so\"}",
    "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"go on\"}]}",
    "{\"role\":\"assistant\",\"content\":\"done\"}",
    "{\"role\":\"user\",\"content\":\"last\"}",
    NULL,
};

#define SCHEMA "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1}}}"
#define SHARED                                                                             \
    "\"model\":\"m\",\"max_tokens\":9000,\"system\":[{\"type\":\"text\",\"text\":\"s\"}]," \
    "\"tools\":[{\"name\":\"look\",\"input_schema\":{\"anyOf\":[{\"type\":\"object\"}]}}],"
#define FORMAT "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}},"
#define CHAT                                                                               \
    "\"model\":\"m\",\"max_tokens\":9000,\"tools\":[{\"type\":\"function\",\"function\":{" \
    "\"name\":"                                                                            \
    "\"look\",\"parameters\":{}}}],"
#define OFF     "\"thinking\":{\"type\":\"disabled\"},"
#define BINDING "thinking-binding-controls-2026-08-01"
#define THINKS  "\"thinking\":{\"type\":\"adaptive\"},"
#define CHAT_FORMAT                                                                  \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"," \
    "\"schema\":" SCHEMA "}},"

#define RESPONSES                                                                            \
    "\"model\":\"m\",\"max_output_tokens\":9000,\"tools\":[{\"type\":\"function\",\"name\":" \
    "\"look\"},{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"function\","    \
    "\"name\":\"look\"}]}],"

/* The body for the first n turns, in the arena. */
static struct str convert(struct arena *arena, const struct talk *t, const char *model, size_t n,
                          const struct cure *cure)
{
    struct buf text, body, changes;
    struct scan s;
    struct err err = {0};
    struct plan plan = {0};
    struct messages_request messages;
    struct chat_request chat;
    struct responses_request responses;
    struct models_choice choice = {.id = text_from(model),
                                   .caps = models_keep(arena, text_from(model)),
                                   .transport = t->invoke ? MODELS_INVOKE : MODELS_CONVERSE};
    struct plan_options o = {.model = &choice, .cure = cure};
    struct converse_names *names = converse_names_new(arena);
    bool openai = t->dialect == DIALECT_OPENAI, newer = t->dialect == DIALECT_RESPONSES;
    buf_init(&text, CASE_MAX);
    buf_init(&body, CASE_MAX);
    buf_init(&changes, CASE_MAX);
    buf_printf(&text, "{%s\"%s\":[", t->head, newer ? "input" : "messages");
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i > 0 ? "," : "", t->turns[i]);
    buf_printf(&text, "]}");
    struct str in = arena_dup(arena, buf_str(&text));
    enum status st = scan_parse(&s, arena, in, &case_limits, &err);
    if (st == STATUS_OK)
        st = newer    ? responses_read(&s, &responses, &err)
             : openai ? chat_read(&s, &chat, &err)
                      : messages_read(&s, false, &messages, &err);
    const struct wish *wish = newer ? &responses.wish : openai ? &chat.wish : &messages.wish;
    if (st == STATUS_OK)
        st = plan_make(&plan, wish, &o, arena, &changes, &err);
    if (st == STATUS_OK)
        st = t->invoke ? splice_request(&messages, &plan, &body, &err)
             : newer   ? responses_to_converse(&responses, &plan, names, NULL, &body, &err)
             : openai  ? openai_to_converse(&chat, &plan, names, &body, &err)
                       : anthropic_to_converse(&messages, &plan, names, &body, &err);
    if (st != STATUS_OK)
        fail_msg("%s, %s, %zu turns: %s", t->name, model, n, err.text);
    struct str out = arena_dup(arena, buf_str(&body));
    buf_free(&text);
    buf_free(&body);
    buf_free(&changes);
    return out;
}

static bool speaks_last(const char *turn)
{
    return strstr(turn, "\"role\":\"assistant\"") || strstr(turn, "\"type\":\"function_call\"");
}

static void check_same(const struct talk *t, const char *model, const char *what, struct str before,
                       struct str now)
{
    if (!text_eq(before, now))
        fail_msg("%s, %s, %s: '%.*s', then '%.*s'", t->name, model, what, STR_ARG(before),
                 STR_ARG(now));
}

/* before: the body of a request with fewer turns. */
static void check_prefix(struct arena *arena, const struct talk *t, const char *model,
                         struct str before, struct str now)
{
    static const char *const parts[] = {"system", "tools", "toolConfig"};
    struct scan a, b;
    assert_int_equal(scan_parse(&a, arena, before, &case_limits, NULL), STATUS_OK);
    assert_int_equal(scan_parse(&b, arena, now, &case_limits, NULL), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct str name = text_from(parts[i]);
        check_same(t, model, parts[i], scan_raw(&a, scan_get(&a, 0, name)),
                   scan_raw(&b, scan_get(&b, 0, name)));
    }
    scan_ref list = SCAN_GET(&a, 0, "messages"), more = SCAN_GET(&b, 0, "messages");
    assert_true(scan_size(&a, list) > 0 && scan_size(&a, list) < scan_size(&b, more));
    scan_ref y = scan_first(&b, more);
    for (scan_ref x = scan_first(&a, list); x != SCAN_ABSENT; x = scan_next(&a, list, x)) {
        check_same(t, model, "a message", scan_raw(&a, x), scan_raw(&b, y));
        y = scan_next(&b, more, y);
    }
}

static void check_talk(const struct talk *t, const char *model)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str before = {NULL, 0};
    for (size_t n = 1; t->turns[n - 1]; n++) {
        /* a request comes when the assistant is to speak */
        if (speaks_last(t->turns[n - 1]) || (t->turns[n] && !speaks_last(t->turns[n])))
            continue;
        struct str now = convert(arena, t, model, n, NULL);
        if (before.p)
            check_prefix(arena, t, model, before, now);
        before = now;
    }
    arena_drop(arena);
}

static void test_turns_that_were_sent_keep_their_bytes(void **state)
{
    static const struct talk talks[] = {
        {"InvokeModel", DIALECT_ANTHROPIC, true, SHARED, messages_turns},
        {"InvokeModel, thinking", DIALECT_ANTHROPIC, true, SHARED THINKS, messages_turns},
        {"InvokeModel, a schema", DIALECT_ANTHROPIC, true, SHARED THINKS FORMAT, messages_turns},
        {"Converse", DIALECT_ANTHROPIC, false, SHARED, messages_turns},
        {"Converse, thinking", DIALECT_ANTHROPIC, false, SHARED THINKS, messages_turns},
        {"Converse, a schema", DIALECT_ANTHROPIC, false, SHARED THINKS FORMAT, messages_turns},
        {"Chat", DIALECT_OPENAI, false, CHAT, chat_turns},
        {"Chat, thinking", DIALECT_OPENAI, false, CHAT "\"reasoning_effort\":\"high\",",
         chat_turns},
        {"Chat, a schema", DIALECT_OPENAI, false, CHAT CHAT_FORMAT, chat_turns},
        {"Responses", DIALECT_RESPONSES, false, RESPONSES, responses_turns},
        {"Responses, thinking", DIALECT_RESPONSES, false,
         RESPONSES "\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},", responses_turns},
    };
    static const char *const models[] = {SONNET45, OPUS46,  OPUS47, OPUS55,   NOVA, QWEN,
                                         LLAMA,    GPT_OSS, KIMI,   DEEPSEEK, GPT5};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(talks); i++)
        for (size_t m = 0; m < COUNT_OF(models); m++)
            if (!talks[i].invoke || m < 4)
                check_talk(&talks[i], models[m]);
}

/* Where the bytes did change - the client has cut its history - Bedrock refuses the thoughts behind; once
 * more, and they are dropped. */
static void test_thoughts_of_another_conversation_are_dropped_on_both_transports(void **state)
{
    static const struct talk talks[] = {
        {"InvokeModel", DIALECT_ANTHROPIC, true, SHARED, messages_turns},
        {"InvokeModel, off", DIALECT_ANTHROPIC, true, SHARED OFF, messages_turns},
        {"InvokeModel, thinking", DIALECT_ANTHROPIC, true, SHARED THINKS, messages_turns},
        {"Converse", DIALECT_ANTHROPIC, false, SHARED, messages_turns},
        {"Converse, off", DIALECT_ANTHROPIC, false, SHARED OFF, messages_turns},
        {"Converse, thinking", DIALECT_ANTHROPIC, false, SHARED THINKS, messages_turns},
    };
    static const struct cure cure = {.what = LEARNED_BINDING};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(talks); i++) {
        struct arena *arena = arena_new((size_t)64 << 20);
        struct str body = convert(arena, &talks[i], OPUS55, 4, &cure);
        size_t at;
        if (!text_find(body,
                       STR("\"thinking\":{\"type\":\"adaptive\",\"block_binding\":{\"mismatch_"
                           "behavior\":\"drop_block\"}}"),
                       &at) &&
            !text_find(body,
                       STR("\"thinking\":{\"block_binding\":{\"mismatch_behavior\":\"drop_block\"},"
                           "\"type\":\"adaptive\"}"),
                       &at))
            fail_msg("%s: %.*s", talks[i].name, STR_ARG(body));
        if (!text_find(body, STR("\"anthropic_beta\":[\"" BINDING "\"]"), &at))
            fail_msg("%s: %.*s", talks[i].name, STR_ARG(body));
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns_that_were_sent_keep_their_bytes),
        cmocka_unit_test(test_thoughts_of_another_conversation_are_dropped_on_both_transports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
