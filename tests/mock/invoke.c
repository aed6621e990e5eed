/* invoke.c - Claude on InvokeModel: the Anthropic Messages body inside Bedrock's envelope.
 * Refusals repeat the wordings seen from Bedrock, as clients and the gateway act on them. */
#include "tests/mock/speaker.h"

#include "tests/mock/frame.h"
#include "server/base/base64.h"

static const char *const FIELDS[] = {
    "anthropic_version",
    "anthropic_beta",
    "max_tokens",
    "messages",
    "system",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "thinking",
    "metadata",
    "output_config",
    "output_format",
    "amazon-bedrock-guardrailConfig",
    NULL,
};

/* Reported accepted at some time; all else is "invalid beta flag". */
static const char *const BETAS[] = {
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "token-efficient-tools-2025-02-19",
    "interleaved-thinking-2025-05-14",
    "output-128k-2025-02-19",
    "dev-full-thinking-2025-05-14",
    "context-1m-2025-08-07",
    "context-management-2025-06-27",
    "effort-2025-11-24",
    "tool-search-tool-2025-10-19",
    "tool-examples-2025-10-29",
    "fine-grained-tool-streaming-2025-05-14",
    "computer-use-2025-11-24",
    "compact-2026-01-12",
    "compact-2026-09-04",
    "dangerous-tool-use-2026-09-03",
    "thinking-binding-controls-2026-08-01",
    "mid-conversation-output-config-2026-07-01",
    "mid-conversation-tool-changes-2026-07-01",
    "thinking-display-updates-2026-08-18",
    "thinking-token-count-2026-05-13", /* what Claude Code itself sends in Bedrock mode */
    NULL,
};

#define OUTPUT_MAX         128000 /* the most of any Claude model */
#define EVENT_MAX          ((size_t)64 * 1024 * 1024)
#define CONTEXT_MANAGEMENT "context-management-2025-06-27"

/* --- validation --- */

static bool in_extra(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text_eq(name, list[i]))
            return true;
    return false;
}

static bool in_builtin(struct str name, const char *const *list)
{
    for (; *list; list++)
        if (text_eq(name, text_from(*list)))
            return true;
    return false;
}

static bool has_beta(const struct scan *s, struct str name)
{
    scan_ref list = SCAN_GET(s, 0, "anthropic_beta");
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v))
        if (scan_text_is(s, v, name))
            return true;
    return false;
}

static bool check_fields(const struct scan *s, const struct rules *rules, char why[WHY_SIZE])
{
    for (scan_ref v = scan_first(s, 0); v != SCAN_ABSENT; v = scan_next(s, 0, v)) {
        struct str name = scan_text(s, scan_key(s, v));
        bool by_beta =
            (text_eq(name, STR("context_management")) &&
             (has_beta(s, STR(CONTEXT_MANAGEMENT)) || has_beta(s, STR("compact-2026-01-12")))) ||
            (text_eq(name, STR("compaction")) && has_beta(s, STR("compact-2026-09-04"))) ||
            (text_eq(name, STR("safeguards")) && has_beta(s, STR("dangerous-tool-use-2026-09-03")));
        if (!by_beta && !in_builtin(name, FIELDS) && !in_extra(name, rules->field, rules->field_n))
            return speaker_refuse(why, "%.*s: Extra inputs are not permitted", STR_ARG(name));
    }
    return true;
}

static bool check_betas(const struct scan *s, const struct rules *rules, char why[WHY_SIZE])
{
    scan_ref list = SCAN_GET(s, 0, "anthropic_beta");
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v)) {
        struct str beta = scan_text(s, v);
        if (!in_builtin(beta, BETAS) && !in_extra(beta, rules->beta, rules->beta_n))
            return speaker_refuse(why, "invalid beta flag");
    }
    return true;
}

