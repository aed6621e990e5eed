/* The validator of Converse bodies against deliberately broken ones; and with it the request
 * converters against thousands of random requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/convert_case.h"
#include "tests/unit/request_random_chat.h"
#include "tests/unit/request_random_messages.h"
#include "tests/unit/request_random_responses.h"

#if defined(__SANITIZE_ADDRESS__)
#define REQUESTS 10000 /* of each dialect: a sanitized run may take 2 s */
#else
#define REQUESTS 30000
#endif

/* --- the validator ------------------------------------------------------------------------- */

#define WITH(more)  "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]," more "}"
#define BLOCK(json) "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}," json "]}]}"
#define TOOL(json)  WITH("\"toolConfig\":{\"tools\":[{\"toolSpec\":{" json "}}]}")
#define DOCUMENT(name) \
    "{\"document\":{\"name\":\"" name "\",\"format\":\"txt\",\"source\":{\"bytes\":\"AAAA\"}}}"
#define USE(id)    "{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"n\",\"input\":{}}}"
#define RESULT(id) "{\"toolResult\":{\"toolUseId\":\"" id "\",\"content\":[{\"text\":\"r\"}]}}"
#define POINT      "{\"cachePoint\":{\"type\":\"default\"}}"
#define HOUR       "{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}"
#define USER(json) "{\"role\":\"user\",\"content\":[" json "]}"
#define SAYS(json) "{\"role\":\"assistant\",\"content\":[" json "]}"
#define CONFIG                                                                             \
    "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{" \
    "\"type\":\"object\"}}}}]}"
#define TURNS(json) "{" CONFIG ",\"messages\":[" json "]}"

struct broken {
    const char *name, *body, *why; /* why: a part of what the validator says; NULL: it is legal */
};

static const char *first_defect(struct arena *arena, const char *body, char *text, size_t size)
{
    struct scan s;
    const char *rule = NULL;
    assert_int_equal(scan_parse(&s, arena, text_from(body), &case_limits, NULL), STATUS_OK);
    if (!converse_shape_check(&s, text, size))
        return text;
    return converse_rules_check(&s, &rule) ? NULL : rule;
}

static void check_broken(const struct broken *rows, size_t n)
{
    char text[400];
    for (size_t i = 0; i < n; i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        const char *got = first_defect(arena, rows[i].body, text, sizeof text);
        if (!rows[i].why != !got || (got && !strstr(got, rows[i].why)))
            fail_msg("%s: says '%s'", rows[i].name, got ? got : "legal");
        arena_drop(arena);
    }
}

