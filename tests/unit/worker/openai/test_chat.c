#include "worker/openai/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "tests/unit/err_param.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

#define IN(more) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]" more "}"
#define WITH(m)  "{\"model\":\"m\",\"messages\":[" m "]}"

static enum status read_chat(struct arena *arena, const char *body, struct chat_request *out,
                             struct scan *s, struct err *err)
{
    assert_int_equal(scan_parse(s, arena, text_from(body), &limits, err), STATUS_OK);
    return chat_read(s, out, err);
}

static void test_fields_are_read(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct chat_request r;
    struct scan s;
    struct err err;
    (void)state;
    assert_int_equal(
        read_chat(arena,
                  IN(",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                     "\"max_tokens\":5,\"max_completion_tokens\":7,\"n\":1,\"tools\":[{}]"),
                  &r, &s, &err),
        STATUS_OK);
    assert_true(text_eq(r.model, STR("m")) && r.stream && r.include_usage);
    assert_int_equal(r.max_tokens, 7); /* max_completion_tokens wins */
    assert_int_equal(scan_size(&s, r.messages), 1);
    assert_int_equal(scan_size(&s, r.tools), 1);
    assert_int_equal(read_chat(arena, IN(",\"tools\":[],\"stream\":null"), &r, &s, &err),
                     STATUS_OK);
    assert_true(!r.stream && !r.include_usage && r.max_tokens == 0 && r.tools == SCAN_ABSENT);
    arena_drop(arena);
}

static void test_what_is_wrong_is_told_in_openais_words(void **state)
{
    static const struct {
        const char *body, *text;
    } rows[] = {
        {"[]", "The request body is not a JSON object."},
        {"{}", "Missing required parameter: 'model'."},
        {"{\"model\":\"m\"}", "Missing required parameter: 'messages'."},
        {"{\"model\":1,\"messages\":[]}", "Invalid type for 'model': expected a model name."},
        {"{\"model\":\"m\",\"model\":\"n\"}", "Duplicate parameter: 'model'."},
        {"{\"model\":\"m\",\"messages\":{}}", "Invalid type for 'messages': expected an array."},
        {WITH(""),
         "Invalid 'messages': empty array. Expected an array with minimum length 1, but got "
         "an empty array instead."},
        {WITH("{\"role\":\"boss\"}"), "Invalid value for 'messages[0].role': supported values are "
                                      "'system', 'assistant', 'user', "
                                      "'function', 'tool', and 'developer'."},
        {WITH("7"),
         "Invalid value for 'messages[0].role': supported values are 'system', 'assistant', "
         "'user', 'function', 'tool', and 'developer'."},
        {WITH("{\"role\":\"user\",\"content\":7}"),
         "Invalid type for 'messages[0].content': expected a string or an array of parts."},
        {WITH("{\"role\":\"user\"}"),
         "Invalid value for 'messages[0].content': expected a string, got null."},
        {WITH("{\"role\":\"tool\",\"content\":\"r\"}"),
         "Missing required parameter: 'messages[0].tool_call_id'."},
        {IN(",\"max_tokens\":0"), "Invalid 'max_tokens': expected a value >= 1."},
        {IN(",\"max_completion_tokens\":1.5"),
         "Invalid type for 'max_completion_tokens': expected an integer."},
        {IN(",\"stream\":1"), "Invalid type for 'stream': expected a boolean."},
        {IN(",\"n\":2"), "Invalid 'n': only 1 is supported."},
        {IN(",\"top_p\":\"x\""), "Invalid type for 'top_p': expected a decimal."},
        {IN(",\"tools\":{}"), "Invalid type for 'tools': expected an array."},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct chat_request r;
        struct scan s;
        struct err err = {0};
        if (read_chat(arena, rows[i].body, &r, &s, &err) != STATUS_INVALID ||
            strcmp(err.text, rows[i].text) != 0 || !err_param_fits(&err))
            fail_msg("%s: '%s' of '%s'", rows[i].body, err.text, err.param);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_read),
        cmocka_unit_test(test_what_is_wrong_is_told_in_openais_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