static bool check_required(const struct scan *s, struct str model, char why[WHY_SIZE])
{
    if (!ask_is_version(scan_text(s, SCAN_GET(s, 0, "anthropic_version")), model))
        return speaker_refuse(why, "anthropic_version: Field required");
    int64_t max_tokens;
    if (!scan_i64(s, SCAN_GET(s, 0, "max_tokens"), &max_tokens))
        return speaker_refuse(why, "max_tokens: Field required");
    if (max_tokens < 1)
        return speaker_refuse(why, "max_tokens: must be greater than or equal to 1");
    if (max_tokens > OUTPUT_MAX)
        return speaker_refuse(why,
                              "max_tokens: %lld > %d, which is the maximum allowed number of "
                              "output tokens for this model",
                              (long long)max_tokens, OUTPUT_MAX);
    scan_ref messages = SCAN_GET(s, 0, "messages");
    if (scan_type(s, messages) != SCAN_ARRAY)
        return speaker_refuse(why, "messages: Field required");
    if (scan_size(s, messages) == 0)
        return speaker_refuse(why, "messages: at least one message is required");
    if (!SCAN_IS(s, SCAN_GET(s, scan_first(s, messages), "role"), "user"))
        return speaker_refuse(why, "messages: first message must use the \"user\" role");
    return true;
}

/* cache_control.scope and the like are refused wherever they stand; schemas and tool inputs are the
 * client's own. */
static bool check_cache_marks(const struct scan *s, scan_ref r, struct ask *out, char why[WHY_SIZE])
{
    static const char *const MEMBERS[] = {"type", "ttl", NULL};
    bool object = scan_type(s, r) == SCAN_OBJECT;
    for (scan_ref v = scan_first(s, r); v != SCAN_ABSENT; v = scan_next(s, r, v)) {
        scan_ref key = object ? scan_key(s, v) : SCAN_ABSENT;
        if (SCAN_IS(s, key, "input_schema") || SCAN_IS(s, key, "input"))
            continue;
        if (SCAN_IS(s, key, "cache_control") && scan_type(s, v) == SCAN_OBJECT) {
            out->cached = true;
            out->cached_1h |= SCAN_IS(s, SCAN_GET(s, v, "ttl"), "1h");
            if (!speaker_only(s, v, MEMBERS, "cache_control.", why))
                return false;
        } else if (scan_type(s, v) <= SCAN_ARRAY && !check_cache_marks(s, v, out, why)) {
            return false;
        }
    }
    return true;
}

/* --- understanding --- */

static struct str last_text(const struct scan *s, scan_ref content)
{
    if (scan_type(s, content) == SCAN_STRING)
        return scan_text(s, content);
    struct str text = STR("");
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b))
        if (SCAN_IS(s, SCAN_GET(s, b, "type"), "text"))
            text = scan_text(s, SCAN_GET(s, b, "text"));
    return text;
}

static void read_result(const struct scan *s, scan_ref block, struct ask *out)
{
    bool failed = false;
    scan_bool(s, SCAN_GET(s, block, "is_error"), &failed);
    ask_hear_result(out, last_text(s, SCAN_GET(s, block, "content")), failed);
}

static bool read_user(const struct scan *s, scan_ref content, struct ask *out, char why[WHY_SIZE])
{
    out->tool_result = (struct str){NULL, 0};
    out->text = last_text(s, content);
    ask_turn_begin(out);
    if (scan_type(s, content) == SCAN_STRING)
        ask_hear(out, out->text);
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
        scan_ref type = SCAN_GET(s, b, "type");
        if (SCAN_IS(s, type, "tool_result"))
            read_result(s, b, out);
        if (!SCAN_IS(s, type, "text"))
            continue;
        if (SCAN_IS(s, SCAN_GET(s, b, "text"), ""))
            return speaker_refuse(why, "messages: text content blocks must be non-empty");
        ask_hear(out, scan_text(s, SCAN_GET(s, b, "text")));
    }
    play_turn_end(&out->play);
    return true;
}

