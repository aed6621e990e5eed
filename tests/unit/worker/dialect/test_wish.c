/* What both readers share; the wish as each dialect gives it. */
#include "worker/dialect/wish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/openai/chat.h"
#include "worker/dialect/messages.h"
#include "worker/openai/responses.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static void test_blank_json_string_is_recognised(void **state)
{
    static const struct {
        const char *raw;
        bool blank;
    } rows[] = {{"\"\"", true},     {"\" \\n\\t\\r\\f\"", true}, {"\"\\u0020\\u000A\"", true},
                {"\" x\"", false},  {"\"\\\\n\"", false},        {"\"\\u0000\"", false},
                {"\"\\b\"", false}, {"\"\\u00a0\"", false},      {"", true}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (wish_is_blank(text_from(rows[i].raw)) != rows[i].blank)
            fail_msg("%s", rows[i].raw);
}

static void test_effort_words_are_found_again(void **state)
{
    static const char *const bad[] = {"none", "minimal", "High", "lo", "maximum"};
    (void)state;
    for (int e = WISH_EFFORT_LOW; e < WISH_EFFORT_OTHER; e++)
        assert_int_equal(wish_effort_find(wish_effort_word((enum wish_effort)e)), e);
    assert_int_equal(wish_effort_find(STR("")), WISH_EFFORT_UNSET);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(wish_effort_find(text_from(bad[i])), WISH_EFFORT_OTHER);
}

static void test_plain_fields_are_sorted_and_have_a_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < wish_plain_count; i++) {
        const struct wish_plain *a = &wish_plain[i];
        struct str name = a->messages.n > 0 ? a->messages : a->chat;
        assert_true(name.n > 0);
        assert_true((a->fate == WISH_ABILITY) == (a->ability != 0));
        if (i == 0)
            continue;
        struct str before = a[-1].messages.n > 0 ? a[-1].messages : a[-1].chat;
        if (strcmp(before.p, name.p) >= 0)
            fail_msg("%s stands behind %s", name.p, before.p);
    }
}

/* The wish of a body in one of the dialects; it must be readable. */
static struct wish read_wish(struct arena *arena, struct scan *s, enum dialect dialect,
                             const char *more)
{
    struct messages_request messages;
    struct chat_request chat;
    struct responses_request responses;
    struct err err;
    char *text = arena_printf(arena,
                              dialect == DIALECT_RESPONSES
                                  ? "{\"model\":\"m\",\"max_output_tokens\":9,\"input\":\"u\"%s}"
                                  : "{\"model\":\"m\",\"max_tokens\":9,\"messages\":"
                                    "[{\"role\":\"user\",\"content\":\"u\"}]%s}",
                              more);
    assert_int_equal(scan_parse(s, arena, text_from(text), &limits, &err), STATUS_OK);
    enum status st = dialect == DIALECT_OPENAI      ? chat_read(s, &chat, &err)
                     : dialect == DIALECT_ANTHROPIC ? messages_read(s, false, &messages, &err)
                                                    : responses_read(s, &responses, &err);
    if (st != STATUS_OK)
        fail_msg("%s: %s", more, err.text);
    return dialect == DIALECT_OPENAI      ? chat.wish
           : dialect == DIALECT_ANTHROPIC ? messages.wish
                                          : responses.wish;
}

static bool is_same(const struct wish *a, const struct wish *b)
{
    return a->max_tokens.n == b->max_tokens.n &&
           a->sampling.has_temperature == b->sampling.has_temperature &&
           a->sampling.temperature == b->sampling.temperature &&
           a->sampling.top_p == b->sampling.top_p && a->stops.count == b->stops.count &&
           a->stops.lost == b->stops.lost && a->thinking.mode == b->thinking.mode &&
           a->effort.level == b->effort.level && a->format.kind == b->format.kind &&
           text_eq(a->format.schema.text, b->format.schema.text) &&
           a->tools.shown == b->tools.shown && a->choice.kind == b->choice.kind &&
           text_eq(a->choice.name, b->choice.name) && a->choice.one_call == b->choice.one_call &&
           a->fault.code == b->fault.code;
}

