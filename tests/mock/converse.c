/*
 * converse.c - Converse and ConverseStream. Shapes follow the service model of the Bedrock runtime;
 * refusals repeat the service's wordings.
 */
#include "tests/mock/speaker.h"

#include "tests/mock/frame.h"

static const char *const FIELDS[] = {
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "projectIdentifier",
    "additionalModelRequestFields",
    "promptVariables",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
    NULL,
};
static const char *const INFERENCE[] = {"maxTokens", "temperature", "topP", "stopSequences", NULL};
static const char *const BLOCKS[] = {
    "text",
    "image",
    "document",
    "video",
    "audio",
    "toolUse",
    "toolResult",
    "guardContent",
    "cachePoint",
    "reasoningContent",
    "citationsContent",
    "searchResult",
    "toolAddition",
    "toolRemoval",
    NULL,
};
static const char *const TOOLS[] = {"toolSpec", "systemTool", "cachePoint", NULL};
static const char *const TOOL_SPEC[] = {"name", "description", "inputSchema", "strict", NULL};

/* --- validation --- */

static bool is_name(struct str s, const char *extra)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        if (!plain && (c != extra[0] && c != extra[1]))
            return false;
    }
    return s.n >= 1 && s.n <= 64;
}

/* A union has exactly one known member. */
static bool check_union(const struct scan *s, scan_ref r, const char *const *list,
                        const char *where, char why[WHY_SIZE])
{
    if (scan_type(s, r) != SCAN_OBJECT || scan_size(s, r) != 1)
        return speaker_refuse(
            why, "The format of the value at %s is invalid. Provide exactly one member.", where);
    return speaker_only(s, r, list, where, why);
}

static void note_cache(const struct scan *s, scan_ref block, struct ask *out)
{
    scan_ref mark = SCAN_GET(s, block, "cachePoint");
    out->cached |= mark != SCAN_ABSENT;
    out->cached_1h |= SCAN_IS(s, SCAN_GET(s, mark, "ttl"), "1h");
}

static bool check_tool_block(const struct scan *s, scan_ref block, char why[WHY_SIZE])
{
    scan_ref use = SCAN_GET(s, block, "toolUse"), result = SCAN_GET(s, block, "toolResult");
    scan_ref tool = use != SCAN_ABSENT ? use : result;
    if (tool == SCAN_ABSENT)
        return true;
    if (!is_name(scan_text(s, SCAN_GET(s, tool, "toolUseId")), ".:"))
        return speaker_refuse(
            why, "Value at 'toolUseId' failed to satisfy constraint: Member must satisfy regular "
                 "expression pattern: [a-zA-Z0-9_.:-]+");
    if (use != SCAN_ABSENT && scan_type(s, SCAN_GET(s, use, "input")) != SCAN_OBJECT)
        return speaker_refuse(
            why, "The format of the value at toolUse.input is invalid. Provide a json object.");
    if (SCAN_GET(s, 0, "toolConfig") == SCAN_ABSENT)
        return speaker_refuse(why, "The toolConfig field must be defined when using toolUse and "
                                   "toolResult content blocks.");
    return true;
}

static bool check_content(const struct scan *s, scan_ref content, struct ask *out,
                          char why[WHY_SIZE])
{
    if (scan_type(s, content) != SCAN_ARRAY || scan_size(s, content) == 0)
        return speaker_refuse(why, "The content field in the Message object is empty. Add a "
                                   "ContentBlock object to the content field and try again.");
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
        if (!check_union(s, b, BLOCKS, "content.", why) || !check_tool_block(s, b, why))
            return false;
        if (SCAN_IS(s, SCAN_GET(s, b, "text"), ""))
            return speaker_refuse(why, "The text field in the ContentBlock object is blank. Add "
                                       "text to the text field, and try again.");
        note_cache(s, b, out);
    }
    return true;
}

