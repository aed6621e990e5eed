/*
 * request_random_messages.h - for tests: random requests of Anthropic Messages.
 */
#ifndef TESTS_UNIT_REQUEST_RANDOM_MESSAGES_H
#define TESTS_UNIT_REQUEST_RANDOM_MESSAGES_H

#include "tests/unit/request_random.h"

/* --- Anthropic: blocks --------------------------------------------------------------------- */

static void random_text_block(struct random_request *r)
{
    static const char *const citations[] = {
        "null", "[]",
        "[{\"type\":\"char_location\",\"cited_text\":\"x\",\"document_index\":0,\"document_title\":"
        "null,\"start_char_index\":0,\"end_char_index\":1}]",
        "[{\"type\":\"search_result_location\",\"cited_text\":\"\",\"search_result_index\":1,"
        "\"source\":\"s\",\"title\":\"t\",\"start_block_index\":0,\"end_block_index\":1},{}]",
        "[{\"type\":\"page_location\",\"document_index\":-1}]"};
    random_open(r, "text");
    random_put(r, "text", random_one_in(r, 60) ? PICK(r, random_blanks) : PICK(r, random_texts));
    random_maybe(r, 12, "citations", PICK(r, citations));
    random_close(r, 30);
}

static void random_image(struct random_request *r)
{
    static const char *const types[] = {"\"image/png\"", "\"image/jpeg\"", "\"image/webp\"",
                                        "\"image/gif\"", "\"image/bmp\""};
    random_open(r, "image");
    json_key(&r->w, STR("source"));
    random_open(r, random_one_in(r, 12) ? "url" : "base64");
    random_put(r, "data", random_one_in(r, 4) ? PICK(r, random_base64) : "\"iVBORw0KGgo=\"");
    random_put(r, "media_type", PICK(r, types));
    json_object_end(&r->w);
    random_close(r, 30);
}

static void random_document(struct random_request *r)
{
    static const char *const sources[] = {
        "{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0=\"}",
        "{\"type\":\"base64\",\"media_type\":\"text/csv\",\"data\":\"AAAA\"}",
        "{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"a\\u0000b\"}",
        "{\"type\":\"content\",\"content\":\"as text\"}",
        "{\"type\":\"content\",\"content\":[{\"type\":\"text\",\"text\":\"one\"},{\"type\":"
        "\"text\","
        "\"text\":\" \"}]}",
        "{\"type\":\"content\",\"content\":[]}",
        "{\"type\":\"url\",\"url\":\"https://x\"}"};
    random_open(r, "document");
    random_put(r, "source", PICK(r, sources));
    random_maybe(r, 2, "title", random_text(r));
    random_maybe(r, 4, "context", random_text(r));
    random_maybe(r, 4, "citations", "{\"enabled\":true}");
    random_close(r, 20);
}

static void random_search_result(struct random_request *r)
{
    random_open(r, "search_result");
    random_put(r, "source", random_text(r));
    random_put(r, "title", random_text(r));
    json_key(&r->w, STR("content"));
    json_array(&r->w);
    for (unsigned n = random_below(r, 3); n > 0; n--)
        random_text_block(r);
    json_array_end(&r->w);
    random_maybe(r, 3, "citations", "{\"enabled\":true}");
    random_close(r, 30);
}

static void random_reference(struct random_request *r)
{
    random_open(r, "tool_reference");
    random_maybe(r, 1, "tool_name", PICK(r, random_names));
    random_close(r, 30);
}

static void random_unknown(struct random_request *r)
{
    static const char *const types[] = {"server_tool_use", "container_upload", "a,b\\n", ""};
    random_open(r, PICK(r, types));
    random_maybe(r, 2, "id", PICK(r, random_odd));
    random_close(r, 30);
}

static void random_some(struct random_request *r, void (*const *put)(struct random_request *),
                        size_t kinds, unsigned most)
{
    for (unsigned n = random_below(r, most + 1); n > 0; n--)
        put[random_below(r, kinds)](r);
}

static void random_result(struct random_request *r, unsigned number)
{
    static void (*const inside[])(struct random_request *) = {
        random_text_block, random_text_block, random_text_block,    random_image,
        random_document,   random_reference,  random_search_result, random_unknown};
    random_open(r, "tool_result");
    random_id(r, "tool_use_id", number);
    if (random_one_in(r, 3)) {
        random_put(r, "content", random_text(r));
    } else if (!random_one_in(r, 6)) {
        json_key(&r->w, STR("content"));
        json_array(&r->w);
        random_some(r, inside, random_one_in(r, 6) ? 8 : 3, 3);
        json_array_end(&r->w);
    }
    random_maybe(r, 4, "is_error", "true");
    random_close(r, 20);
}

static void random_tool_use(struct random_request *r)
{
    unsigned number = random_number(r);
    random_open(r, "tool_use");
    random_id(r, "id", number);
    random_put(r, "name", PICK(r, random_names));
    if (!random_one_in(r, 30))
        random_put(r, "input", random_object(r));
    random_maybe(r, 10, "caller", "{\"type\":\"direct\"}");
    random_close(r, 30);
    r->open[r->open_count++] = number;
}

static void random_thinking(struct random_request *r)
{
    static const char *const signatures[] = {"\"c2ln\"", "\"\"", "\"a\\/b\""};
    if (random_one_in(r, 3)) {
        random_open(r, "redacted_thinking");
        random_put(r, "data", PICK(r, random_base64));
    } else {
        random_open(r, "thinking");
        random_put(r, "thinking", random_text(r));
        random_put(r, "signature", PICK(r, signatures));
    }
    json_object_end(&r->w);
}

/* --- Anthropic: messages ------------------------------------------------------------------- */

