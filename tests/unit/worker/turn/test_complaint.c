#include "worker/turn/complaint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void test_read_sentence_table(void **state)
{
    (void)state;
    static const struct {
        const char *sentence;
        enum complaint want;
    } rows[] = {
        {"", COMPLAINT_NONE},
        {"The provided service tier is not supported for this model.", COMPLAINT_TIER},
        {"Service tier flex is unavailable", COMPLAINT_TIER},
        {"serviceTier.type: unsupported", COMPLAINT_TIER},
        {"This model does not support the priority tier", COMPLAINT_TIER},
        {"Value at 'x-amzn-bedrock-service-tier' failed to satisfy constraint", COMPLAINT_TIER},
        {"This model does not support tool use.", COMPLAINT_NONE},
        {"This model doesn't support the temperature field", COMPLAINT_NONE},
        {"The tools of tier two do not support images", COMPLAINT_NONE},
        {"The provided model doesn't support counting tokens.", COMPLAINT_NO_COUNTING},
        {"CountTokens is not supported for this model", COMPLAINT_NO_COUNTING},
        {"Token counting is not supported", COMPLAINT_NO_COUNTING},
        {"counting tokens failed", COMPLAINT_NONE},
        {"This model doesn't support image input", COMPLAINT_NONE},
        {"Input is too long for requested model.", COMPLAINT_CONTEXT},
        {"prompt is too long: 9 tokens > 8 maximum", COMPLAINT_CONTEXT},
        {"the maximum Context Length is 8192", COMPLAINT_CONTEXT},
        {"input and max_tokens exceed the context window", COMPLAINT_CONTEXT},
        {"tools.0.name is too long", COMPLAINT_NONE},
        {"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
         COMPLAINT_CONTEXT},
        {"Too many input tokens. Max input tokens: 262144, request input token count: 300000",
         COMPLAINT_CONTEXT},
        {"input length 300000 exceeds the maximum context window of 262144 tokens",
         COMPLAINT_CONTEXT},
        {"The request has more input tokens than the model's maximum context", COMPLAINT_CONTEXT},
        {"The provided model identifier is invalid.", COMPLAINT_MODEL},
        /* what stands in quotes is the client's, and says nothing */
        {"Value 'the provided model identifier is invalid' at 'messages.1' failed to satisfy "
         "constraint",
         COMPLAINT_NONE},
        {"tool name \"on-demand throughput support\" is not allowed", COMPLAINT_NONE},
        {"messages.0: `prompt is too long` is no role", COMPLAINT_NONE},
        {"Too many requests for 'my tokens per day', slow down", COMPLAINT_NONE},
        {"a first line,\nand the model identifier is invalid", COMPLAINT_MODEL},
        {"This model doesn't support the 'CountTokens' operation; it isn't supported",
         COMPLAINT_NO_COUNTING},
        {"Invocation of model ID a.b-v1:0 with on-demand throughput isn\u2019t supported. Retry "
         "your "
         "request with the ID or ARN of an inference profile that contains this model.",
         COMPLAINT_MODEL},
        {"Too many tokens, please wait before trying again.", COMPLAINT_NONE},
        {"Too many tokens per day, please wait before trying again.", COMPLAINT_DAY},
        {"You have reached your daily token quota", COMPLAINT_DAY},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum complaint got = complaint_read(text_from(rows[i].sentence));
        if (got != rows[i].want) {
            fail_msg("\"%s\" gave %d", rows[i].sentence, (int)got);
        }
    }
}

/* AWS's sentences may be longer than what a client is told of them. */
static void test_read_finds_words_far_behind(void **state)
{
    (void)state;
    char text[1000];
    snprintf(text, sizeof text, "%0600d the service tier%0300d", 0, 0);
    assert_int_equal(complaint_read(text_from(text)), COMPLAINT_TIER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_sentence_table),
        cmocka_unit_test(test_read_finds_words_far_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
