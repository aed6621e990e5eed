#include "worker/openai/responses_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static void test_kind_of_an_item_is_told_by_type_or_form(void **state)
{
    static const struct {
        const char *item;
        enum responses_kind kind;
        enum chat_tool_kind call;
    } rows[] = {
        {"{\"type\":\"message\",\"role\":\"user\"}", RESPONSES_MESSAGE, CHAT_TOOL_OTHER},
        {"{\"role\":\"user\"}", RESPONSES_MESSAGE, CHAT_TOOL_OTHER},
        {"{\"type\":null,\"role\":\"user\",\"id\":\"m\"}", RESPONSES_MESSAGE, CHAT_TOOL_OTHER},
        {"{\"type\":\"agent_message\"}", RESPONSES_MESSAGE, CHAT_TOOL_OTHER},
        {"{\"id\":\"m\"}", RESPONSES_REFERENCE, CHAT_TOOL_OTHER},
        {"{\"type\":\"item_reference\",\"id\":\"m\"}", RESPONSES_REFERENCE, CHAT_TOOL_OTHER},
        {"{\"type\":\"function_call\"}", RESPONSES_CALL, CHAT_TOOL_FUNCTION},
        {"{\"type\":\"custom_tool_call\"}", RESPONSES_CALL, CHAT_TOOL_CUSTOM},
        {"{\"type\":\"local_shell_call\"}", RESPONSES_CALL, CHAT_TOOL_SHELL},
        {"{\"type\":\"tool_search_call\",\"call_id\":\"c\"}", RESPONSES_CALL, CHAT_TOOL_SEARCH},
        {"{\"type\":\"tool_search_call\",\"call_id\":null}", RESPONSES_TOOLS, CHAT_TOOL_SEARCH},
        {"{\"type\":\"tool_search_output\",\"call_id\":\"c\"}", RESPONSES_OUTPUT, CHAT_TOOL_SEARCH},
        {"{\"type\":\"tool_search_output\"}", RESPONSES_TOOLS, CHAT_TOOL_SEARCH},
        {"{\"type\":\"additional_tools\",\"role\":\"developer\"}", RESPONSES_TOOLS,
         CHAT_TOOL_OTHER},
        {"{\"type\":\"reasoning\"}", RESPONSES_REASONING, CHAT_TOOL_OTHER},
        {"{\"type\":\"web_search_call\"}", RESPONSES_TOLD, CHAT_TOOL_OTHER},
        {"{\"type\":\"mcp_call\"}", RESPONSES_TOLD, CHAT_TOOL_OTHER},
        {"{\"type\":\"mesage\",\"role\":\"user\"}", RESPONSES_UNKNOWN, CHAT_TOOL_OTHER},
        {"{\"type\":7}", RESPONSES_UNKNOWN, CHAT_TOOL_OTHER},
        {"{}", RESPONSES_UNKNOWN, CHAT_TOOL_OTHER},
        {"\"x\"", RESPONSES_UNKNOWN, CHAT_TOOL_OTHER},
        {"{\"t\\u0079pe\":\"function\\u005fcall\"}", RESPONSES_CALL, CHAT_TOOL_FUNCTION},
        {"{\"type\":\"reasoning\",\"type\":\"message\"}", RESPONSES_REASONING, CHAT_TOOL_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].item), &limits, NULL), STATUS_OK);
        struct responses_item item = responses_item_read(&s, 0);
        if (item.kind != rows[i].kind || item.call != rows[i].call)
            fail_msg("%s: kind %d, call %d", rows[i].item, item.kind, item.call);
        arena_drop(arena);
    }
}

static void test_older_shell_output_has_its_calls_id(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scan s;
    (void)state;
    assert_int_equal(
        scan_parse(&s, arena,
                   STR("[{\"type\":\"local_shell_call_output\",\"id\":\"i\"},{\"type\":"
                       "\"local_shell_call_output\",\"id\":\"i\",\"call_id\":\"c\"}]"),
                   &limits, NULL),
        STATUS_OK);
    scan_ref first = scan_first(&s, 0), second = scan_next(&s, 0, first);
    assert_true(SCAN_IS(&s, responses_item_read(&s, first).call_id, "i"));
    assert_true(SCAN_IS(&s, responses_item_read(&s, second).call_id, "c"));
    arena_drop(arena);
}

static void test_last_turn_is_what_the_model_did_since_the_user_spoke(void **state)
{
    static const struct {
        const char *input;
        int first; /* the number of its first item; -1: there is no turn */
        bool calls;
    } rows[] = {
#define U "{\"role\":\"user\",\"content\":\"u\"}"
#define A "{\"role\":\"assistant\",\"content\":\"a\"}"
#define C "{\"type\":\"function_call\"}"
#define O "{\"type\":\"function_call_output\"}"
#define R "{\"type\":\"reasoning\"}"
#define T "{\"type\":\"additional_tools\"}"
        {"\"u\"", -1, false},
        {"[" U "]", -1, false},
        {"[" U "," A "]", 1, false},
        {"[" U "," R "," C "," O "]", 1, true},
        {"[" U "," C "," O "," A "," U "]", 3, false},
        {"[" U "," A "," T "," C "," O "," T "]", 1, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].input), &limits, NULL), STATUS_OK);
        struct responses_list items;
        assert_int_equal(responses_item_list(&s, 0, &items, NULL), STATUS_OK);
        struct responses_turn turn = responses_item_last_turn(&s, &items);
        int at = turn.first == RESPONSES_NONE ? -1 : (int)turn.first;
        if (at != rows[i].first || turn.calls != rows[i].calls)
            fail_msg("%s: begins at %d, calls %d", rows[i].input, at, turn.calls);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind_of_an_item_is_told_by_type_or_form),
        cmocka_unit_test(test_older_shell_output_has_its_calls_id),
        cmocka_unit_test(test_last_turn_is_what_the_model_did_since_the_user_spoke),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