static bool read_messages(const struct scan *s, struct ask *out, char why[WHY_SIZE])
{
    scan_ref messages = SCAN_GET(s, 0, "messages");
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        scan_ref role = SCAN_GET(s, m, "role"), content = SCAN_GET(s, m, "content");
        if (SCAN_IS(s, role, "user")) {
            if (!read_user(s, content, out, why))
                return false;
        } else if (!SCAN_IS(s, role, "assistant") && !SCAN_IS(s, role, "system")) {
            return speaker_refuse(why, "messages: role: Input should be 'user' or 'assistant'");
        }
    }
    return true;
}

static void read_tools(const struct scan *s, struct ask *out)
{
    scan_ref tools = SCAN_GET(s, 0, "tools"), choice = SCAN_GET(s, 0, "tool_choice");
    for (scan_ref t = scan_first(s, tools); t != SCAN_ABSENT; t = scan_next(s, tools, t))
        ask_add_tool(out, scan_text(s, SCAN_GET(s, t, "name")),
                     scan_raw(s, SCAN_GET(s, t, "input_schema")));
    scan_ref type = SCAN_GET(s, choice, "type");
    if (SCAN_IS(s, type, "tool"))
        out->forced_tool = scan_text(s, SCAN_GET(s, choice, "name"));
    else if (SCAN_IS(s, type, "any") && out->tool_n)
        out->forced_tool = out->tool[0];
    else if (SCAN_IS(s, type, "none"))
        out->tool_n = 0;
}

static void read_rest(const struct scan *s, struct ask *out)
{
    scan_ref thinking = SCAN_GET(s, SCAN_GET(s, 0, "thinking"), "type");
    out->thinking = SCAN_IS(s, thinking, "enabled") || SCAN_IS(s, thinking, "adaptive");
    scan_i64(s, SCAN_GET(s, 0, "max_tokens"), &out->max_tokens);
    scan_ref stops = SCAN_GET(s, 0, "stop_sequences");
    for (scan_ref v = scan_first(s, stops); v != SCAN_ABSENT && out->stop_n < ASK_STOPS;
         v = scan_next(s, stops, v))
        out->stop[out->stop_n++] = scan_text(s, v);
}

static bool read_body(const struct scan *s, const struct rules *rules, struct ask *out,
                      char why[WHY_SIZE])
{
    if (scan_type(s, 0) != SCAN_OBJECT)
        return speaker_refuse(why,
                              "Malformed input request, please reformat your input and try again.");
    if (!check_fields(s, rules, why) || !check_betas(s, rules, why) ||
        !check_required(s, out->model, why) || !check_cache_marks(s, 0, out, why) ||
        !read_messages(s, out, why))
        return false;
    read_tools(s, out);
    read_rest(s, out);
    return true;
}

/* --- saying --- */

static void put_usage(struct json_out *w, const struct usage *u, uint32_t output)
{
    if (u->told == TOLD_NOWHERE)
        return;
    JSON_KEY(w, "usage");
    json_object(w);
    speaker_count(w, STR("input_tokens"), u->input);
    speaker_count(w, STR("cache_creation_input_tokens"), u->cache_write);
    speaker_count(w, STR("cache_read_input_tokens"), u->cache_read);
    JSON_KEY(w, "cache_creation");
    json_object(w);
    speaker_count(w, STR("ephemeral_5m_input_tokens"), u->cache_write - u->write_1h);
    speaker_count(w, STR("ephemeral_1h_input_tokens"), u->write_1h);
    json_object_end(w);
    speaker_count(w, STR("output_tokens"), output);
    json_object_end(w);
}

static void put_block(struct json_out *w, const struct block *b)
{
    json_object(w);
    switch (b->kind) {
    case BLOCK_THINKING:
        speaker_put(w, STR("type"), STR("thinking"));
        speaker_put(w, STR("thinking"), b->text);
        speaker_put(w, STR("signature"), ask_signature());
        break;
    case BLOCK_TEXT:
        speaker_put(w, STR("type"), STR("text"));
        JSON_KEY(w, "text");
        speaker_text(w, b);
        break;
    case BLOCK_TOOL:
        speaker_put(w, STR("type"), STR("tool_use"));
        speaker_put(w, STR("id"), text_from(b->id));
        speaker_put(w, STR("name"), b->name);
        JSON_KEY(w, "input");
        json_raw(w, b->text);
        break;
    }
    json_object_end(w);
}

