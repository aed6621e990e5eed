#include "worker/openai/native_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GPT  "global.openai.gpt-6-sol"
#define GROK "xai.grok-4.7"
#define OSS  "openai.gpt-oss-120b-1:0"
#define HI   "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

/* NULL: it does not fit. notes: of what is left out */
static const struct {
    const char *id, *body, *sent, *notes;
} rows[] = {
    {GPT, "{\"model\":\"a\", " HI "}", "{\"model\":\"" GPT "\", " HI "}", ""},
    {GPT, "{\"model\":\"a\"," HI ",\"stream\":true,\"stream_options\":{\"include_usage\":false}}",
     "{\"stream_options\":{\"include_usage\":true},\"model\":\"" GPT "\"," HI ",\"stream\":true}",
     ""},
    {GPT, "{\"temperature\":1,\"model\":\"a\"," HI ",\"logprobs\":true}",
     "{\"model\":\"" GPT "\"," HI "}", "drop:temperature,drop:logprobs"},
    {GPT, "{\"model\":\"a\"," HI ",\"temperature\":1,\"reasoning_effort\":\"none\"}",
     "{\"model\":\"" GPT "\"," HI ",\"temperature\":1,\"reasoning_effort\":\"none\"}", ""},
    {GROK, "{\"model\":\"a\"," HI ",\"temperature\":1,\"reasoning_effort\":\"none\"}",
     "{\"model\":\"" GROK "\"," HI ",\"temperature\":1}", "drop:reasoning_effort"},
    {GROK, "{\"model\":\"a\"," HI ",\"presence_penalty\":1,\"user\":\"x\"}",
     "{\"model\":\"" GROK "\"," HI "}", "drop:presence_penalty,drop:user"},
    {GROK,
     "{\"model\":\"a\"," HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
     "{\"model\":\"" GROK "\"," HI
     ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
     ""},
    {GPT,
     "{\"model\":\"a\"," HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
     NULL, NULL},
    {GPT,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"data:image/png;base64,AA==\"}}]}]}",
     "{\"model\":\"" GPT "\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"data:image/png;base64,AA==\"}}]}]}",
     ""},
    {GPT,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"https://x/y.png\"}}]}]}",
     NULL, NULL},
    {OSS,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"type\":"
     "\"function\",\"type\":\"web_search\",\"function\":{\"name\":\"f\"}}]}",
     NULL, NULL},
    {GPT,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"s3://x/y.png\"}}]}]}",
     NULL, NULL},
    {GPT,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"data:x\",\"url\":\"s3://x/y.png\"}}]}]}",
     NULL, NULL},
    {GPT,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"content\":[{\"type\":"
     "\"image_url\",\"image_url\":{\"url\":\"s3://x/y.png\"}}]}]}",
     NULL, NULL},
    {GPT,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"x\",\"cache_control\":{}}]}]}",
     NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"stop\":[\"x\"]}", NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"response_format\":{\"type\":\"text\"}}", NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"service_tier\":\"auto\"}", NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"unheard\":1}", NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"max_tokens\":1,\"max_completion_tokens\":2}", NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"logprobs\":true,\"logprob\\u0073\":true}", NULL, NULL},
    {"openai.gpt-6-sol", "{\"model\":\"a\"," HI "}", NULL, NULL},
    {"eu.openai.gpt-6-sol", "{\"model\":\"a\"," HI "}", NULL, NULL},
    {"global.openai.gpt-5.5", "{\"model\":\"a\"," HI "}", NULL, NULL},
    {GPT, "{\"model\":\"a\"," HI ",\"max_tokens\":5}",
     "{\"model\":\"" GPT "\"," HI ",\"max_completion_tokens\":5}", ""},
    {GPT, "{\"model\":\"a\"," HI ",\"reasoning_effort\":\"minimal\"}", NULL, NULL},
    {OSS,
     "{\"model\":\"a\"," HI ",\"max_tokens\":5,\"temperature\":1,\"presence_penalty\":1,"
     "\"reasoning_effort\":\"low\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
     "]}",
     "{\"model\":\"" OSS "\"," HI
     ",\"max_completion_tokens\":5,\"temperature\":1,\"presence_penalty\":1,\"reasoning_effort\":"
     "\"low\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
     ""},
    {OSS, "{\"model\":\"a\"," HI ",\"logit_bias\":{}}", NULL, NULL},
    {OSS, "{\"model\":\"a\"," HI ",\"reasoning_effort\":\"none\"}", NULL, NULL},
    {OSS, "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"name\":\"n\",\"content\":\"x\"}]}",
     NULL, NULL},
    {OSS,
     "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"data:image/png;base64,AA==\"}}]}]}",
     NULL, NULL},
    {"openai.gpt-oss-safeguard-120b", "{\"model\":\"a\"," HI "}", NULL, NULL},
    {"global.anthropic.claude-opus-5-5", "{\"model\":\"a\"," HI "}", NULL, NULL},
};

static void test_requests_pass_or_do_not_fit(void **state)
{
    static const struct scan_limits limits = {
        .depth = 32, .values = 1000, .keys = 1000, .number_len = 20};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct scan s;
        struct chat_request r;
        struct buf out, notes;
        struct models_caps caps;
        struct err err = {.code = STATUS_OK};
        struct models_choice m = {.id = text_from(rows[i].id)};
        m.caps = models_caps(m.id, &caps);
        buf_init(&out, 10000);
        buf_init(&notes, 1000);
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].body), &limits, &err), STATUS_OK);
        if (chat_read(&s, &r, &err) != STATUS_OK)
            fail_msg("%s: %s", rows[i].body, err.text);
        if (native_chat_fits(&r, &m) != (rows[i].sent != NULL))
            fail_msg("%s: %s", rows[i].body, rows[i].sent ? "does not fit" : "fits");
        if (rows[i].sent) {
            assert_int_equal(native_chat_write(&r, &m, &out, &notes, &err), STATUS_OK);
            if (!text_eq(buf_str(&out), text_from(rows[i].sent)) ||
                !text_eq(buf_str(&notes), text_from(rows[i].notes)))
                fail_msg("%s: %.*s (%.*s)", rows[i].body, STR_ARG(buf_str(&out)),
                         STR_ARG(buf_str(&notes)));
        }
        buf_free(&out);
        buf_free(&notes);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests_pass_or_do_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
