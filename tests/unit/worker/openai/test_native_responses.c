#include "worker/openai/native_responses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GPT          "global.openai.gpt-6-sol"
#define BODY(rest)   "{\"model\":\"a\", \"input\":\"hi\"" rest "}"
#define SENT(rest)   "{\"store\":false,\"model\":\"" GPT "\", \"input\":\"hi\"" rest "}"
#define INPUT(items) "{\"model\":\"a\",\"input\":[" items "]}"
#define WENT(items)  "{\"store\":false,\"model\":\"" GPT "\",\"input\":[" items "]}"
#define USER         "{\"role\":\"user\",\"content\":\"x\"}"
#define PART(part)   "{\"role\":\"user\",\"content\":[" part "]}"
#define CALL         "{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define OUTPUT(out)  "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":" out "}"
#define SEEN(url)                                                                           \
    "{\"type\":\"computer_call_output\",\"call_id\":\"c\",\"output\":{\"type\":\"computer_" \
    "screenshot\"," url "}}"
#define THOUGHT(s)   "{\"type\":\"reasoning\",\"summary\":[]" s "}"
#define LAMBDA(tool) "{" tool ",\"connector_id\":\"arn:aws:lambda:us-west-2:1:function:f\"}"
#define SPACE(rest)  "{\"type\":\"namespace\",\"name\":\"n\"," rest "}"
#define SEARCH \
    "{\"type\":\"tool_search_call\",\"execution\":\"client\",\"call_id\":\"s\",\"arguments\":{}},"
#define FOUND(tool)                                                                                \
    "{\"type\":\"tool_search_output\",\"execution\":\"client\",\"call_id\":\"s\",\"tools\":[" tool \
    "]}"
#define FUNCTION "{\"type\":\"function\",\"name\":\"f\"}"

