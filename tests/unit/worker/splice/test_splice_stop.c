/* Why the model stopped: what a client hears of a guardrail (issue 13, 8). */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"
#include "server/base/base64.h"

#define REFUSED \
    "\"refusal\",\"stop_details\":{\"type\":\"refusal\",\"category\":null,\"explanation\":null}"
#define TEXT "\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Sorry.\"}]"
#define CALL                                                                 \
    "\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\"," \
    "\"name\":\"n\",\"input\":{}}]"
#define ACTION(word) "\"amazon-bedrock-guardrailAction\":\"" word "\","
#define TRACE        "\"amazon-bedrock-trace\":{\"guardrail\":{\"x\":{\"topicPolicy\":\"secret words\"}}},"

static void test_answer_rows(void **state)
{
    static const struct {
        const char *name, *in, *out, *reason;
    } rows[] = {
        {"stepped in", "{" ACTION("INTERVENED") TRACE TEXT ",\"stop_reason\":\"end_turn\"}",
         "{\"model\":\"m\"," TEXT ",\"stop_reason\":" REFUSED "}", "refusal"},
        {"with details that are null",
         "{" TEXT ",\"stop_details\":null,\"stop_reason\":\"end_turn\"," ACTION(
             "INTERVENED") "\"usage\":{}}",
         "{\"model\":\"m\"," TEXT ",\"stop_details\":{\"type\":\"refusal\",\"category\":null,"
         "\"explanation\":null},\"stop_reason\":\"refusal\",\"usage\":{}}",
         "refusal"},
        {"Converse's word", "{" TEXT ",\"stop_reason\":\"guardrail_intervened\"}",
         "{\"model\":\"m\"," TEXT ",\"stop_reason\":" REFUSED "}", "refusal"},
        {"did not step in", "{" ACTION("NONE") TEXT ",\"stop_reason\":\"end_turn\"}",
         "{\"model\":\"m\"," TEXT ",\"stop_reason\":\"end_turn\"}", "end_turn"},
        {"masked something beside a call",
         "{" ACTION("INTERVENED") CALL ",\"stop_reason\":\"tool_use\"}",
         "{\"model\":\"m\"," CALL ",\"stop_reason\":\"tool_use\"}", "tool_use"},
        {"cut", "{" ACTION("INTERVENED") TEXT ",\"stop_reason\":\"max_tokens\"}",
         "{\"model\":\"m\"," TEXT ",\"stop_reason\":\"max_tokens\"}", "max_tokens"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct splice_reply r;
        struct buf out;
        struct err err;
        struct arena *arena = arena_new((size_t)1 << 20);
        splice_reply_init(&r, STR("m"));
        buf_init(&out, 4096);
        enum status st = splice_answer(&r.reply, arena, text_from(rows[i].in), &out, &err);
        if (st != STATUS_OK || !text_eq(buf_str(&out), text_from(rows[i].out)) ||
            strcmp(r.reply.stop_reason, rows[i].reason) != 0)
            fail_msg("%s: %s %.*s", rows[i].name, r.reply.stop_reason, STR_ARG(buf_str(&out)));
        buf_free(&out);
        arena_drop(arena);
    }
}

/* The word may come with any event before the one that tells the reason. */
static void test_stream_remembers_the_guardrail(void **state)
{
    static const char *const events[] = {
        "{\"type\":\"message_start\",\"message\":{\"model\":\"x\",\"usage\":{}}}",
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\"}}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
        "\"text\":\"Sorry.\"}," ACTION("INTERVENED") TRACE "\"x\":1}",
        "{\"type\":\"content_block_stop\",\"index\":0}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{}}",
        "{\"type\":\"message_stop\"}",
    };
    struct splice_reply r;
    struct buf out, frame;
    struct err err;
    (void)state;
    splice_reply_init(&r, STR("m"));
    buf_init(&out, 65536);
    buf_init(&frame, 65536);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct str json = text_from(events[i]);
        buf_clear(&frame);
        BUF_LIT(&frame, "{\"bytes\":\"");
        char *room = buf_reserve(&frame, base64_size(json.n));
        buf_commit(&frame, base64_encode((const uint8_t *)json.p, json.n, room));
        BUF_LIT(&frame, "\"}");
        assert_int_equal(splice_event(&r.reply, buf_str(&frame), &out, &err), STATUS_OK);
    }
    size_t at;
    assert_true(text_find(buf_str(&out), STR("{\"stop_reason\":" REFUSED "}"), &at));
    assert_false(text_find(buf_str(&out), STR("secret words"), &at));
    assert_false(text_find(buf_str(&out), STR("amazon-bedrock"), &at));
    assert_string_equal(r.reply.stop_reason, "refusal");
    buf_free(&out);
    buf_free(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_rows),
        cmocka_unit_test(test_stream_remembers_the_guardrail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