static void test_shape_that_is_broken_is_caught(void **state)
{
    static const struct broken rows[] = {
        {"a legal body", WITH("\"inferenceConfig\":{\"maxTokens\":1,\"topP\":0.5}"), NULL},
        {"required", "{\"system\":[{\"text\":\"s\"}]}", "body: lacks messages"},
        {"required below", TOOL("\"name\":\"n\""), "toolSpec: lacks inputSchema"},
        {"unknown member", WITH("\"top_k\":1"), "unknown member top_k"},
        {"unknown below", WITH("\"inferenceConfig\":{\"topK\":1}"), "unknown member topK"},
        {"member twice", WITH("\"system\":[{\"text\":\"s\"}],\"system\":[{\"text\":\"s\"}]"),
         "system twice"},
        {"union of two", BLOCK("{\"text\":\"a\",\"cachePoint\":{\"type\":\"default\"}}"),
         "a union with 2 members"},
        {"union of none", BLOCK("{}"), "a union with 0 members"},
        {"enum", "{\"messages\":[{\"role\":\"tool\",\"content\":[{\"text\":\"u\"}]}]}",
         "messages.0.role: is none of"},
        {"pattern", TOOL("\"name\":\"a b\",\"inputSchema\":{\"json\":{}}"), "character 0x20"},
        {"shortest", BLOCK("{\"text\":\"\"}"), "content.1.text: 0 characters"},
        {"longest",
         TOOL("\"name\":\"a123456789b123456789c123456789d123456789e123456789f123456789g1234\","
              "\"inputSchema\":{\"json\":{}}"),
         "65 characters"},
        {"fewest", "{\"messages\":[]}", "messages: 0 elements"},
        {"number too small", WITH("\"inferenceConfig\":{\"maxTokens\":0}"), "out of range"},
        {"number too large", WITH("\"inferenceConfig\":{\"temperature\":1.1}"), "out of range"},
        {"no integer", WITH("\"inferenceConfig\":{\"maxTokens\":1.5}"), "no integer"},
        {"number as string", WITH("\"inferenceConfig\":{\"maxTokens\":\"1\"}"), "no number"},
        {"string as number", BLOCK("{\"text\":1}"), "no string"},
        {"no list", "{\"messages\":{}}", "no list"},
        {"no object", BLOCK("\"text\""), "no object"},
        {"no boolean", TOOL("\"name\":\"n\",\"inputSchema\":{\"json\":{}},\"strict\":1"),
         "no boolean"},
        {"document that is no object", TOOL("\"name\":\"n\",\"inputSchema\":{\"json\":[]}"),
         "json: no object"},
        {"broken base64", BLOCK("{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AA%=\"}}}"),
         "no base64"},
        {"empty base64", BLOCK("{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"\"}}}"),
         "no base64"},
    };
    (void)state;
    check_broken(rows, COUNT_OF(rows));
}

static void test_rule_that_is_broken_is_caught(void **state)
{
    static const struct broken rows[] = {
        {"legal turns", TURNS(USER("{\"text\":\"u\"}") "," SAYS(USE("a")) "," USER(RESULT("a"))),
         NULL},
        {"an id again",
         TURNS(USER("{\"text\":\"u\"}") "," SAYS(USE("a")) "," USER(RESULT("a")) "," SAYS(
             USE("a")) "," USER(RESULT("a"))),
         "an id that is called twice"},
        {"assistant begins", TURNS(SAYS("{\"text\":\"u\"}")), "the wrong one's turn"},
        {"two turns of one", TURNS(USER("{\"text\":\"u\"}") "," USER("{\"text\":\"u\"}")),
         "the wrong one's turn"},
        {"no result",
         TURNS(USER("{\"text\":\"u\"}") "," SAYS(USE("a")) "," USER("{\"text\":\"u\"}")),
         "a call without its result"},
        {"no call", TURNS(USER(RESULT("a"))), "a result without its call"},
        {"result behind text",
         TURNS(
             USER("{\"text\":\"u\"}") "," SAYS(USE("a")) "," USER("{\"text\":\"u\"}," RESULT("a"))),
         "a result behind"},
        {"calls without toolConfig",
         "{\"messages\":[" USER("{\"text\":\"u\"}") "," SAYS(USE("a")) "," USER(RESULT("a")) "]}",
         "without toolConfig"},
        {"names of documents", BLOCK(DOCUMENT("a") "," DOCUMENT("a")), "two documents of one name"},
        {"document alone", TURNS(USER(DOCUMENT("a"))), "a document without text"},
        {"image of the assistant",
         TURNS(USER("{\"text\":\"u\"}") "," SAYS(
             "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAA\"}}}")),
         "a user's block"},
        {"thought of the user", BLOCK("{\"reasoningContent\":{\"redactedContent\":\"AAAA\"}}"),
         "an assistant's block"},
        {"points together", BLOCK(POINT "," POINT), "two cache points together"},
        {"point first", TURNS(USER(POINT ",{\"text\":\"u\"}")), "two cache points together"},
        {"hour after minutes", BLOCK(POINT ",{\"text\":\"u\"}," HOUR), "an hour after"},
        {"five points",
         BLOCK(POINT ",{\"text\":\"u\"}," POINT ",{\"text\":\"u\"}," POINT
                     ",{\"text\":\"u\"}," POINT ",{\"text\":\"u\"}," POINT),
         "more than four"},
    };
    (void)state;
    check_broken(rows, COUNT_OF(rows));
}