/* NULL: it does not fit. notes: of what is left out */
static const struct {
    const char *id, *body, *sent, *notes;
} rows[] = {
    {GPT, BODY(""), SENT(""), ""},
    {GPT, BODY(",\"stream\":true,\"store\":true,\"prompt_cache_key\":\"k\""),
     SENT(",\"stream\":true,\"prompt_cache_key\":\"k\""), ""},
    {GPT,
     BODY(",\"user\":\"u\",\"metadata\":{},\"safety_identifier\":\"s\",\"client_metadata\":{},"
          "\"background\":false,\"service_tier\":\"auto\",\"stream_options\":{},\"max_tool_calls\":"
          "1"),
     SENT(""), ""},
    {GPT, BODY(",\"previous_response_id\":null,\"instructions\":null,\"temperature\":null"),
     SENT(""), ""},
    {GPT, BODY(",\"truncation\":\"auto\",\"prompt_cache_retention\":\"24h\""), SENT(""),
     "drop:truncation,drop:prompt_cache_retention"},
    {GPT, BODY(",\"truncation\":\"disabled\""), SENT(""), ""},
    {GPT, BODY(",\"temperature\":1,\"top_p\":0.5"), SENT(""), "drop:temperature,drop:top_p"},
    {GPT, BODY(",\"temperature\":1,\"reasoning\":{\"effort\":\"none\"}"),
     SENT(",\"temperature\":1,\"reasoning\":{\"effort\":\"none\"}"), ""},
    {GPT,
     BODY(",\"reasoning\":{\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"]"),
     SENT(",\"reasoning\":{\"summary\":\"auto\"},\"include\":[\"reasoning.encrypted_content\"]"),
     ""},
    {GPT, BODY(",\"reasoning\":{\"effort\":\"minimal\"}"), NULL, NULL},
    {GPT, BODY(",\"reasoning\":{\"generate_summary\":\"auto\"}"), NULL, NULL},
    {GPT, BODY(",\"include\":[\"message.output_text.logprobs\"]"), NULL, NULL},
    {GPT,
     BODY(",\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"n\","
          "\"schema\":{}}}"),
     SENT(",\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"n\","
          "\"schema\":{}}}"),
     ""},
    {GPT, BODY(",\"text\":{\"format\":{\"type\":\"json_object\"}}"), NULL, NULL},
    {GPT, BODY(",\"text\":{\"tone\":\"x\"}"), NULL, NULL},
    {GPT, BODY(",\"unheard\":1"), NULL, NULL},
    {GPT, BODY(",\"max_tokens\":1"), NULL, NULL},
    {GPT, BODY(",\"prompt_cache_key\":\"a\",\"prompt_cache_ke\\u0079\":\"b\""), NULL, NULL},
    /* tools */
    {GPT,
     BODY(",\"tools\":[" FUNCTION
          ",{\"type\":\"web_search\"},{\"type\":\"namespace\",\"name\":\"n\","
          "\"tools\":[]}],\"tool_choice\":\"auto\""),
     SENT(",\"tools\":[" FUNCTION ",{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[]}],"
          "\"tool_choice\":\"auto\""),
     "drop:tool:web_search"},
    {GPT, BODY(",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":\"auto\""),
     SENT(",\"tool_choice\":\"auto\""), "drop:tool:web_search"},
    {GPT, BODY(",\"tools\":[]"), SENT(",\"tools\":[]"), ""},
    {GPT, BODY(",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":\"required\""), NULL, NULL},
    {GPT, BODY(",\"tools\":[" FUNCTION "],\"tool_choice\":{\"type\":\"web_search\"}"), NULL, NULL},
    {GPT, BODY(",\"tools\":[" FUNCTION "],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}"),
     SENT(",\"tools\":[" FUNCTION "],\"tool_choice\":{\"type\":\"function\",\"name\":\"f\"}"), ""},
    {GPT, BODY(",\"tools\":[{\"type\":\"local_shell\"}]"), NULL, NULL},
    {GPT, BODY(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"), NULL, NULL},
    /* "mcp" is called by Bedrock itself, with the gateway's rights: never, in whatever dress */
    {GPT, BODY(",\"tools\":[" FUNCTION "," LAMBDA("\"type\":\"mcp\"") "]"),
     SENT(",\"tools\":[" FUNCTION "]"), "drop:tool:mcp"},
    {GPT, BODY(",\"tools\":[" LAMBDA("\"type\":\"function\",\"name\":\"f\",\"type\":\"mcp\"") "]"),
     NULL, NULL},
    {GPT, BODY(",\"tools\":[" SPACE("\"tools\":[" LAMBDA("\"type\":\"mcp\"") "]") "]"), NULL, NULL},
    {GPT,
     BODY(",\"tools\":[" SPACE(
         "\"tools\":[" SPACE("\"tools\":[" LAMBDA("\"type\":\"mcp\"") "]") "]") "]"),
     NULL, NULL},
    {GPT, BODY(",\"tools\":[" SPACE("\"tools\":[],\"tools\":[" LAMBDA("\"type\":\"mcp\"") "]") "]"),
     NULL, NULL},
    {GPT, BODY(",\"tools\":[" SPACE("\"tools\":[" FUNCTION "]") "]"),
     SENT(",\"tools\":[" SPACE("\"tools\":[" FUNCTION "]") "]"), ""},
    {GPT, INPUT(USER "," SEARCH FOUND(LAMBDA("\"type\":\"mcp\""))), NULL, NULL},
    {GPT, INPUT("{\"role\":\"user\",\"content\":\"x\",\"tools\":[" LAMBDA("\"type\":\"mcp\"") "]}"),
     NULL, NULL},
    {GPT, INPUT(USER "," SEARCH FOUND(FUNCTION)), WENT(USER "," SEARCH FOUND(FUNCTION)), ""},
    {GPT,
     INPUT("{\"type\":\"mcp_approval_response\",\"approval_request_id\":\"m\",\"approve\":true}"
           "," USER),
     NULL, NULL},
    {GPT, INPUT("{\"type\":\"mcp_list_tools\",\"server_label\":\"l\",\"tools\":[]}," USER), NULL,
     NULL},
    {GPT, INPUT("{\"role\":\"user\",\"content\":\"x\",\"type\":\"message\",\"type\":\"mcp_call\"}"),
     NULL, NULL},
    /* items */
    {GPT, INPUT(USER "," CALL "," OUTPUT("\"x\"")), WENT(USER "," CALL "," OUTPUT("\"x\"")), ""},
    {GPT, INPUT(USER "," CALL "," OUTPUT("[{\"type\":\"input_text\",\"text\":\"x\"}]")),
     WENT(USER "," CALL "," OUTPUT("[{\"type\":\"input_text\",\"text\":\"x\"}]")), ""},
    {GPT,
     INPUT(USER "," CALL "," OUTPUT(
         "[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA==\"}]")),
     NULL, NULL},
    {GPT, INPUT(PART("{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA==\"}")),
     WENT(PART("{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AA==\"}")), ""},
    {GPT, INPUT(PART("{\"type\":\"input_image\",\"image_url\":\"https://x/y.png\"}")), NULL, NULL},
    {GPT, INPUT(PART("{\"type\":\"input_image\",\"image_url\":\"s3://x/y.png\"}")), NULL, NULL},
    {GPT,
     INPUT(PART(
         "{\"type\":\"input_image\",\"image_url\":\"data:x\",\"image_url\":\"s3://x/y.png\"}")),
     NULL, NULL},
    {GPT,
     INPUT("{\"role\":\"user\",\"content\":\"x\",\"content\":[{\"type\":\"input_image\","
           "\"image_url\":\"s3://x/y.png\"}]}"),
     NULL, NULL},
    {GPT,
     INPUT(USER "," CALL "," OUTPUT(
         "\"x\",\"output\":[{\"type\":\"input_image\",\"image_url\":\"s3://x/y.png\"}]")),
     NULL, NULL},
    {GPT,
     INPUT(USER ",{\"type\":\"computer_call_output\",\"call_id\":\"c\",\"output\":[{\"type\":"
                "\"input_image\",\"image_url\":\"s3://x/y.png\"}]}"),
     NULL, NULL},
    {GPT, INPUT(USER "," SEEN("\"image_url\":\"data:x\",\"file_id\":\"f\"")), NULL, NULL},
    {GPT, INPUT(USER "," SEEN("\"image_url\":\"data:x\"")),
     WENT(USER "," SEEN("\"image_url\":\"data:x\"")), ""},
    {GPT, INPUT(USER "," SEEN("\"image_url\":\"s3://x/y.png\"")), NULL, NULL},
    {GPT, INPUT(USER "," SEEN("\"file_id\":\"f\"")), NULL, NULL},
    {GPT, INPUT(PART("{\"type\":\"input_file\",\"file_data\":\"data:x\"}")), NULL, NULL},
    {GPT, INPUT(PART("{\"type\":\"input_text\",\"text\":\"x\",\"cache_control\":{}}")), NULL, NULL},
    {GPT, INPUT(THOUGHT(",\"encrypted_content\":\"gAAAA\"") "," USER),
     WENT(THOUGHT(",\"encrypted_content\":\"gAAAA\"") "," USER), ""},
    {GPT, INPUT(THOUGHT("") "," USER "," THOUGHT(",\"encrypted_content\":\"1.AAAA\"")), WENT(USER),
     "drop:reasoning_item"},
    {GPT, INPUT("{\"type\":\"agent_message\",\"content\":\"x\"}," USER), NULL, NULL},
    {GPT, INPUT("{\"type\":\"web_search_call\",\"id\":\"w\"}," USER), NULL, NULL},
    {GPT, INPUT("{\"type\":\"additional_tools\",\"tools\":[]}," USER), NULL, NULL},
    /* models */
    {"us.openai.gpt-5.6-luna", BODY(""),
     "{\"store\":false,\"model\":\"us.openai.gpt-5.6-luna\", \"input\":\"hi\"}", ""},
    {"openai.gpt-6-sol", BODY(""), NULL, NULL},
    {"eu.openai.gpt-6-sol", BODY(""), NULL, NULL},
    {"global.openai.gpt-5.5", BODY(""), NULL, NULL},
    {"xai.grok-4.7", BODY(""), NULL, NULL},
    {"openai.gpt-oss-120b-1:0", BODY(""), NULL, NULL},
    {"global.anthropic.claude-opus-5-5", BODY(""), NULL, NULL},
};

static void check_row(size_t i)
{
    static const struct scan_limits limits = {
        .depth = 32, .values = 1000, .keys = 1000, .number_len = 20};
    struct arena *arena = arena_new(1 << 20);
    struct scan s;
    struct responses_request r;
    struct buf out, notes;
    struct models_caps caps;
    struct err err = {.code = STATUS_OK};
    struct models_choice m = {.id = text_from(rows[i].id)};
    m.caps = models_caps(m.id, &caps);
    buf_init(&out, 10000);
    buf_init(&notes, 1000);
    assert_int_equal(scan_parse(&s, arena, text_from(rows[i].body), &limits, &err), STATUS_OK);
    if (responses_read(&s, &r, &err) != STATUS_OK)
        fail_msg("%s: %s", rows[i].body, err.text);
    if (native_responses_fits(&r, &m) != (rows[i].sent != NULL))
        fail_msg("%s: %s", rows[i].body, rows[i].sent ? "does not fit" : "fits");
    if (rows[i].sent) {
        assert_int_equal(native_responses_write(&r, &m, &out, &notes, &err), STATUS_OK);
        if (!text_eq(buf_str(&out), text_from(rows[i].sent)) ||
            !text_eq(buf_str(&notes), text_from(rows[i].notes)))
            fail_msg("%s: %.*s (%.*s)", rows[i].body, STR_ARG(buf_str(&out)),
                     STR_ARG(buf_str(&notes)));
    }
    buf_free(&out);
    buf_free(&notes);
    arena_drop(arena);
}

static void test_requests_pass_or_do_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_row(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests_pass_or_do_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
