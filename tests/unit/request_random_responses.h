/*
 * request_random_responses.h - for tests: random requests of OpenAI's Responses API.
 */
#ifndef TESTS_UNIT_REQUEST_RANDOM_RESPONSES_H
#define TESTS_UNIT_REQUEST_RANDOM_RESPONSES_H

#include "tests/unit/request_random.h"

static void random_item_part(struct random_request *r)
{
    static const char *const rare[] = {
        "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,AAAA\"}",
        "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,%%\"}",
        "{\"type\":\"input_image\",\"file_id\":\"f\"}",
        "{\"type\":\"input_file\",\"filename\":\"\xc3\xbc.pdf\",\"file_data\":\"data:application/"
        "pdf;base64,AAAA\"}",
        "{\"type\":\"input_file\",\"filename\":\"a.md\",\"file_url\":\"data:;base64,AA==\"}",
        "{\"type\":\"refusal\",\"refusal\":\"no\"}",
        "{\"type\":\"encrypted_content\",\"encrypted_content\":\"x\"}",
        "{\"type\":\"text\",\"text\":\"t\"}",
        "{}"};
    if (random_one_in(r, 30)) {
        json_raw(&r->w, text_from(PICK(r, rare)));
        return;
    }
    random_open(r, random_one_in(r, 2) ? "input_text" : "output_text");
    random_put(r, "text", random_text(r));
    random_maybe(r, 15, "prompt_cache_breakpoint", "{\"mode\":\"explicit\",\"ttl\":\"12h\"}");
    random_close(r, 30);
}

static void random_item_content(struct random_request *r, const char *member)
{
    if (random_one_in(r, 2))
        random_put(r, member, random_text(r));
    else
        random_list(r, member, random_item_part, 3);
}

static void random_item(struct random_request *r, const char *role)
{
    json_object(&r->w);
    random_maybe(r, 2, "type", "\"message\"");
    random_maybe(r, 3, "id", "\"msg_1\"");
    json_key(&r->w, STR("role"));
    json_str(&r->w, text_from(role));
    random_item_content(r, "content");
    json_object_end(&r->w);
}

/* What stands between messages and asks for nothing to be answered. */
static void random_aside(struct random_request *r)
{
    static const char *const asides[] = {
        "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"v1.AAAA\"}",
        "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":null}",
        "{\"type\":\"web_search_call\",\"action\":{\"query\":\"a\\nb\"}}",
        "{\"type\":\"mcp_call\",\"name\":\"n\",\"arguments\":\"{}\",\"output\":\"o\"}",
        "{\"type\":\"compaction\",\"encrypted_content\":\"x\"}",
        "{\"type\":\"agent_message\",\"author\":\"a\",\"content\":[{\"type\":\"input_text\","
        "\"text\":"
        "\"t\"}]}",
        "{\"type\":\"additional_tools\",\"tools\":[{\"type\":\"function\",\"name\":\"more\"}]}",
        "{\"type\":\"tool_search_output\",\"call_id\":null,\"tools\":[]}"};
    json_raw(&r->w, text_from(PICK(r, asides)));
}

static void random_item_call(struct random_request *r)
{
    static const char *const types[] = {"custom_tool_call", "local_shell_call", "tool_search_call"};
    static const char *const inputs[] = {"\"input\":\"a\\nb\",\"name\":\"b\"",
                                         "\"action\":{\"type\":\"exec\",\"command\":[\"ls\"]}",
                                         "\"arguments\":{\"query\":1.0}"};
    static const char *const rare[] = {"\"\"", "\" \"", "\"[1]\"", "\"{\"", "\"\\u0000\""};
    unsigned number = random_number(r), kind = random_below(r, 12);
    random_open(r, kind < 3 ? types[kind] : "function_call");
    random_id(r, "call_id", number);
    if (kind < 3) {
        buf_put_char(r->w.b, ',');
        buf_put_str(r->w.b, text_from(inputs[kind]));
    } else {
        random_put(r, "name", PICK(r, random_names));
        random_maybe(r, 5, "namespace", PICK(r, random_names));
        json_key(&r->w, STR("arguments"));
        if (random_one_in(r, 6))
            json_raw(&r->w, text_from(PICK(r, rare)));
        else
            json_str(&r->w, text_from(PICK(r, random_objects)));
    }
    json_object_end(&r->w);
    r->open[r->open_count++] = number;
}

static void random_item_output(struct random_request *r, unsigned number)
{
    static const char *const types[] = {"function_call_output", "custom_tool_call_output",
                                        "local_shell_call_output"};
    bool search = random_one_in(r, 12);
    random_open(r, search ? "tool_search_output" : PICK(r, types));
    random_id(r, "call_id", number);
    if (search)
        random_put(r, "tools",
                   "[{\"type\":\"namespace\",\"name\":\"n s\",\"description\":\"d\",\"tools\":[{"
                   "\"type\":\"function\",\"name\":\"b\"}]},{\"type\":\"mcp\"}]");
    else
        random_item_content(r, "output");
    json_object_end(&r->w);
}

