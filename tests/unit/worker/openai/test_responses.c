#include "worker/openai/responses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "server/base/buf.h"
#include "tests/unit/err_param.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

#define IN(more)   "{\"model\":\"m\",\"input\":\"u\"" more "}"
#define WITH(item) "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"u\"}," item "]}"

static enum status read_responses(struct arena *arena, const char *body,
                                  struct responses_request *out, struct scan *s, struct err *err)
{
    *err = (struct err){0};
    assert_int_equal(scan_parse(s, arena, text_from(body), &limits, err), STATUS_OK);
    return responses_read(s, out, err);
}

static void test_fields_are_read(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct responses_request r;
    struct scan s;
    struct err err;
    (void)state;
    assert_int_equal(
        read_responses(arena,
                       IN(",\"stream\":true,\"instructions\":\"i\",\"max_tokens\":5,"
                          "\"max_output_tokens\":7,\"tools\":[{\"type\":\"web_search\"}],"
                          "\"include\":[\"reasoning.encrypted_content\"],\"reasoning\":{"
                          "\"summary\":\"auto\"},\"prompt_cache_key\":\"k\""),
                       &r, &s, &err),
        STATUS_OK);
    assert_true(text_eq(r.model, STR("m")) && r.stream && r.shows_summary && r.wants_encrypted);
    assert_int_equal(r.max_tokens, 7); /* max_output_tokens wins */
    assert_true(SCAN_IS(&s, r.input, "u") && SCAN_IS(&s, r.instructions, "i"));
    assert_int_equal(scan_size(&s, r.tools), 1);
    assert_int_equal(r.wish.tools.shown, 0); /* none that the model can be shown */
    assert_int_equal(r.wish.thinking.mode, WISH_THINKING_ADAPTIVE);
    assert_true(r.wish.cache.automatic && r.wish.max_tokens.given);
    assert_true(text_eq(r.wish.thinking.display.as, STR("summarized")));
    assert_int_equal(
        read_responses(arena, IN(",\"tools\":[],\"stream\":null,\"include\":[]"), &r, &s, &err),
        STATUS_OK);
    assert_true(!r.stream && !r.shows_summary && !r.wants_encrypted && !r.wish.cache.automatic);
    assert_true(r.tools == SCAN_ABSENT && r.instructions == SCAN_ABSENT && r.max_tokens == 0);
    assert_int_equal(r.wish.thinking.mode, WISH_THINKING_UNSET);
    arena_drop(arena);
}

