#include "worker/openai/chat_pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "tests/unit/err_param.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

#define USER       "{\"role\":\"user\"}"
#define NOTE       "{\"role\":\"developer\"}"
#define CALL(id)   "{\"id\":\"" id "\"}"
#define CALLS(ids) "{\"role\":\"assistant\",\"tool_calls\":[" ids "]}"
#define TOOL(id)   "{\"role\":\"tool\",\"tool_call_id\":\"" id "\"}"
#define LEGACY     "{\"role\":\"assistant\",\"function_call\":{}}"
#define FUNCTION   "{\"role\":\"function\"}"
#define ORPHAN(role, field)                                                                        \
    "Invalid parameter: messages with role '" role "' must be a response to a preceeding message " \
    "with '" field "'."
#define UNANSWERED(id)                                                                             \
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each " \
    "'tool_call_id'. The following tool_call_ids did not have response messages: " id

static void test_pairs_are_checked_with_openais_wordings(void **state)
{
    static const struct {
        const char *name, *messages, *text; /* NULL: good */
    } rows[] = {
        {"none", "[" USER "]", NULL},
        {"one", "[" CALLS(CALL("a")) "," TOOL("a") "]", NULL},
        {"in any order",
         "[" CALLS(CALL("a") "," CALL("b")) "," TOOL("b") "," TOOL("a") "," USER "]", NULL},
        {"a note between", "[" CALLS(CALL("a")) "," NOTE "," TOOL("a") "]", NULL},
        {"the same id again later",
         "[" CALLS(CALL("a")) "," TOOL("a") "," CALLS(CALL("a")) "," TOOL("a") "]", NULL},
        {"one id twice, answered twice",
         "[" CALLS(CALL("a") "," CALL("a")) "," TOOL("a") "," TOOL("a") "]", NULL},
        {"one id twice, answered three times",
         "[" CALLS(CALL("a") "," CALL("b") "," CALL("a")) "," TOOL("a") "," TOOL("a") "," TOOL(
             "a") "," TOOL("b") "]",
         NULL},
        {"one id twice, answered once",
         "[" CALLS(CALL("a") "," CALL("b") "," CALL("a")) "," TOOL("b") "," TOOL("a") "]",
         UNANSWERED("a")},
        {"tool_calls null", "[{\"role\":\"assistant\",\"tool_calls\":null}]", NULL},
        {"unanswered at the end", "[" CALLS(CALL("a")) "]", UNANSWERED("a")},
        {"unanswered before the user", "[" CALLS(CALL("a")) "," USER "," TOOL("a") "]",
         UNANSWERED("a")},
        {"one of two", "[" CALLS(CALL("a") "," CALL("b")) "," TOOL("a") "," USER "]",
         UNANSWERED("b")},
        {"orphan", "[" USER "," TOOL("a") "]", ORPHAN("tool", "tool_calls")},
        {"wrong id", "[" CALLS(CALL("a")) "," TOOL("b") "]", ORPHAN("tool", "tool_calls")},
        {"call without id", "[" CALLS("{}") "]",
         "Missing required parameter: 'messages[].tool_calls[].id'."},
        {"legacy", "[" LEGACY "," FUNCTION "," LEGACY "," FUNCTION "]", NULL},
        {"legacy unanswered", "[" LEGACY "," USER "]",
         "An assistant message with 'function_call' must be followed by a message of role "
         "'function'."},
        {"legacy twice answered", "[" LEGACY "," FUNCTION "," FUNCTION "]",
         ORPHAN("function", "function_call")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s;
        struct err err = {0};
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].messages), &limits, NULL),
                         STATUS_OK);
        enum status st = chat_pairs_check(&s, 0, &err);
        if ((st == STATUS_OK) != !rows[i].text ||
            (rows[i].text && (strcmp(err.text, rows[i].text) != 0 || !err_param_fits(&err))))
            fail_msg("%s: status %d '%s'", rows[i].name, st, err.text);
        arena_drop(arena);
    }
}

static void put_many(struct buf *b, unsigned n)
{
    buf_printf(b, "[{\"role\":\"assistant\",\"tool_calls\":[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(b, "%s{\"id\":\"call_%u\"}", i ? "," : "", i);
    buf_printf(b, "]}");
    for (unsigned i = n; i > 0; i--)
        buf_printf(b, ",{\"role\":\"tool\",\"tool_call_id\":\"call_%u\"}", i - 1);
    buf_printf(b, "]");
}

/* As many as a request may have: n squared would take minutes. */
static void test_many_pairs_stay_fast(void **state)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    struct buf body;
    struct scan s;
    (void)state;
    buf_init(&body, (size_t)16 << 20);
    put_many(&body, 19000);
    assert_int_equal(scan_parse(&s, arena, buf_str(&body), &limits, NULL), STATUS_OK);
    assert_int_equal(chat_pairs_check(&s, 0, NULL), STATUS_OK);
    buf_free(&body);
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_are_checked_with_openais_wordings),
        cmocka_unit_test(test_many_pairs_stay_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