static void put_stop_sequence(struct json_out *w, const struct reply *r)
{
    JSON_KEY(w, "stop_sequence");
    if (r->stop_sequence.p)
        json_str(w, r->stop_sequence);
    else
        json_null(w);
}

/* API_runtime_InvokeModel, "Example response": in the body, beside the model's own members. */
static void put_guard(struct json_out *w, const struct reply *r)
{
    if (!r->guarded)
        return;
    speaker_put(w, STR("amazon-bedrock-guardrailAction"),
                r->intervened ? STR("INTERVENED") : STR("NONE"));
    if (r->intervened) {
        JSON_KEY(w, "amazon-bedrock-trace");
        json_raw(w, STR("{\"guardrail\":{\"input\":{\"gr\":{\"wordPolicy\":{\"customWords\":[{"
                        "\"match\":\"its secret list\",\"action\":\"BLOCKED\"}]}}}}}"));
    }
}

static void put_message_head(struct json_out *w, const struct reply *r)
{
    speaker_put(w, STR("id"), text_from(r->id));
    speaker_put(w, STR("type"), STR("message"));
    speaker_put(w, STR("role"), STR("assistant"));
    speaker_put(w, STR("model"), r->model);
}

static void answer(const struct reply *r, struct buf *body)
{
    struct json_out w;
    json_begin(&w, body);
    json_object(&w);
    put_message_head(&w, r);
    JSON_KEY(&w, "content");
    json_array(&w);
    for (size_t i = 0; i < r->block_n; i++)
        put_block(&w, &r->block[i]);
    json_array_end(&w);
    speaker_put(&w, STR("stop_reason"), text_from(r->stop_reason));
    put_stop_sequence(&w, r);
    put_usage(&w, &r->usage, r->usage.output);
    put_guard(&w, r);
    json_object_end(&w);
}

/* --- streaming: one function for each event's members after "type" --- */

static void say_start(struct json_out *w, const struct reply *r)
{
    speaker_put(w, STR("type"), STR("message_start"));
    JSON_KEY(w, "message");
    json_object(w);
    put_message_head(w, r);
    JSON_KEY(w, "content");
    json_raw(w, STR("[]"));
    JSON_KEY(w, "stop_reason");
    json_null(w);
    JSON_KEY(w, "stop_sequence");
    json_null(w);
    struct usage first = r->usage; /* whose caches are told later, in some streams */
    if (first.told == TOLD_LAST || first.told == TOLD_AS_METRICS)
        first.cache_read = first.cache_write = first.write_1h = 0;
    put_usage(w, &first, 1); /* the real one counts the first token here */
    json_object_end(w);
}

static void say_block_start(struct json_out *w, const struct block *b)
{
    static const struct str EMPTY[] = {
        [BLOCK_THINKING] = STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"),
        [BLOCK_TEXT] = STR("{\"type\":\"text\",\"text\":\"\"}"),
    };
    JSON_KEY(w, "content_block");
    if (b->kind != BLOCK_TOOL) {
        json_raw(w, EMPTY[b->kind]);
        return;
    }
    json_object(w);
    speaker_put(w, STR("type"), STR("tool_use"));
    speaker_put(w, STR("id"), text_from(b->id));
    speaker_put(w, STR("name"), b->name);
    JSON_KEY(w, "input");
    json_raw(w, STR("{}"));
    json_object_end(w);
}

static void say_delta(struct json_out *w, const struct moment *m)
{
    static const struct {
        struct str type, member;
    } KIND[] = {
        [BLOCK_THINKING] = {STR("thinking_delta"), STR("thinking")},
        [BLOCK_TEXT] = {STR("text_delta"), STR("text")},
        [BLOCK_TOOL] = {STR("input_json_delta"), STR("partial_json")},
    };
    bool signature = m->kind == MOMENT_SIGNATURE;
    enum block_kind kind = m->reply->block[m->block].kind;
    JSON_KEY(w, "delta");
    json_object(w);
    speaker_put(w, STR("type"), signature ? STR("signature_delta") : KIND[kind].type);
    speaker_put(w, signature ? STR("signature") : KIND[kind].member, m->piece);
    json_object_end(w);
}

