#include "worker/turn/asked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

/* Which reader a body gets: the route decides, but for a body of /v1/responses on the chat route. */
/* The three share their memory: nobody may look at one that was not read. */
static void check_shared(const struct asked *a)
{
    bool chat = !a->by_input && a->dialect == DIALECT_OPENAI;
    assert_ptr_equal(asked_chat(a), chat ? &a->chat : NULL);
    assert_ptr_equal(asked_messages(a), a->dialect == DIALECT_ANTHROPIC ? &a->messages : NULL);
}

static void test_read_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum dialect dialect;
        bool counting;
        const char *body;
        enum status status;
        bool by_input, stream;
        int64_t max_tokens;
        const char *param;
    } rows[] = {
        {"messages", DIALECT_ANTHROPIC, false,
         "{\"model\":\"m\",\"stream\":true,\"max_tokens\":7,\"messages\":[{\"role\":\"user\","
         "\"content\":\"x\"}]}",
         STATUS_OK, false, true, 7, ""},
        {"counted, so nothing is streamed", DIALECT_ANTHROPIC, true,
         "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         STATUS_OK, false, false, 0, ""},
        {"chat", DIALECT_OPENAI, false,
         "{\"model\":\"m\",\"stream\":true,\"max_tokens\":8,\"messages\":[{\"role\":\"user\","
         "\"content\":\"x\"}]}",
         STATUS_OK, false, true, 8, ""},
        {"responses", DIALECT_RESPONSES, false,
         "{\"model\":\"m\",\"stream\":true,\"max_output_tokens\":16,\"input\":\"x\"}", STATUS_OK,
         true, true, 16, ""},
        {"responses on the chat route", DIALECT_OPENAI, false,
         "{\"model\":\"m\",\"max_output_tokens\":17,\"input\":\"x\"}", STATUS_OK, true, false, 17,
         ""},
        {"chat with an input of its own", DIALECT_OPENAI, false,
         "{\"model\":\"m\",\"input\":\"y\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         STATUS_OK, false, false, 0, ""},
        {"chat without either", DIALECT_OPENAI, false, "{\"model\":\"m\"}", STATUS_INVALID, false,
         false, 0, "messages"},
        {"responses without input", DIALECT_RESPONSES, false, "{\"model\":\"m\"}", STATUS_INVALID,
         true, false, 0, "input"},
        {"messages never by input", DIALECT_ANTHROPIC, false,
         "{\"model\":\"m\",\"max_tokens\":1,\"input\":\"x\"}", STATUS_INVALID, false, false, 1, ""},
        {"no object", DIALECT_OPENAI, false, "[\"input\"]", STATUS_INVALID, false, false, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new(1 << 20);
        struct err err = {.code = STATUS_OK};
        struct asked a = {.dialect = rows[i].dialect, .counting = rows[i].counting};
        assert_non_null(arena);
        assert_int_equal(scan_parse(&a.scan, arena, text_from(rows[i].body), &limits, &err),
                         STATUS_OK);
        enum status st = asked_read(&a, &err);
        if (st != rows[i].status || a.by_input != rows[i].by_input || a.stream != rows[i].stream ||
            strcmp(err.param, rows[i].param) != 0 ||
            (st == STATUS_OK &&
             (asked_max_tokens(&a) != rows[i].max_tokens || !text_eq(a.client_model, STR("m"))))) {
            fail_msg("%s: %s: %s", rows[i].name, err_row(st)->name, err.text);
        }
        const struct wish *wish = asked_wish(&a);
        assert_ptr_equal(wish, rows[i].by_input                    ? &a.responses.wish
                               : rows[i].dialect == DIALECT_OPENAI ? &a.chat.wish
                                                                   : &a.messages.wish);
        check_shared(&a);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