static void test_same_wish_is_read_from_each_dialect(void **state)
{
    static const struct {
        const char *messages, *chat, *responses; /* NULL: it has no word for it */
    } rows[] = {
        {"", "", ""},
        {",\"temperature\":0.5,\"top_p\":0.25", ",\"temperature\":0.5,\"top_p\":0.25",
         ",\"temperature\":0.5,\"top_p\":0.25"},
        {",\"stop_sequences\":[\"a\",\" \",\"b\"]", ",\"stop\":[\"a\",\" \",\"b\"]", NULL},
        {",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"}",
         ",\"reasoning_effort\":\"high\"", ",\"reasoning\":{\"effort\":\"high\"}"},
        {",\"thinking\":{\"type\":\"disabled\"}", ",\"reasoning_effort\":\"none\"",
         ",\"reasoning\":{\"effort\":\"none\"}"},
        {",\"tools\":[{\"name\":\"t\"}],\"tool_choice\":{\"type\":\"any\","
         "\"disable_parallel_tool_use\":true}",
         ",\"tools\":[{\"function\":{\"name\":\"t\"}}],\"tool_choice\":\"required\","
         "\"parallel_tool_calls\":false",
         ",\"tools\":[{\"type\":\"function\",\"name\":\"t\"}],\"tool_choice\":\"required\","
         "\"parallel_tool_calls\":false"},
        {",\"tools\":[{\"name\":\"t\"}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"t\"}",
         ",\"tools\":[{\"function\":{\"name\":\"t\"}}],\"tool_choice\":"
         "{\"type\":\"function\",\"function\":{\"name\":\"t\"}}",
         ",\"tools\":[{\"type\":\"function\",\"name\":\"t\"}],\"tool_choice\":"
         "{\"type\":\"function\",\"name\":\"t\"}"},
        {",\"output_config\":{\"format\":{\"schema\":{\"type\":\"object\"}}}",
         ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
         "{\"schema\":{\"type\":\"object\"}}}",
         ",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\","
         "\"schema\":{\"type\":\"object\"}}}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s, t, u;
        struct wish a = read_wish(arena, &s, DIALECT_ANTHROPIC, rows[i].messages);
        struct wish b = read_wish(arena, &t, DIALECT_OPENAI, rows[i].chat);
        if (!is_same(&a, &b))
            fail_msg("%s and %s are not the same", rows[i].messages, rows[i].chat);
        if (rows[i].responses) {
            struct wish c = read_wish(arena, &u, DIALECT_RESPONSES, rows[i].responses);
            if (!is_same(&a, &c))
                fail_msg("%s and %s are not the same", rows[i].messages, rows[i].responses);
        }
        arena_drop(arena);
    }
}

/* More are told than the body has members, and none is lost. */
static void test_parts_of_a_field_are_others(void **state)
{
    struct arena *arena = arena_new((size_t)1 << 20);
    struct scan s;
    (void)state;
    struct wish w = read_wish(arena, &s, DIALECT_RESPONSES,
                              ",\"zeta\":1,\"text\":{\"verbosity\":\"low\"},\"truncation\":"
                              "\"auto\",\"include\":[\"message.output_text.logprobs\"]");
    assert_int_equal(w.fields.other_count, 4);
    assert_true(SCAN_IS(&s, scan_key(&s, w.fields.others[1]), "verbosity"));
    assert_int_equal(w.fault.code, STATUS_OK);
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blank_json_string_is_recognised),
        cmocka_unit_test(test_effort_words_are_found_again),
        cmocka_unit_test(test_plain_fields_are_sorted_and_have_a_name),
        cmocka_unit_test(test_same_wish_is_read_from_each_dialect),
        cmocka_unit_test(test_parts_of_a_field_are_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