static void say_stop(struct json_out *w, const struct moment *m)
{
    speaker_put(w, STR("type"), STR("message_delta"));
    put_guard(w, m->reply);
    JSON_KEY(w, "delta");
    json_object(w);
    speaker_put(w, STR("stop_reason"), text_from(m->reply->stop_reason));
    put_stop_sequence(w, m->reply);
    json_object_end(w);
    if (m->reply->usage.told == TOLD_AGAIN || m->reply->usage.told == TOLD_NOWHERE) {
        put_usage(w, &m->reply->usage, m->reply->usage.output);
        return;
    }
    JSON_KEY(w, "usage");
    json_object(w);
    speaker_count(w, STR("output_tokens"), m->reply->usage.output);
    json_object_end(w);
}

static void say_end(struct json_out *w, const struct reply *r)
{
    speaker_put(w, STR("type"), STR("message_stop"));
    if (r->usage.told == TOLD_LAST)
        put_usage(w, &r->usage, r->usage.output);
    if (r->usage.told == TOLD_NOWHERE)
        return;
    JSON_KEY(w, "amazon-bedrock-invocationMetrics");
    json_object(w);
    speaker_count(w, STR("inputTokenCount"), r->usage.input);
    speaker_count(w, STR("outputTokenCount"), r->usage.output);
    speaker_count(w, STR("invocationLatency"), 120);
    speaker_count(w, STR("firstByteLatency"), 40);
    if (r->usage.told != TOLD_LAST && (r->usage.cache_read || r->usage.cache_write)) {
        speaker_count(w, STR("cacheReadInputTokenCount"), r->usage.cache_read);
        speaker_count(w, STR("cacheWriteInputTokenCount"), r->usage.cache_write);
    }
    json_object_end(w);
}

static void say_in_block(struct json_out *w, const struct moment *m)
{
    static const struct str TYPE[] = {
        [MOMENT_BLOCK_START] = STR("content_block_start"),
        [MOMENT_DELTA] = STR("content_block_delta"),
        [MOMENT_SIGNATURE] = STR("content_block_delta"),
        [MOMENT_BLOCK_STOP] = STR("content_block_stop"),
    };
    speaker_put(w, STR("type"), TYPE[m->kind]);
    speaker_count(w, STR("index"), (uint32_t)m->block);
    if (m->kind == MOMENT_BLOCK_START)
        say_block_start(w, &m->reply->block[m->block]);
    else if (m->kind != MOMENT_BLOCK_STOP)
        say_delta(w, m);
}

static void wrap(struct str json, struct buf *payload)
{
    BUF_LIT(payload, "{\"bytes\":\"");
    char *at = buf_reserve(payload, base64_size(json.n));
    if (at)
        buf_commit(payload, base64_encode((const uint8_t *)json.p, json.n, at));
    BUF_LIT(payload, "\",\"p\":\"");
    buf_put_str(payload, frame_padding());
    BUF_LIT(payload, "\"}");
}

static struct str event(const struct moment *m, struct buf *payload)
{
    static struct buf json; /* kept: a stream writes hundreds of thousands of these a second */
    if (json.max == 0)
        buf_init(&json, EVENT_MAX);
    buf_clear(&json);
    struct json_out w;
    json_begin(&w, &json);
    json_object(&w);
    switch (m->kind) {
    case MOMENT_START:
        say_start(&w, m->reply);
        break;
    case MOMENT_STOP:
        say_stop(&w, m);
        break;
    case MOMENT_END:
        say_end(&w, m->reply);
        break;
    default:
        say_in_block(&w, m);
    }
    json_object_end(&w);
    wrap(buf_str(&json), payload);
    return STR("chunk");
}

const struct speaker invoke_speaker = {read_body, answer, event};
