/*
 * request_random_chat.h - for tests: random requests of OpenAI Chat Completions.
 */
#ifndef TESTS_UNIT_REQUEST_RANDOM_CHAT_H
#define TESTS_UNIT_REQUEST_RANDOM_CHAT_H

#include "tests/unit/request_random.h"

/* --- OpenAI -------------------------------------------------------------------------------- */

static void random_part(struct random_request *r)
{
    static const char *const rare[] = {
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}",
        "{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,%%\"}",
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x\"}}",
        "{\"type\":\"file\",\"file\":{\"filename\":\"\xc3\xbc.pdf\",\"file_data\":\"data:"
        "application/"
        "pdf;base64,AAAA\"}}",
        "{\"type\":\"file\",\"file\":{\"filename\":\"a.md\",\"file_data\":\"data:;base64,AA==\"}}",
        "{\"type\":\"refusal\",\"refusal\":\"no\"}",
        "{\"type\":\"input_audio\"}",
        "{}"};
    if (random_one_in(r, 25)) {
        json_raw(&r->w, text_from(PICK(r, rare)));
        return;
    }
    random_open(r, "text");
    random_put(r, "text", random_text(r));
    random_maybe(r, 15, "prompt_cache_breakpoint", "{\"mode\":\"explicit\",\"ttl\":\"12h\"}");
    random_close(r, 15);
}

static void random_content(struct random_request *r)
{
    if (random_one_in(r, 2))
        random_put(r, "content", random_text(r));
    else
        random_list(r, "content", random_part, 3);
}

static void random_message(struct random_request *r, const char *role)
{
    json_object(&r->w);
    json_key(&r->w, STR("role"));
    json_str(&r->w, text_from(role));
    random_content(r);
    random_cache(r, 30);
}

static void random_call(struct random_request *r)
{
    static const char *const rare[] = {"\"\"", "\" \"", "\"[1]\"", "\"{\"", "\"\\u0000\"", "null"};
    unsigned number = random_number(r);
    json_object(&r->w);
    random_id(r, "id", number);
    if (random_one_in(r, 8)) {
        random_put(r, "type", "\"custom\"");
        random_put(r, "custom", "{\"name\":\"b\",\"input\":\"a\\nb\"}");
        json_object_end(&r->w);
        r->open[r->open_count++] = number;
        return;
    }
    random_maybe(r, 1, "type", "\"function\"");
    json_key(&r->w, STR("function"));
    json_object(&r->w);
    random_put(r, "name", PICK(r, random_names));
    json_key(&r->w, STR("arguments"));
    if (random_one_in(r, 6))
        json_raw(&r->w, text_from(PICK(r, rare)));
    else
        json_str(&r->w, text_from(PICK(r, random_objects)));
    json_object_end(&r->w);
    json_object_end(&r->w);
    r->open[r->open_count++] = number;
}

static void random_chat_assistant(struct random_request *r)
{
    random_message(r, "assistant");
    random_maybe(r, 8, "reasoning_content", random_text(r));
    random_maybe(r, 12, "refusal", random_text(r));
    if (random_one_in(r, 2))
        random_list(r, "tool_calls", random_call, 3);
    json_object_end(&r->w);
    for (unsigned i = 0; i < r->open_count; i++) {
        if (random_one_in(r, 15)) {
            random_message(r, "developer");
            json_object_end(&r->w);
        }
        if (random_one_in(r, 200))
            continue;
        for (unsigned times = random_one_in(r, 12) ? 2 : 1; times > 0; times--) {
            random_message(r, "tool");
            random_id(r, "tool_call_id", r->open[i]);
            json_object_end(&r->w);
        }
    }
    r->open_count = 0;
}

static void random_legacy(struct random_request *r)
{
    random_message(r, "assistant");
    random_put(r, "function_call", "{\"name\":\"b\",\"arguments\":\"{ \\\"x\\\": 1 }\"}");
    json_object_end(&r->w);
    random_message(r, "function");
    random_put(r, "name", "\"b\"");
    json_object_end(&r->w);
}

static void random_chat_messages(struct random_request *r)
{
    static const char *const roles[] = {"user", "user", "user", "user", "system", "developer"};
    json_key(&r->w, STR("messages"));
    json_array(&r->w);
    for (unsigned n = 1 + random_below(r, 5); n > 0; n--) {
        random_message(r, PICK(r, roles));
        json_object_end(&r->w);
        if (random_one_in(r, 2))
            random_chat_assistant(r);
        if (random_one_in(r, 12))
            random_legacy(r);
    }
    json_array_end(&r->w);
}

static void random_function(struct random_request *r)
{
    static const char *const others[] = {
        "{\"type\":\"function\",\"name\":\"flat\",\"parameters\":{}}",
        "{\"name\":\"anthropic\",\"input_schema\":{\"anyOf\":[{\"properties\":{\"a\":{}}}]}}",
        "{\"type\":\"custom\",\"name\":\"b\",\"format\":{\"definition\":\"g\"}}",
        "{\"type\":\"function\",\"function\":{\"name\":\"r\",\"parameters\":{\"$ref\":\"#/$defs/"
        "A\","
        "\"$defs\":{\"A\":{\"type\":[\"object\",\"null\"]}}}}}"};
    if (random_one_in(r, 8)) {
        json_raw(&r->w, text_from(PICK(r, others)));
        return;
    }
    json_object(&r->w);
    random_maybe(r, 1, "type", "\"function\"");
    json_key(&r->w, STR("function"));
    json_object(&r->w);
    random_put(r, "name", PICK(r, random_names));
    random_maybe(r, 2, "description", random_text(r));
    random_maybe(r, 1, "parameters", random_object(r));
    random_maybe(r, 5, "strict", "true");
    json_object_end(&r->w);
    random_close(r, 10);
}

__attribute__((unused)) static void random_openai(struct random_request *r)
{
    static const char *const choices[] = {
        "\"auto\"", "\"none\"", "\"required\"",
        "{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}",
        "{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{\"type\":"
        "\"function\",\"function\":{\"name\":\"b\"}}]}}"};
    static const char *const formats[] = {
        "{\"type\":\"json_object\"}", "{\"type\":\"text\"}",
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\","
        "\"properties\":{\"type\":{\"type\":\"object\"}}}}}"};
    static const char *const efforts[] = {"\"none\"", "\"minimal\"", "\"low\"", "\"medium\"",
                                          "\"high\"", "\"xhigh\"",   "\"max\""};
    static const char *const ignored[] = {"seed", "user", "logit_bias", "store", "verbosity"};
    json_object(&r->w);
    random_put(r, "model", "\"m\"");
    if (random_one_in(r, 2))
        random_list(r, "tools", random_function, 4);
    random_chat_messages(r);
    random_sampling(r, "stop");
    random_maybe(r, 3, "max_tokens", "3000");
    random_maybe(r, 6, "max_completion_tokens", "900000");
    random_maybe(r, 3, "tool_choice", PICK(r, choices));
    random_maybe(r, 5, "parallel_tool_calls", "false");
    random_maybe(r, 6, "response_format", PICK(r, formats));
    random_maybe(r, 5, "reasoning_effort", PICK(r, efforts));
    random_maybe(r, 8, PICK(r, ignored), PICK(r, random_odd));
    random_maybe(r, 10, "stream", "true");
    json_object_end(&r->w);
}

#endif