static bool check_tools(const struct scan *s, struct ask *out, char why[WHY_SIZE])
{
    scan_ref config = SCAN_GET(s, 0, "toolConfig"), tools = SCAN_GET(s, config, "tools");
    if (config != SCAN_ABSENT && scan_size(s, tools) == 0)
        return speaker_refuse(why, "Value at 'toolConfig.tools' failed to satisfy constraint: "
                                   "Member must have length greater than or equal to 1");
    for (scan_ref t = scan_first(s, tools); t != SCAN_ABSENT; t = scan_next(s, tools, t)) {
        if (!check_union(s, t, TOOLS, "toolConfig.tools.", why))
            return false;
        note_cache(s, t, out);
        scan_ref spec = SCAN_GET(s, t, "toolSpec");
        if (spec == SCAN_ABSENT)
            continue;
        if (!speaker_only(s, spec, TOOL_SPEC, "toolSpec.", why))
            return false;
        if (!is_name(scan_text(s, SCAN_GET(s, spec, "name")), "--") ||
            SCAN_IS(s, SCAN_GET(s, spec, "description"), ""))
            return speaker_refuse(
                why, "Value at 'toolConfig.tools.toolSpec' failed to satisfy constraint");
        if (scan_type(s, SCAN_GET(s, SCAN_GET(s, spec, "inputSchema"), "json")) != SCAN_OBJECT)
            return speaker_refuse(
                why, "The value at toolConfig.tools.toolSpec.inputSchema.json is invalid");
    }
    return true;
}

static bool check_system(const struct scan *s, struct ask *out, char why[WHY_SIZE])
{
    static const char *const SYSTEM[] = {"text", "guardContent", "cachePoint", NULL};
    scan_ref system = SCAN_GET(s, 0, "system");
    for (scan_ref b = scan_first(s, system); b != SCAN_ABSENT; b = scan_next(s, system, b)) {
        if (!check_union(s, b, SYSTEM, "system.", why))
            return false;
        if (SCAN_IS(s, SCAN_GET(s, b, "text"), ""))
            return speaker_refuse(why, "The text field in the SystemContentBlock object is blank.");
        note_cache(s, b, out);
    }
    return true;
}

/* --- understanding --- */

static struct str block_text(const struct scan *s, scan_ref content)
{
    struct str text = STR("");
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
        scan_ref json = SCAN_GET(s, b, "json"), plain = SCAN_GET(s, b, "text");
        if (plain != SCAN_ABSENT)
            text = scan_text(s, plain);
        else if (json != SCAN_ABSENT)
            text = scan_raw(s, json);
    }
    return text;
}

static void read_user(const struct scan *s, scan_ref content, struct ask *out)
{
    out->tool_result = (struct str){NULL, 0};
    out->text = block_text(s, content);
    ask_turn_begin(out);
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
        scan_ref result = SCAN_GET(s, b, "toolResult"), text = SCAN_GET(s, b, "text");
        if (text != SCAN_ABSENT)
            ask_hear(out, scan_text(s, text));
        if (result == SCAN_ABSENT)
            continue;
        ask_hear_result(out, block_text(s, SCAN_GET(s, result, "content")),
                        SCAN_IS(s, SCAN_GET(s, result, "status"), "error"));
    }
    play_turn_end(&out->play);
}

static bool read_messages(const struct scan *s, struct ask *out, char why[WHY_SIZE])
{
    scan_ref messages = SCAN_GET(s, 0, "messages");
    bool was_user = false;
    if (scan_size(s, messages) == 0)
        return speaker_refuse(why, "A conversation must start with a user message. Try again with "
                                   "a conversation that starts with a user message.");
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        scan_ref role = SCAN_GET(s, m, "role"), content = SCAN_GET(s, m, "content");
        bool user = SCAN_IS(s, role, "user");
        if (!user && !SCAN_IS(s, role, "assistant"))
            return speaker_refuse(why, "Value at 'messages.role' failed to satisfy constraint: "
                                       "Member must satisfy enum value set: [user, assistant]");
        if (user == was_user)
            return speaker_refuse(
                why,
                user ? "A conversation must alternate between user and assistant roles. Make sure "
                       "the conversation alternates between user and assistant roles and try again."
                     : "A conversation must start with a user message. Try again with a "
                       "conversation that starts with a user message.");
        if (!check_content(s, content, out, why))
            return false;
        if (user)
            read_user(s, content, out);
        was_user = user;
    }
    return true;
}