static void test_history_tells_what_it_has(void **state)
{
    static const struct {
        const char *item;
        bool called, thoughts, unreasoned;
    } rows[] = {
#define CALL                                                                            \
    "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\"}," \
    "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"\"}"
#define THOUGHT "{\"type\":\"reasoning\",\"encrypted_content\":\"x\"}"
        {"{\"role\":\"assistant\",\"content\":\"a\"}", false, false, false},
        {CALL, true, false, true},
        {THOUGHT "," CALL, true, true, false},
        {"{\"type\":\"reasoning\",\"encrypted_content\":null}," CALL, true, false, true},
        {"{\"role\":\"assistant\",\"content\":\"a\"}," THOUGHT "," CALL, true, true, true},
        {CALL ",{\"role\":\"assistant\",\"content\":\"a\"}", true, false, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct responses_request r;
        struct scan s;
        struct err err;
        char *body =
            arena_printf(arena,
                         "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"u\"}"
                         ",%s],\"reasoning\":{\"effort\":\"low\"}}",
                         rows[i].item);
        assert_int_equal(read_responses(arena, body, &r, &s, &err), STATUS_OK);
        if (r.wish.tools.called_before != rows[i].called ||
            r.wish.thinking.in_history != rows[i].thoughts ||
            r.wish.thinking.unreasoned != rows[i].unreasoned)
            fail_msg("%s: %d %d %d", rows[i].item, r.wish.tools.called_before,
                     r.wish.thinking.in_history, r.wish.thinking.unreasoned);
        arena_drop(arena);
    }
}

static void test_tools_are_counted_wherever_they_are(void **state)
{
    static const struct {
        const char *body;
        uint32_t tools;
    } rows[] = {
#define F(name) "{\"type\":\"function\",\"name\":\"" name "\"}"
#define SPACE   "{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[" F("a") "," F("b") "]}"
        {IN(",\"tools\":[" F("x") ",{\"type\":\"web_search\"}]"), 1},
        {IN(",\"tools\":[" SPACE ",{\"type\":\"local_shell\"}]"), 3},
        {IN(",\"tools\":[{\"type\":\"tool_search\"},{\"type\":\"tool_search\",\"execution\":"
            "\"client\"}]"),
         1},
        {WITH("{\"type\":\"additional_tools\",\"tools\":[" SPACE "]}"), 2},
        {IN(",\"tools\":[" F("x") "," SPACE
                                  "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":"
                                  "\"auto\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\"}]}"),
         2},
        {IN(",\"tools\":[" F("a") "," SPACE
                                  "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":"
                                  "\"auto\",\"tools\":[{\"type\":\"function\",\"name\":\"a\","
                                  "\"namespace\":\"n\"}]}"),
         1},
        {IN(",\"tools\":[" F(
             "a") ",{\"type\":\"local_shell\"},{\"type\":\"web_search\"}],"
                  "\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\","
                  "\"tools\":[{\"type\":\"local_shell\"},{\"type\":\"web_search\"}]}"),
         1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct responses_request r;
        struct scan s;
        struct err err;
        assert_int_equal(read_responses(arena, rows[i].body, &r, &s, &err), STATUS_OK);
        if (r.wish.tools.shown != rows[i].tools)
            fail_msg("%s: %u", rows[i].body, r.wish.tools.shown);
        arena_drop(arena);
    }
}

/* What a request of this route cannot have is told with the path of the parameter. */
static const struct {
    const char *body, *param, *code;
} wrongs[] = {
    {"[]", "", NULL},
    {"{}", "model", "missing_required_parameter"},
    {"{\"model\":\"m\"}", "input", "missing_required_parameter"},
    {"{\"model\":\"m\",\"input\":[]}", "input", "empty_array"},
    {"{\"model\":\"m\",\"input\":\"u\",\"input\":[]}", "input", "invalid_value"},
    {IN(",\"previous_response_id\":\"r\""), "previous_response_id", "unsupported_parameter"},
    {IN(",\"conversation\":\"c\""), "conversation", "unsupported_parameter"},
    {IN(",\"prompt\":{}"), "prompt", "unsupported_parameter"},
    {IN(",\"background\":true"), "background", "unsupported_parameter"},
    {WITH("{\"type\":\"item_reference\",\"id\":\"i\"}"), "input[1]", "unsupported_parameter"},
    {WITH("7"), "input[1]", "invalid_type"},
    {WITH("{\"type\":\"x\"}"), "input[1].type", "invalid_value"},
    {WITH("{\"role\":\"x\",\"content\":\"\"}"), "input[1].role", "invalid_value"},
    {WITH("{\"role\":\"user\"}"), "input[1].content", "missing_required_parameter"},
    {WITH("{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"\"}"), "input[1].call_id",
     "missing_required_parameter"},
    {WITH("{\"type\":\"function_call\",\"call_id\":7,\"name\":\"f\",\"arguments\":\"\"}"),
     "input[1].call_id", "invalid_type"},
    {WITH("{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"\",\"arguments\":\"\"}"),
     "input[1].name", "missing_required_parameter"},
    {WITH("{\"type\":\"local_shell_call\",\"call_id\":\"c\"}"), "input[1].action", "invalid_type"},
    {WITH("{\"type\":\"tool_search_call\",\"call_id\":\"c\",\"arguments\":7}"),
     "input[1].arguments", "invalid_type"},
    {WITH("{\"type\":\"tool_search_output\",\"call_id\":\"c\"}"), "input[1].tools", "invalid_type"},
    {WITH("{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":{}}"), "input[1].output",
     "invalid_type"},
    {WITH("{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"\"}"), "input",
     "invalid_value"},
    {WITH("{\"type\":\"additional_tools\",\"tools\":[7]}"), "input[1].tools[0]", "invalid_type"},
    {IN(",\"tools\":{}"), "tools", "invalid_type"},
    {IN(",\"tools\":[{\"type\":\"function\"}]"), "tools[0].name", "missing_required_parameter"},
    {IN(",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\"}]"), "tools[0].tools", "invalid_type"},
    {IN(",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"name\":\"\"}]}]"),
     "tools[0].tools[0].name", "missing_required_parameter"},
    {IN(",\"max_output_tokens\":0"), "max_output_tokens", "invalid_value"},
    {IN(",\"max_output_tokens\":\"x\""), "max_output_tokens", "invalid_type"},
    {IN(",\"stream\":1"), "stream", "invalid_type"},
    {IN(",\"include\":{}"), "include", "invalid_type"},
    {IN(",\"reasoning\":\"high\""), "reasoning", "invalid_type"},
    {IN(",\"text\":[]"), "text", "invalid_type"},
    {IN(",\"metadata\":\"x\""), "metadata", "invalid_type"},
    {IN(",\"top_p\":\"x\""), "top_p", "invalid_type"},
    {IN(",\"instructions\":[]"), "instructions", "invalid_type"},
};

static void test_what_is_wrong_names_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct responses_request r;
        struct scan s;
        struct err err;
        enum status st = read_responses(arena, wrongs[i].body, &r, &s, &err);
        const char *code = err_code(&err, DIALECT_RESPONSES);
        if (st != STATUS_INVALID || strcmp(err.param, wrongs[i].param) != 0 ||
            !code != !wrongs[i].code || (code && strcmp(code, wrongs[i].code) != 0))
            fail_msg("%s: '%s', '%s', '%s'", wrongs[i].body, err.param, code ? code : "", err.text);
        if (!err_param_fits(&err))
            fail_msg("%s: '%s' of '%s'", wrongs[i].body, err.param, err.text);
        arena_drop(arena);
    }
}