/* --- random requests ----------------------------------------------------------------------- */

static const char *const models[] = {SONNET35, SONNET45, OPUS46, OPUS47,  OPUS55, NOVA,  NOVA2,
                                     QWEN,     QWEN_VL,  LLAMA,  GPT_OSS, KIMI,   GEMMA, MISTRAL7};

/* The n-th toolUse.input of the body. */
static struct str nth_input(const struct scan *body, unsigned n)
{
    scan_ref messages = SCAN_GET(body, 0, "messages");
    for (scan_ref m = scan_first(body, messages); m != SCAN_ABSENT;
         m = scan_next(body, messages, m)) {
        scan_ref content = SCAN_GET(body, m, "content");
        for (scan_ref v = scan_first(body, content); v != SCAN_ABSENT;
             v = scan_next(body, content, v)) {
            scan_ref use = SCAN_GET(body, v, "toolUse");
            if (use != SCAN_ABSENT && n-- == 0)
                return scan_raw(body, SCAN_GET(body, use, "input"));
        }
    }
    return (struct str){NULL, 0};
}

/* The object inside that string; p NULL: there is none. */
static struct str inner_object(const struct scan *s, scan_ref arguments)
{
    struct scan inner;
    struct str text = scan_text(s, arguments);
    if (text.n == 0 || scan_parse(&inner, s->arena, text, &case_limits, NULL) != STATUS_OK ||
        scan_type(&inner, 0) != SCAN_OBJECT)
        return (struct str){NULL, 0};
    return scan_raw(&inner, 0);
}

/* What the client wrote, or p NULL where it is not a JSON object. */
static struct str wanted_input(const struct scan *s, scan_ref block, enum dialect dialect)
{
    if (dialect == DIALECT_ANTHROPIC) {
        scan_ref input = SCAN_GET(s, block, "input");
        return scan_type(s, input) == SCAN_OBJECT ? scan_raw(s, input) : (struct str){NULL, 0};
    }
    return inner_object(s, SCAN_GET(s, SCAN_GET(s, block, "function"), "arguments"));
}

/* Numbers and strings of tool inputs are byte for byte what came in. Without legacy calls, which
 * are mixed into the count. */
static void check_inputs(struct convert_case *c, enum dialect dialect)
{
    struct scan body;
    const struct scan *s = &c->scan;
    unsigned n = 0;
    scan_ref messages = SCAN_GET(s, 0, "messages");
    assert_int_equal(scan_parse(&body, c->arena, buf_str(&c->body), &case_limits, NULL), STATUS_OK);
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        scan_ref list =
            dialect == DIALECT_ANTHROPIC ? SCAN_GET(s, m, "content") : SCAN_GET(s, m, "tool_calls");
        n += SCAN_GET(s, m, "function_call") != SCAN_ABSENT;
        if (scan_type(s, list) != SCAN_ARRAY || !SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant"))
            continue;
        for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v)) {
            if (dialect == DIALECT_ANTHROPIC && !SCAN_IS(s, SCAN_GET(s, v, "type"), "tool_use"))
                continue;
            struct str want = wanted_input(s, v, dialect), got = nth_input(&body, n++);
            assert_non_null(got.p);
            if (want.p && !text_eq(want, got))
                fail_msg("input %.*s became %.*s", STR_ARG(want), STR_ARG(got));
        }
    }
}