static void read_tools(const struct scan *s, struct ask *out)
{
    scan_ref config = SCAN_GET(s, 0, "toolConfig"), tools = SCAN_GET(s, config, "tools");
    for (scan_ref t = scan_first(s, tools); t != SCAN_ABSENT; t = scan_next(s, tools, t)) {
        scan_ref spec = SCAN_GET(s, t, "toolSpec");
        scan_ref schema = SCAN_GET(s, SCAN_GET(s, spec, "inputSchema"), "json");
        if (spec != SCAN_ABSENT)
            ask_add_tool(out, scan_text(s, SCAN_GET(s, spec, "name")), scan_raw(s, schema));
    }
    scan_ref choice = SCAN_GET(s, config, "toolChoice");
    if (SCAN_GET(s, choice, "tool") != SCAN_ABSENT)
        out->forced_tool = scan_text(s, SCAN_GET(s, SCAN_GET(s, choice, "tool"), "name"));
    else if (SCAN_GET(s, choice, "any") != SCAN_ABSENT && out->tool_n)
        out->forced_tool = out->tool[0];
}

/* Claude's name for it, and the ones other vendors' models use. */
static bool wants_thinking(const struct scan *s)
{
    scan_ref extra = SCAN_GET(s, 0, "additionalModelRequestFields");
    scan_ref type = SCAN_GET(s, SCAN_GET(s, extra, "thinking"), "type");
    return SCAN_IS(s, type, "enabled") || SCAN_IS(s, type, "adaptive") ||
           SCAN_GET(s, extra, "reasoning_config") != SCAN_ABSENT ||
           SCAN_GET(s, extra, "reasoning_effort") != SCAN_ABSENT;
}

static void read_rest(const struct scan *s, struct ask *out)
{
    scan_ref config = SCAN_GET(s, 0, "inferenceConfig"),
             stops = SCAN_GET(s, config, "stopSequences");
    scan_i64(s, SCAN_GET(s, config, "maxTokens"), &out->max_tokens);
    for (scan_ref v = scan_first(s, stops); v != SCAN_ABSENT && out->stop_n < ASK_STOPS;
         v = scan_next(s, stops, v))
        out->stop[out->stop_n++] = scan_text(s, v);
    scan_ref paths = SCAN_GET(s, 0, "additionalModelResponseFieldPaths");
    for (scan_ref v = scan_first(s, paths); v != SCAN_ABSENT; v = scan_next(s, paths, v)) {
        out->wants_stop_sequence |= SCAN_IS(s, v, "/stop_sequence");
        out->wants_thinking_tokens |= SCAN_IS(s, v, "/usage/output_tokens_details");
    }
    out->thinking = wants_thinking(s);
}

static bool read_body(const struct scan *s, const struct rules *rules, struct ask *out,
                      char why[WHY_SIZE])
{
    (void)rules; /* the members of Converse are fixed by its model */
    if (scan_type(s, 0) != SCAN_OBJECT)
        return speaker_refuse(why,
                              "Malformed input request, please reformat your input and try again.");
    if (!speaker_only(s, 0, FIELDS, "", why) ||
        !speaker_only(s, SCAN_GET(s, 0, "inferenceConfig"), INFERENCE, "inferenceConfig.", why) ||
        !check_system(s, out, why) || !check_tools(s, out, why) || !read_messages(s, out, why))
        return false;
    read_tools(s, out);
    read_rest(s, out);
    return true;
}

/* --- saying --- */