/* Calls, then their outputs in any order, with something else between them now and then. */
static void random_calls(struct random_request *r)
{
    for (unsigned n = 1 + random_below(r, 3); n > 0; n--) {
        random_item_call(r);
        if (random_one_in(r, 6))
            random_aside(r);
    }
    while (r->open_count > 0) {
        unsigned at = random_below(r, r->open_count), number = r->open[at];
        r->open[at] = r->open[--r->open_count];
        if (random_one_in(r, 12))
            random_item(r, random_one_in(r, 2) ? "developer" : "assistant");
        if (random_one_in(r, 300))
            continue;
        for (unsigned times = random_one_in(r, 15) ? 2 : 1; times > 0; times--)
            random_item_output(r, number);
    }
}

static void random_input(struct random_request *r)
{
    static const char *const roles[] = {"user", "user", "user", "system", "developer"};
    if (random_one_in(r, 15)) {
        random_put(r, "input", random_text(r));
        return;
    }
    json_key(&r->w, STR("input"));
    json_array(&r->w);
    for (unsigned n = 1 + random_below(r, 5); n > 0; n--) {
        random_item(r, PICK(r, roles));
        if (random_one_in(r, 3))
            random_aside(r);
        if (random_one_in(r, 2))
            random_item(r, "assistant");
        if (random_one_in(r, 2))
            random_calls(r);
        if (random_one_in(r, 150))
            json_raw(&r->w, STR("{\"type\":\"item_reference\",\"id\":\"i\"}"));
    }
    json_array_end(&r->w);
}

static void random_flat_tool(struct random_request *r)
{
    static const char *const others[] = {
        "{\"type\":\"web_search\"}",
        "{\"type\":\"custom\",\"name\":\"b\",\"format\":{\"type\":\"grammar\",\"definition\":"
        "\"g\\n\"}}",
        "{\"type\":\"local_shell\"}",
        "{\"type\":\"tool_search\",\"execution\":\"client\",\"parameters\":{\"type\":\"object\"}}",
        "{\"type\":\"tool_search\"}",
        "{\"type\":\"namespace\",\"name\":\"get\",\"description\":\"d\",\"tools\":[{\"type\":"
        "\"function\",\"name\":\"weather\"},{\"type\":\"custom\",\"name\":\"c\"}]}",
        "{\"type\":\"namespace\",\"name\":\"a b\",\"tools\":[{\"type\":\"function\",\"name\":"
        "\"\xc3\xbc\",\"parameters\":{\"anyOf\":[{\"properties\":{\"a\":{}}}]}}]}",
        "{\"type\":\"function\",\"function\":{\"name\":\"nested\"}}"};
    if (random_one_in(r, 3)) {
        json_raw(&r->w, text_from(PICK(r, others)));
        return;
    }
    random_open(r, "function");
    random_put(r, "name", PICK(r, random_names));
    random_maybe(r, 2, "description", random_text(r));
    random_maybe(r, 1, "parameters", random_one_in(r, 60) ? "null" : PICK(r, random_objects));
    random_maybe(r, 5, "strict", "true");
    random_maybe(r, 8, "defer_loading", "true");
    random_close(r, 10);
}

__attribute__((unused)) static void random_responses(struct random_request *r)
{
    static const char *const choices[] = {
        "\"auto\"",
        "\"none\"",
        "\"required\"",
        "{\"type\":\"function\",\"name\":\"a b\"}",
        "{\"type\":\"function\",\"name\":\"weather\",\"namespace\":\"get\"}",
        "{\"type\":\"web_search\"}",
        "{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{\"type\":\"function\","
        "\"name\":\"b\"},{\"type\":\"namespace\",\"name\":\"get\"}]}"};
    static const char *const texts[] = {
        "{\"format\":{\"type\":\"json_object\"}}", "{\"verbosity\":\"low\"}",
        "{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"schema\":{\"type\":\"object\","
        "\"properties\":{\"type\":{\"type\":\"object\"}}}}}"};
    static const char *const thoughts[] = {
        "{\"effort\":\"none\"}",  "{\"effort\":\"minimal\",\"summary\":\"auto\"}",
        "{\"effort\":\"high\"}",  "{\"effort\":\"max\",\"summary\":\"detailed\"}",
        "{\"summary\":\"auto\"}", "{\"effort\":\"medium\"}",
        "{\"effort\":\"xhigh\"}"};
    static const char *const ignored[] = {"store", "metadata", "truncation", "include", "zeta"};
    json_object(&r->w);
    random_put(r, "model", "\"m\"");
    random_maybe(r, 3, "instructions", random_text(r));
    if (random_one_in(r, 2))
        random_list(r, "tools", random_flat_tool, 4);
    random_input(r);
    random_sampling(r, "stop");
    random_maybe(r, 3, "max_output_tokens", "3000");
    random_maybe(r, 3, "tool_choice", PICK(r, choices));
    random_maybe(r, 5, "parallel_tool_calls", "false");
    random_maybe(r, 5, "text", PICK(r, texts));
    random_maybe(r, 3, "reasoning", PICK(r, thoughts));
    random_maybe(r, 3, "prompt_cache_key", "\"k\"");
    random_maybe(r, 9, "prompt_cache_retention", "\"24h\"");
    random_maybe(r, 20, PICK(r, ignored), PICK(r, random_odd));
    random_maybe(r, 10, "stream", "true");
    json_object_end(&r->w);
}

#endif