static void random_turn(struct random_request *r, const char *role)
{
    json_object(&r->w);
    json_key(&r->w, STR("role"));
    json_str(&r->w, text_from(role));
    json_key(&r->w, STR("content"));
}

static void random_assistant_turn(struct random_request *r)
{
    random_turn(r, "assistant");
    json_array(&r->w);
    for (unsigned n = random_below(r, 3); n > 0 && random_one_in(r, 2); n--)
        random_thinking(r);
    random_text_block(r);
    if (random_one_in(r, 15))
        random_unknown(r);
    for (unsigned n = random_below(r, 4); n > 0; n--)
        random_tool_use(r);
    json_array_end(&r->w);
    json_object_end(&r->w);
}

static void random_user_turn(struct random_request *r)
{
    static void (*const rare[])(struct random_request *) = {
        random_image,     random_document, random_search_result,
        random_reference, random_unknown,  random_text_block};
    random_turn(r, "user");
    if (r->open_count == 0 && random_one_in(r, 3)) {
        json_raw(&r->w, text_from(PICK(r, random_texts)));
        json_object_end(&r->w);
        return;
    }
    json_array(&r->w);
    if (random_one_in(r, 5))
        random_text_block(r);
    for (unsigned i = 0; i < r->open_count; i++) {
        if (!random_one_in(r, 200))
            for (unsigned times = random_one_in(r, 12) ? 2 : 1; times > 0; times--)
                random_result(r, r->open[i]);
        if (random_one_in(r, 10))
            random_text_block(r);
    }
    r->open_count = 0;
    random_text_block(r);
    if (random_one_in(r, 4))
        random_some(r, rare, 6, 2);
    json_array_end(&r->w);
    json_object_end(&r->w);
}

static void random_system_turn(struct random_request *r)
{
    random_turn(r, "system");
    if (random_one_in(r, 2)) {
        json_raw(&r->w, text_from(PICK(r, random_texts)));
    } else {
        json_array(&r->w);
        random_text_block(r);
        json_array_end(&r->w);
    }
    random_maybe(r, 5, "clear_at", "\"never\"");
    json_object_end(&r->w);
}

static void random_messages(struct random_request *r)
{
    json_key(&r->w, STR("messages"));
    json_array(&r->w);
    if (random_one_in(r, 10)) { /* the wrong one begins */
        random_turn(r, "assistant");
        json_raw(&r->w, text_from(PICK(r, random_texts)));
        json_object_end(&r->w);
    }
    for (unsigned n = 1 + random_below(r, 4); n > 0; n--) {
        random_user_turn(r);
        if (random_one_in(r, 6))
            random_user_turn(r);
        if (random_one_in(r, 6))
            random_system_turn(r);
        if (n == 1 && !random_one_in(r, 8))
            break;
        random_assistant_turn(r);
        if (random_one_in(r, 8))
            random_system_turn(r);
    }
    if (r->open_count > 0)
        random_user_turn(r);
    json_array_end(&r->w);
}

/* --- Anthropic: the request ---------------------------------------------------------------- */

static void random_tool(struct random_request *r)
{
    static const char *const types[] = {"\"custom\"", "null", "\"custom\"", "\"bash_20250124\"",
                                        "\"web_search_20250305\""};
    json_object(&r->w);
    random_put(r, "name", PICK(r, random_names));
    random_maybe(r, 2, "description", random_text(r));
    random_maybe(r, 1, "input_schema", random_object(r));
    random_maybe(r, 30, "type", PICK(r, types));
    random_maybe(r, 5, "strict", "true");
    random_maybe(r, 8, "defer_loading", "true");
    random_maybe(r, 8, "eager_input_streaming", "true");
    random_maybe(r, 8, "input_examples", "[{\"a\":\"\\\"\"}]");
    random_close(r, 10);
}

__attribute__((unused)) static void random_anthropic(struct random_request *r)
{
    static const char *const tokens[] = {"2000", "64000", "0", "8", "9000000"};
    static const char *const choices[] = {
        "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}", "{\"type\":\"any\"}",
        "{\"type\":\"tool\",\"name\":\"a b\"}", "{\"type\":\"none\"}"};
    static const char *const thinking[] = {
        "{\"type\":\"adaptive\",\"display\":\"omitted\"}", "{\"type\":\"disabled\"}",
        "{\"type\":\"enabled\",\"budget_tokens\":1024,\"display\":\"updates\"}"};
    static const char *const output[] = {"{\"effort\":\"high\"}",
                                         "{\"effort\":\"max\",\"task_budget\":{\"total\":1}}",
                                         "{\"effort\":\"low\",\"format\":{\"type\":\"json_schema\","
                                         "\"schema\":{\"type\":\"object\"}}}"};
    static const char *const others[] = {"context_management", "metadata",  "novelty",      "speed",
                                         "service_tier",       "container", "cache_control"};
    json_object(&r->w);
    random_put(r, "model", "\"m\"");
    random_put(r, "max_tokens", random_one_in(r, 4) ? PICK(r, tokens) : "2000");
    if (random_one_in(r, 2))
        random_list(r, "tools", random_tool, 4);
    if (random_one_in(r, 2))
        random_list(r, "system", random_text_block, 3);
    else
        random_maybe(r, 3, "system", random_text(r));
    random_messages(r);
    random_sampling(r, "stop_sequences");
    random_maybe(r, 3, "tool_choice", PICK(r, choices));
    random_maybe(r, 4, "thinking", PICK(r, thinking));
    random_maybe(r, 5, "output_config", PICK(r, output));
    random_maybe(r, 8, PICK(r, others), random_object(r));
    random_maybe(r, 10, "stream", "true");
    json_object_end(&r->w);
}

#endif
