/* What blocks of other services say (golden pairs: history_*). */
#include "worker/dialect/history_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct scan_limits limits = {
    .depth = 64, .values = 1000, .keys = 100, .number_len = 64};

static void test_text_has_what_a_reader_can_read(void **state)
{
    static const struct {
        const char *block, *text;
    } rows[] = {
        {"{\"type\":\"text\",\"text\":\"t\"}", NULL},
        {"{\"type\":\"web_search_tool_result\",\"content\":[{\"title\":\"a "
         "\\\"b\\\"\",\"url\":\"u\","
         "\"encrypted_content\":\"E\"}]}",
         "[web_search_tool_result]\\na \\\"b\\\"\\nu"},
        {"{\"type\":\"web_fetch_tool_result\",\"content\":{\"source\":{\"type\":\"base64\","
         "\"data\":"
         "\"AAAA\"}}}",
         "[web_fetch_tool_result]"},
        {"{\"type\":\"mcp_tool_use\",\"name\":\"n\",\"input\":{\"path\":\"p\",\"query\":\"q\"}}",
         "[mcp_tool_use n]\\nq"},
        {"{\"type\":\"mcp_tool_result\",\"content\":\"plain\"}", "[mcp_tool_result]\\nplain"},
        {"{\"type\":\"compaction\",\"content\":\"s\\n\"}", "s\\n"},
        {"{\"type\":\"compaction\",\"content\":null}", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 16);
        struct scan s;
        struct buf out;
        buf_init(&out, 1000);
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].block), &limits, NULL), STATUS_OK);
        assert_int_equal(history_text_is(&s, 0), rows[i].text != NULL);
        if (rows[i].text)
            history_text_put(&s, 0, &out);
        if (!text_eq(buf_str(&out), text_from(rows[i].text)))
            fail_msg("%s: %.*s", rows[i].block, STR_ARG(buf_str(&out)));
        buf_free(&out);
        arena_drop(arena);
    }
}

static void test_last_summary_that_says_something_is_found(void **state)
{
    static const struct {
        const char *messages, *found;
    } rows[] = {
        {"[{\"content\":\"compaction\"}]", NULL},
        {"[{\"content\":[{\"type\":\"compaction\",\"content\":null}]}]", NULL},
        {"[{\"content\":[{\"type\":\"compaction\",\"content\":\"a\"},{\"type\":\"compaction\","
         "\"content\":\"b\"}]},{\"content\":[{\"type\":\"compaction\",\"content\":\"\"}]}]",
         "{\"type\":\"compaction\",\"content\":\"b\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 16);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].messages), &limits, NULL),
                         STATUS_OK);
        assert_true(text_eq(scan_raw(&s, history_text_summary(&s, 0)), text_from(rows[i].found)));
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_has_what_a_reader_can_read),
        cmocka_unit_test(test_last_summary_that_says_something_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