/* A worker reads it in one go: 200 KB must not stop all its other clients for seconds. */
static void fill(struct buf *b, const char *piece, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        buf_put_str(b, i ? STR(",") : STR(""));
        buf_put_str(b, text_from(piece));
    }
}

static clock_t cpu_of(const struct buf *body, enum status fault)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct responses_request r;
    struct scan s;
    struct err err = {0};
    assert_int_equal(scan_parse(&s, arena, buf_str(body), &limits, &err), STATUS_OK);
    clock_t begun = clock();
    assert_int_equal(responses_read(&s, &r, &err), STATUS_OK);
    clock_t used = clock() - begun;
    assert_int_equal(r.wish.fault.code, fault);
    arena_drop(arena);
    return used;
}

static void test_no_list_is_searched_for_each_member_of_another(void **state)
{
    static const struct {
        const char *opens, *filler;
        unsigned fillers;
        const char *between, *item;
        unsigned items;
        const char *closes;
        enum status fault;
    } rows[] = {
        {"\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",", "\"a\":0", 9000, ",\"tools\":[",
         "{\"type\":\"x\"}", 40000, "]}]", STATUS_OK},
        {"\"tools\":[", "{\"name\":\"f\"}", 20000,
         "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[",
         "{\"name\":\"g\"}", 20000, "]}", STATUS_INVALID},
        {"\"tools\":[", "{\"name\":\"f\"}", 20000,
         "],\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":"
         "\"function\",",
         "\"a\":0", 9000, ",\"name\":\"g\"}]}", STATUS_OK},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf body;
        buf_init(&body, (size_t)8 << 20);
        buf_put_str(&body, STR("{\"model\":\"m\",\"input\":\"u\","));
        buf_put_str(&body, text_from(rows[i].opens));
        fill(&body, rows[i].filler, rows[i].fillers);
        buf_put_str(&body, text_from(rows[i].between));
        fill(&body, rows[i].item, rows[i].items);
        buf_put_str(&body, text_from(rows[i].closes));
        buf_put_char(&body, '}');
        assert_true(cpu_of(&body, rows[i].fault) < 2 * CLOCKS_PER_SEC);
        buf_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_read),
        cmocka_unit_test(test_history_tells_what_it_has),
        cmocka_unit_test(test_tools_are_counted_wherever_they_are),
        cmocka_unit_test(test_no_list_is_searched_for_each_member_of_another),
        cmocka_unit_test(test_what_is_wrong_names_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