static void put_writes(struct json_out *w, struct str ttl, uint32_t tokens)
{
    if (!tokens)
        return;
    json_object(w);
    speaker_put(w, STR("ttl"), ttl);
    speaker_count(w, STR("inputTokens"), tokens);
    json_object_end(w);
}

/* input: in the streams of GPT the cached tokens are in it, too (maximhq/bifrost pull 6942). */
static void put_usage(struct json_out *w, const struct usage *u, uint32_t input)
{
    if (u->told == TOLD_NOWHERE)
        return;
    JSON_KEY(w, "usage");
    json_object(w);
    speaker_count(w, STR("inputTokens"), input);
    speaker_count(w, STR("outputTokens"), u->output);
    speaker_count(w, STR("totalTokens"), input + u->output + u->cache_read + u->cache_write);
    speaker_count(w, STR("cacheReadInputTokens"), u->cache_read);
    speaker_count(w, STR("cacheWriteInputTokens"), u->cache_write);
    if (u->cache_write) {
        JSON_KEY(w, "cacheDetails");
        json_array(w);
        put_writes(w, STR("1h"), u->write_1h); /* before the shorter one, as there */
        put_writes(w, STR("5m"), u->cache_write - u->write_1h);
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_metrics(struct json_out *w)
{
    JSON_KEY(w, "metrics");
    json_object(w);
    speaker_count(w, STR("latencyMs"), 120);
    json_object_end(w);
}

/* A prompt router says whom it has asked (API_runtime_PromptRouterTrace): here always the same. */
static void put_trace(struct json_out *w, const struct reply *r)
{
    size_t at;
    if (r->intervened) { /* only where it is asked for, there; nobody may pass it on */
        JSON_KEY(w, "trace");
        json_raw(w,
                 STR("{\"guardrail\":{\"actionReason\":\"Guardrail blocked.\",\"inputAssessment\":"
                     "{\"gr\":{\"wordPolicy\":{\"customWords\":[{\"match\":\"its secret list\","
                     "\"action\":\"BLOCKED\"}]}}}}}"));
        return;
    }
    if (!text_find(r->model, STR("prompt-router"), &at)) {
        return;
    }
    JSON_KEY(w, "trace");
    json_object(w);
    JSON_KEY(w, "promptRouter");
    json_object(w);
    speaker_put(
        w, STR("invokedModelId"),
        STR("arn:aws:bedrock:us-west-2:123456789012:inference-profile/us.amazon.nova-lite-v1:0"));
    json_object_end(w);
    json_object_end(w);
}

static void put_stop(struct json_out *w, const struct reply *r)
{
    speaker_put(w, STR("stopReason"),
                r->intervened ? STR("guardrail_intervened") : text_from(r->stop_reason));
    speaker_fields(w, r);
}

static void put_thinking(struct json_out *w, const struct block *b)
{
    JSON_KEY(w, "reasoningContent");
    json_object(w);
    JSON_KEY(w, "reasoningText");
    json_object(w);
    speaker_put(w, STR("text"), b->text);
    speaker_put(w, STR("signature"), ask_signature());
    json_object_end(w);
    json_object_end(w);
}

static void put_tool(struct json_out *w, const struct block *b, bool with_input)
{
    JSON_KEY(w, "toolUse");
    json_object(w);
    speaker_put(w, STR("toolUseId"), text_from(b->id));
    speaker_put(w, STR("name"), b->name);
    if (with_input) {
        JSON_KEY(w, "input");
        json_raw(w, b->text);
    }
    json_object_end(w);
}

static void put_block(struct json_out *w, const struct block *b)
{
    json_object(w);
    switch (b->kind) {
    case BLOCK_THINKING:
        put_thinking(w, b);
        break;
    case BLOCK_TEXT:
        JSON_KEY(w, "text");
        speaker_text(w, b);
        break;
    case BLOCK_TOOL:
        put_tool(w, b, true);
        break;
    }
    json_object_end(w);
}

static void answer(const struct reply *r, struct buf *body)
{
    struct json_out w;
    json_begin(&w, body);
    json_object(&w);
    put_metrics(&w);
    JSON_KEY(&w, "output");
    json_object(&w);
    JSON_KEY(&w, "message");
    json_object(&w);
    JSON_KEY(&w, "content");
    json_array(&w);
    for (size_t i = 0; i < r->block_n; i++)
        put_block(&w, &r->block[i]);
    json_array_end(&w);
    speaker_put(&w, STR("role"), STR("assistant"));
    json_object_end(&w);
    json_object_end(&w);
    put_stop(&w, r);
    put_usage(&w, &r->usage, r->usage.input);
    put_trace(&w, r);
    json_object_end(&w);
}

/* --- streaming --- */

static void say_delta(struct json_out *w, const struct moment *m)
{
    enum block_kind kind = m->reply->block[m->block].kind;
    JSON_KEY(w, "delta");
    json_object(w);
    if (kind == BLOCK_TEXT) {
        speaker_put(w, STR("text"), m->piece);
    } else {
        json_key(w, kind == BLOCK_TOOL ? STR("toolUse") : STR("reasoningContent"));
        json_object(w);
        struct str member = kind == BLOCK_TOOL            ? STR("input")
                            : m->kind == MOMENT_SIGNATURE ? STR("signature")
                                                          : STR("text");
        speaker_put(w, member, m->piece);
        json_object_end(w);
    }
    json_object_end(w);
}

static uint32_t streamed_input(const struct reply *r)
{
    size_t at;
    bool whole = text_find(r->model, STR("openai.gpt-"), &at) &&
                 !text_find(r->model, STR("openai.gpt-oss"), &at);
    return r->usage.input + (whole ? r->usage.cache_read + r->usage.cache_write : 0);
}

static void say(struct json_out *w, const struct moment *m)
{
    bool in_block = m->kind >= MOMENT_BLOCK_START && m->kind <= MOMENT_BLOCK_STOP;
    if (in_block)
        speaker_count(w, STR("contentBlockIndex"), (uint32_t)m->block);
    switch (m->kind) {
    case MOMENT_START:
        speaker_put(w, STR("role"), STR("assistant"));
        break;
    case MOMENT_BLOCK_START:
        JSON_KEY(w, "start");
        json_object(w);
        put_tool(w, &m->reply->block[m->block], false);
        json_object_end(w);
        break;
    case MOMENT_DELTA:
    case MOMENT_SIGNATURE:
        say_delta(w, m);
        break;
    case MOMENT_BLOCK_STOP:
        break;
    case MOMENT_STOP:
        put_stop(w, m->reply);
        break;
    case MOMENT_END:
        put_metrics(w);
        put_usage(w, &m->reply->usage, streamed_input(m->reply));
        put_trace(w, m->reply);
        break;
    }
}

static struct str event(const struct moment *m, struct buf *payload)
{
    static const char *const TYPE[] = {
        [MOMENT_START] = "messageStart",
        [MOMENT_BLOCK_START] = "contentBlockStart",
        [MOMENT_DELTA] = "contentBlockDelta",
        [MOMENT_SIGNATURE] = "contentBlockDelta",
        [MOMENT_BLOCK_STOP] = "contentBlockStop",
        [MOMENT_STOP] = "messageStop",
        [MOMENT_END] = "metadata",
    };
    /* Text and reasoning have no contentBlockStart: seen in real captures. */
    if (m->kind == MOMENT_BLOCK_START && m->reply->block[m->block].kind != BLOCK_TOOL)
        return STR("");
    struct json_out w;
    json_begin(&w, payload);
    json_object(&w);
    say(&w, m);
    speaker_put(&w, STR("p"), frame_padding());
    json_object_end(&w);
    return text_from(TYPE[m->kind]);
}

const struct speaker converse_speaker = {read_body, answer, event};
