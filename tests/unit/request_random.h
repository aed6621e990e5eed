/*
 * request_random.h - for tests: random requests of both dialects, as wild as clients get. Turns are
 * mostly well-formed (calls answered, roles in turn), so that most requests reach the converter's
 * depths; the rest is there to be refused. Seeded: the same seed gives the same request.
 */
#ifndef TESTS_UNIT_REQUEST_RANDOM_H
#define TESTS_UNIT_REQUEST_RANDOM_H

#include <stdio.h>
#include <string.h>

#include "server/json/json.h"

struct random_request {
    uint64_t state;
    struct buf *b;
    struct json_out w;
    unsigned ids;     /* calls so far */
    unsigned open[8]; /* numbers of the calls that wait for a result */
    unsigned open_count;
};

#define PICK(r, table) ((table)[random_below((r), sizeof(table) / sizeof *(table))])

/* xorshift64*, Vigna 2016 */
static unsigned random_below(struct random_request *r, size_t n)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (unsigned)((r->state * 2685821657736338717u >> 33) % n);
}

static bool random_one_in(struct random_request *r, unsigned n)
{
    return random_below(r, n) == 0;
}

/* --- scalars: JSON as it stands in the request ------------------------------------------------ */

static const char *const random_texts[] = {
    "\"hello\"",
    "\"a b\\nc\"",
    "\"\\u0000\\u001f\"",
    "\"\xe6\x97\xa5\xe6\x9c\xac\"",
    "\"\\ud83d\\ude00 \xf0\x9f\x98\x80\"",
    "\"\xe2\x80\xae right to left \xe2\x80\x8b\"",
    "\"quote \\\" slash \\/ back \\\\\"",
    "\"x-anthropic-billing-header: cc_version=2\"",
    "\"<system-reminder>\"",
    "\"a,b;c:d\"",
    "\"%s%n\"",
    "\"1\"",
};
static const char *const random_blanks[] = {"\"\"", "\" \"", "\"\\n\\t\"", "\"\\u0020\\r\""};
static const char *const random_names[] = {
    "\"get_weather\"",
    "\"b\"",
    "\"a b\"",
    "\"\xc3\xbc\"",
    "\"t_x_0123456789abcdef0123456789abcdef\"",
    "\"mcp__server-with-a-very-long-name__and_a_tool_with_a_name_that_is_much_too_long_for_it\"",
    "\"a\\u0000b\"",
    "\"functions.x:0\"",
};
static const char *const random_ids[] = {"toolu_%u", "call|%u", "id with blanks %u",
                                         "functions.a:%u", "\xc3\xa9%u"};
static const char *const random_objects[] = {
    "{}",
    "{\"a\":1.0,\"b\":1e-7,\"c\":9007199254740993}",
    "{ \"x\" : [ -0.0 , 1E+2 ] }",
    "{\"s\":\"\\u0000\\/\\ud83d\\ude00\",\"s\":\"twice\"}",
    "{\"\":{\"type\":\"object\"}}",
    "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"object\"}},\"$defs\":{}}"};
static const char *const random_odd[] = {"null",  "true", "0",  "-1",   "1.5",
                                         "\"x\"", "[]",   "{}", "[[]]", "1e400"};
static const char *const random_numbers[] = {"0", "0.5", "1", "1.7", "-1", "1e-9", "2", "1e400"};
static const char *const random_base64[] = {"\"iVBORw0KGgo=\"", "\"AAAA\"", "\"\\/\\/8=\"", "\"\"",
                                            "\"%%%\"",          "\"AAA\""};

static void random_put(struct random_request *r, const char *key, const char *json)
{
    json_key(&r->w, text_from(key));
    json_raw(&r->w, text_from(json));
}

static const char *random_text(struct random_request *r)
{
    return random_one_in(r, 12) ? PICK(r, random_blanks) : PICK(r, random_texts);
}

static const char *random_object(struct random_request *r)
{
    return random_one_in(r, 40) ? PICK(r, random_odd) : PICK(r, random_objects);
}

static void random_id(struct random_request *r, const char *key, unsigned number)
{
    char id[80];
    const char *form = random_ids[number % (sizeof random_ids / sizeof *random_ids)];
    snprintf(id, sizeof id, "%.*s%u", (int)(strchr(form, '%') - form), form, number);
    json_key(&r->w, text_from(key));
    json_str(&r->w, text_from(id));
}

/* A member now and then; seldom one of a wrong type. */
static void random_maybe(struct random_request *r, unsigned one_in, const char *key,
                         const char *json)
{
    if (random_one_in(r, one_in))
        random_put(r, key, random_one_in(r, 60) ? PICK(r, random_odd) : json);
}

static void random_cache(struct random_request *r, unsigned one_in)
{
    static const char *const marks[] = {
        "{\"type\":\"ephemeral\"}", "{\"type\":\"ephemeral\",\"ttl\":\"5m\"}",
        "{\"type\":\"ephemeral\",\"ttl\":\"1h\",\"scope\":\"global\"}", "null"};
    random_maybe(r, one_in, "cache_control", PICK(r, marks));
}

/* --- Anthropic: blocks ------------------------------------------------------------------------ */

static void random_open(struct random_request *r, const char *type)
{
    json_object(&r->w);
    if (!random_one_in(r, 400)) {
        json_key(&r->w, STR("type"));
        json_str(&r->w, text_from(type));
    }
}

static void random_close(struct random_request *r, unsigned cache_one_in)
{
    random_cache(r, cache_one_in);
    json_object_end(&r->w);
}

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
    random_open(r, "tool_use");
    random_id(r, "id", ++r->ids);
    random_put(r, "name", PICK(r, random_names));
    if (!random_one_in(r, 30))
        random_put(r, "input", random_object(r));
    random_maybe(r, 10, "caller", "{\"type\":\"direct\"}");
    random_close(r, 30);
    r->open[r->open_count++] = r->ids;
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

/* --- Anthropic: messages ---------------------------------------------------------------------- */

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

/* --- Anthropic: the request ------------------------------------------------------------------- */

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

static void random_list(struct random_request *r, const char *key,
                        void (*put)(struct random_request *), unsigned most)
{
    json_key(&r->w, text_from(key));
    json_array(&r->w);
    for (unsigned n = random_below(r, most + 1); n > 0; n--)
        put(r);
    json_array_end(&r->w);
}

static void random_sampling(struct random_request *r, const char *stops)
{
    random_maybe(r, 4, "temperature", PICK(r, random_numbers));
    random_maybe(r, 4, "top_p", PICK(r, random_numbers));
    random_maybe(r, 8, "top_k", "5");
    random_maybe(r, 4, stops, "[\"END\",\"\\n\",\"\xc3\xa9\"]");
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

/* --- OpenAI ----------------------------------------------------------------------------------- */

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
    json_object(&r->w);
    random_id(r, "id", ++r->ids);
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
    r->open[r->open_count++] = r->ids;
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
        random_message(r, "tool");
        random_id(r, "tool_call_id", r->open[i]);
        json_object_end(&r->w);
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