/* The same of the calls of a Responses request. */
static void check_item_inputs(struct convert_case *c)
{
    struct scan body;
    const struct scan *s = &c->scan;
    unsigned n = 0;
    scan_ref input = SCAN_GET(s, 0, "input");
    assert_int_equal(scan_parse(&body, c->arena, buf_str(&c->body), &case_limits, NULL), STATUS_OK);
    for (scan_ref v = scan_type(s, input) == SCAN_ARRAY ? scan_first(s, input) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, input, v)) {
        struct responses_item item = responses_item_read(s, v);
        if (item.kind != RESPONSES_CALL)
            continue;
        struct str want = item.call == CHAT_TOOL_FUNCTION ? inner_object(s, item.input)
                          : item.call == CHAT_TOOL_CUSTOM ? STR("{\"input\":\"a\\nb\"}")
                                                          : scan_raw(s, item.input);
        struct str got = nth_input(&body, n++);
        assert_non_null(got.p);
        if (want.p && !text_eq(want, got))
            fail_msg("input %.*s became %.*s", STR_ARG(want), STR_ARG(got));
    }
}

/* True when it was converted. */
static bool check_random(enum dialect dialect, uint64_t seed)
{
    struct buf request;
    struct convert_case c;
    char why[400];
    buf_init(&request, CASE_MAX);
    struct random_request r = {.state = seed, .b = &request};
    json_begin(&r.w, &request);
    if (dialect == DIALECT_ANTHROPIC)
        random_anthropic(&r);
    else if (dialect == DIALECT_OPENAI)
        random_openai(&r);
    else
        random_responses(&r);
    struct convert_options o = {.model = text_from(PICK(&r, models)),
                                .betas = STR("context-1m-2025-08-07"),
                                .tier = seed % 5 == 0 ? TIER_FLEX : TIER_DEFAULT,
                                .strict = seed % 16 == 0};
    convert_case_run(&c, dialect, o, buf_str(&request));
    bool converted = c.status == STATUS_OK;
    if (!converted && c.status != STATUS_INVALID && c.status != STATUS_TOO_LARGE)
        fail_msg("seed %lu: status %d '%s'", seed, c.status, c.err.text);
    if (!converted && !c.err.text[0])
        fail_msg("seed %lu: refused without a word", seed);
    if (converted && !convert_case_is_legal(&c, why, sizeof why))
        fail_msg("seed %lu, %.*s: %s in\n%.*s\nfrom\n%.*s", seed, STR_ARG(o.model), why,
                 STR_ARG(buf_str(&c.body)), STR_ARG(buf_str(&request)));
    if (converted && dialect == DIALECT_RESPONSES)
        check_item_inputs(&c);
    else if (converted)
        check_inputs(&c, dialect);
    for (size_t i = 0; i < buf_len(&c.changes); i++) /* it goes into a header */
        assert_in_range(buf_data(&c.changes)[i], 0x21, 0x7e);
    convert_case_free(&c);
    buf_free(&request);
    return converted;
}

static void check_many(enum dialect dialect)
{
    unsigned converted = 0;
    for (unsigned i = 0; i < REQUESTS; i++)
        converted += check_random(dialect, 0x9e3779b97f4a7c15u * (i + 1));
    if (converted < REQUESTS / 3)
        fail_msg("only %u of %u were converted: the rest says nothing", converted, REQUESTS);
}

static void test_random_anthropic_requests_give_legal_bodies(void **state)
{
    (void)state;
    check_many(DIALECT_ANTHROPIC);
}

static void test_random_openai_requests_give_legal_bodies(void **state)
{
    (void)state;
    check_many(DIALECT_OPENAI);
}

static void test_random_responses_requests_give_legal_bodies(void **state)
{
    (void)state;
    check_many(DIALECT_RESPONSES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_that_is_broken_is_caught),
        cmocka_unit_test(test_rule_that_is_broken_is_caught),
        cmocka_unit_test(test_random_anthropic_requests_give_legal_bodies),
        cmocka_unit_test(test_random_openai_requests_give_legal_bodies),
        cmocka_unit_test(test_random_responses_requests_give_legal_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
