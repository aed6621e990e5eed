#include "worker/dialect/messages.h"

#include <stdio.h>

#include "worker/dialect/messages_wish.h"
#include "worker/dialect/tool_pairs.h"

/*
 * Wordings are the official API's where one is known (facts "Validation: official wordings"):
 * clients match on them, Claude Code picks its next move from them. What is not checked here
 * (unknown fields, unknown block types, token limits) is the upstream's to judge.
 */

#define BREAKPOINTS_MAX 4    /* platform.claude.com/docs/en/build-with-claude/prompt-caching */
#define BUDGET_MIN      1024 /* platform.claude.com/docs/en/build-with-claude/extended-thinking */

struct place { /* of a block, for the messages */
    uint32_t message;
    uint32_t block;
};

static bool present(const struct scan *s, scan_ref r)
{
    enum scan_type t = scan_type(s, r);
    return t != SCAN_NONE && t != SCAN_NULL;
}

/* --- top level ----------------------------------------------------------------------------- */

/* Two readers of one body must not see two different requests: we act on the first of a pair,
 * Bedrock may act on the last. */
static enum status check_duplicates(const struct scan *s, struct err *err)
{
    static const char *const keys[] = {"model",    "max_tokens", "stream",
                                       "messages", "system",     "tools"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (scan_has_duplicate(s, 0, text_from(keys[i]))) {
            return err_set(err, STATUS_INVALID, "%s: Duplicate key", keys[i]);
        }
    }
    return STATUS_OK;
}

static enum status read_model(const struct scan *s, struct str *model_out, struct err *err)
{
    scan_ref r = SCAN_GET(s, 0, "model");
    if (scan_type(s, r) == SCAN_NONE) {
        return err_set(err, STATUS_INVALID, "model: Field required");
    }
    if (scan_type(s, r) != SCAN_STRING) {
        return err_set(err, STATUS_INVALID, "model: Input should be a valid string");
    }
    *model_out = scan_text(s, r);
    if (!model_out->p) {
        return err_no_memory(err);
    }
    if (model_out->n == 0) {
        return err_set(err, STATUS_INVALID, "model: String should have at least 1 character");
    }
    return STATUS_OK;
}

static enum status read_max_tokens(const struct scan *s, bool optional, int64_t *out,
                                   struct err *err)
{
    scan_ref r = SCAN_GET(s, 0, "max_tokens");
    *out = 0;
    if (scan_type(s, r) == SCAN_NONE) {
        return optional ? STATUS_OK : err_set(err, STATUS_INVALID, "max_tokens: Field required");
    }
    if (!scan_i64(s, r, out)) {
        return err_set(err, STATUS_INVALID, "max_tokens: Input should be a valid integer");
    }
    if (*out < 0) { /* 0 only warms the cache */
        return err_set(err, STATUS_INVALID,
                       "max_tokens: Input should be greater than or equal to 0");
    }
    return STATUS_OK;
}

static enum status read_stream(const struct scan *s, bool *out, struct err *err)
{
    scan_ref r = SCAN_GET(s, 0, "stream");
    *out = false;
    if (present(s, r) && !scan_bool(s, r, out)) {
        return err_set(err, STATUS_INVALID, "stream: Input should be a valid boolean");
    }
    return STATUS_OK;
}

static enum status check_thinking(const struct messages_request *m, bool count_tokens,
                                  struct err *err)
{
    const struct scan *s = m->scan;
    scan_ref thinking = SCAN_GET(s, 0, "thinking");
    int64_t budget;
    if (scan_type(s, thinking) == SCAN_OBJECT &&
        scan_type(s, SCAN_GET(s, thinking, "type")) != SCAN_STRING) {
        return err_set(err, STATUS_INVALID, "thinking.type: Field required");
    }
    if (!SCAN_IS(s, SCAN_GET(s, thinking, "type"), "enabled")) {
        return STATUS_OK;
    }
    scan_ref r = SCAN_GET(s, thinking, "budget_tokens");
    if (scan_type(s, r) == SCAN_NONE) {
        return err_set(err, STATUS_INVALID, "thinking.enabled.budget_tokens: Field required");
    }
    if (!scan_i64(s, r, &budget)) {
        return err_set(err, STATUS_INVALID,
                       "thinking.enabled.budget_tokens: Input should be a valid integer");
    }
    if (budget < BUDGET_MIN) {
        return err_set(
            err, STATUS_INVALID,
            "thinking.enabled.budget_tokens: Input should be greater than or equal to %d",
            BUDGET_MIN);
    }
    if (!count_tokens && m->max_tokens <= budget) {
        return err_set(err, STATUS_INVALID,
                       "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult "
                       "our documentation at https://docs.claude.com/en/docs/build-with-claude/"
                       "extended-thinking#max-tokens-and-context-window-size");
    }
    return STATUS_OK;
}

/* The session out of user_id: `{"device_id":...,"session_id":"<id>"}` as a string (Claude Code 2.1)
 * or `user_<hash>_account_<uuid>_session_<uuid>` (until 2.0). Anything else has none; never an
 * error. */
static struct str read_session(const struct scan *s)
{
    static const struct scan_limits limits = {
        .depth = 4, .values = 64, .keys = 32, .number_len = 32};
    struct str id = scan_text(s, SCAN_GET(s, SCAN_GET(s, 0, "metadata"), "user_id"));
    struct str none = {NULL, 0};
    struct scan inner;
    size_t at;
    if (!id.p || id.n == 0) {
        return none;
    }
    if (id.p[0] == '{') {
        if (scan_parse(&inner, s->arena, id, &limits, NULL) != STATUS_OK) {
            return none;
        }
        struct str session = scan_text(&inner, SCAN_GET(&inner, 0, "session_id"));
        return session.p ? session : none;
    }
    if (!text_find(id, STR("_session_"), &at)) {
        return none;
    }
    return text_sub(id, at + STR("_session_").n, id.n);
}

/* --- cache breakpoints --------------------------------------------------------------------- */

static void count_breakpoint(struct messages_request *m, scan_ref mark)
{
    if (!present(m->scan, mark)) {
        return;
    }
    m->breakpoints++;
    if (SCAN_IS(m->scan, SCAN_GET(m->scan, mark, "ttl"), "5m")) {
        m->short_marks = true;
    }
}

/* Blocks of one array that carry cache_control, blocks inside tool_result included. */
static void count_breakpoints(struct messages_request *m, scan_ref blocks)
{
    const struct scan *s = m->scan;
    if (scan_type(s, blocks) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref b = scan_first(s, blocks); b != SCAN_ABSENT; b = scan_next(s, blocks, b)) {
        count_breakpoint(m, SCAN_GET(s, b, "cache_control"));
        if (SCAN_IS(s, SCAN_GET(s, b, "type"), "tool_result")) {
            scan_ref inner = SCAN_GET(s, b, "content");
            if (scan_type(s, inner) != SCAN_ARRAY) {
                continue;
            }
            for (scan_ref c = scan_first(s, inner); c != SCAN_ABSENT; c = scan_next(s, inner, c)) {
                count_breakpoint(m, SCAN_GET(s, c, "cache_control"));
            }
        }
    }
}

static enum status check_breakpoints(struct messages_request *m, struct err *err)
{
    const struct scan *s = m->scan;
    count_breakpoints(m, m->tools);
    count_breakpoints(m, m->system);
    for (scan_ref v = scan_first(s, m->messages); v != SCAN_ABSENT;
         v = scan_next(s, m->messages, v)) {
        count_breakpoints(m, SCAN_GET(s, v, "content"));
    }
    if (m->breakpoints > BREAKPOINTS_MAX) {
        return err_set(err, STATUS_INVALID,
                       "A maximum of %d blocks with cache_control may be provided. Found %u.",
                       BREAKPOINTS_MAX, m->breakpoints);
    }
    return STATUS_OK;
}

/* --- system and tools ---------------------------------------------------------------------- */

static enum status check_system(const struct scan *s, scan_ref system, struct err *err)
{
    uint32_t i = 0;
    enum scan_type t = scan_type(s, system);
    if (t == SCAN_STRING || t == SCAN_NONE) {
        return STATUS_OK;
    }
    if (t != SCAN_ARRAY) {
        return err_set(err, STATUS_INVALID, "system: Input should be a valid list");
    }
    for (scan_ref b = scan_first(s, system); b != SCAN_ABSENT; b = scan_next(s, system, b), i++) {
        if (scan_type(s, b) != SCAN_OBJECT) {
            return err_set(err, STATUS_INVALID, "system.%u: Input should be an object", i);
        }
        if (scan_type(s, SCAN_GET(s, b, "type")) != SCAN_STRING) {
            return err_set(err, STATUS_INVALID, "system.%u.type: Field required", i);
        }
        if (SCAN_IS(s, SCAN_GET(s, b, "text"), "")) {
            return err_set(err, STATUS_INVALID, "system: text content blocks must be non-empty");
        }
    }
    return STATUS_OK;
}

static enum status read_tools(const struct scan *s, scan_ref *tools_out, struct err *err)
{
    scan_ref r = SCAN_GET(s, 0, "tools");
    uint32_t i = 0;
    *tools_out = SCAN_ABSENT;
    if (!present(s, r)) {
        return STATUS_OK;
    }
    if (scan_type(s, r) != SCAN_ARRAY) {
        return err_set(err, STATUS_INVALID, "tools: Input should be a valid list");
    }
    for (scan_ref t = scan_first(s, r); t != SCAN_ABSENT; t = scan_next(s, r, t), i++) {
        if (scan_type(s, t) != SCAN_OBJECT) {
            return err_set(err, STATUS_INVALID, "tools.%u: Input should be an object", i);
        }
    }
    if (scan_size(s, r) > 0) {
        *tools_out = r;
    }
    return STATUS_OK;
}

/* --- blocks -------------------------------------------------------------------------------- */

static enum status check_image(const struct scan *s, scan_ref block, struct place at, int inner,
                               struct err *err)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
    scan_ref source = SCAN_GET(s, block, "source");
    if (!SCAN_IS(s, SCAN_GET(s, source, "type"), "base64")) {
        return STATUS_OK;
    }
    scan_ref media = SCAN_GET(s, source, "media_type");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (scan_text_is(s, media, text_from(types[i]))) {
            return STATUS_OK;
        }
    }
    char path[40] = "";
    if (inner >= 0) {
        snprintf(path, sizeof path, "tool_result.content.%d.", inner);
    }
    return err_set(err, STATUS_INVALID,
                   "messages.%u.content.%u.%simage.source.base64.media_type: Input should be "
                   "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'",
                   at.message, at.block, path);
}

static enum status need_string(const struct scan *s, scan_ref block, const char *type,
                               const char *key, struct place at, struct err *err)
{
    scan_ref r = scan_get(s, block, text_from(key));
    if (scan_type(s, r) == SCAN_STRING) {
        return STATUS_OK;
    }
    return err_set(
        err, STATUS_INVALID, "messages.%u.content.%u.%s.%s: %s", at.message, at.block, type, key,
        scan_type(s, r) == SCAN_NONE ? "Field required" : "Input should be a valid string");
}

static enum status check_text(const struct scan *s, scan_ref block, struct place at,
                              struct err *err)
{
    enum status st = need_string(s, block, "text", "text", at, err);
    if (st == STATUS_OK && SCAN_IS(s, SCAN_GET(s, block, "text"), "")) {
        st = err_set(err, STATUS_INVALID, "messages: text content blocks must be non-empty");
    }
    return st;
}

static enum status check_tool_result(const struct scan *s, scan_ref block, struct place at,
                                     struct err *err)
{
    enum status st = need_string(s, block, "tool_result", "tool_use_id", at, err);
    scan_ref content = SCAN_GET(s, block, "content");
    int i = 0;
    if (st != STATUS_OK || scan_type(s, content) != SCAN_ARRAY) {
        return st;
    }
    for (scan_ref c = scan_first(s, content); c != SCAN_ABSENT && st == STATUS_OK;
         c = scan_next(s, content, c), i++) {
        if (SCAN_IS(s, SCAN_GET(s, c, "type"), "image")) {
            st = check_image(s, c, at, i, err);
        }
    }
    return st;
}

static enum status check_block(const struct scan *s, scan_ref block, struct place at,
                               struct err *err)
{
    if (scan_type(s, block) != SCAN_OBJECT) {
        return err_set(err, STATUS_INVALID, "messages.%u.content.%u: Input should be an object",
                       at.message, at.block);
    }
    scan_ref type = SCAN_GET(s, block, "type");
    if (scan_type(s, type) != SCAN_STRING) {
        return err_set(err, STATUS_INVALID, "messages.%u.content.%u.type: Field required",
                       at.message, at.block);
    }
    if (SCAN_IS(s, type, "text")) {
        return check_text(s, block, at, err);
    }
    if (SCAN_IS(s, type, "image")) {
        return check_image(s, block, at, -1, err);
    }
    if (SCAN_IS(s, type, "tool_use")) {
        return need_string(s, block, "tool_use", "id", at, err);
    }
    if (SCAN_IS(s, type, "tool_result")) {
        return check_tool_result(s, block, at, err);
    }
    if (SCAN_IS(s, type, "thinking")) {
        return need_string(s, block, "thinking", "signature", at, err);
    }
    return STATUS_OK;
}

/* --- messages ------------------------------------------------------------------------------ */

static enum status check_role(const struct scan *s, scan_ref message, uint32_t i, struct err *err)
{
    scan_ref role = SCAN_GET(s, message, "role");
    if (scan_type(s, role) == SCAN_NONE) {
        return err_set(err, STATUS_INVALID, "messages.%u.role: Field required", i);
    }
    if (!SCAN_IS(s, role, "user") && !SCAN_IS(s, role, "assistant") &&
        !SCAN_IS(s, role, "system")) {
        return err_set(err, STATUS_INVALID,
                       "messages.%u.role: Input should be 'user', 'assistant' or 'system'", i);
    }
    return STATUS_OK;
}

/* An empty last assistant turn is a prefill; an empty system turn may only carry an effort. */
static bool may_be_empty(const struct scan *s, scan_ref message, bool last)
{
    scan_ref role = SCAN_GET(s, message, "role");
    return (last && SCAN_IS(s, role, "assistant")) ||
           (SCAN_IS(s, role, "system") && present(s, SCAN_GET(s, message, "output_config")));
}

static enum status check_message(const struct scan *s, scan_ref message, uint32_t i, bool last,
                                 struct err *err)
{
    if (scan_type(s, message) != SCAN_OBJECT) {
        return err_set(err, STATUS_INVALID, "messages.%u: Input should be an object", i);
    }
    enum status st = check_role(s, message, i, err);
    if (st != STATUS_OK) {
        return st;
    }
    scan_ref content = SCAN_GET(s, message, "content");
    enum scan_type t = scan_type(s, content);
    if (t == SCAN_NONE) {
        return err_set(err, STATUS_INVALID, "messages.%u.content: Field required", i);
    }
    if (t != SCAN_STRING && t != SCAN_ARRAY) {
        return err_set(err, STATUS_INVALID, "messages.%u.content: Input should be a valid list", i);
    }
    bool empty = t == SCAN_STRING ? SCAN_IS(s, content, "") : scan_size(s, content) == 0;
    if (empty && !may_be_empty(s, message, last)) {
        return err_set(err, STATUS_INVALID,
                       "messages.%u: all messages must have non-empty content except for the "
                       "optional final assistant message",
                       i);
    }
    struct place at = {i, 0};
    if (t == SCAN_ARRAY) {
        for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT && st == STATUS_OK;
             b = scan_next(s, content, b), at.block++) {
            st = check_block(s, b, at, err);
        }
    }
    return st;
}

static enum status check_messages(const struct scan *s, scan_ref messages, struct err *err)
{
    enum status st = STATUS_OK;
    uint32_t i = 0, n = scan_size(s, messages);
    if (scan_type(s, messages) == SCAN_NONE) {
        return err_set(err, STATUS_INVALID, "messages: Field required");
    }
    if (scan_type(s, messages) != SCAN_ARRAY) {
        return err_set(err, STATUS_INVALID, "messages: Input should be a valid list");
    }
    if (n == 0) {
        return err_set(err, STATUS_INVALID, "messages: at least one message is required");
    }
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT && st == STATUS_OK;
         m = scan_next(s, messages, m), i++) {
        st = check_message(s, m, i, i + 1 == n, err);
    }
    return st;
}

/* --- what Bedrock has not ------------------------------------------------------------------ */

enum status messages_refuse_sampling(const struct scan *s, struct err *err)
{
    static const char *const names[] = {"temperature", "top_p", "top_k"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (present(s, scan_get(s, 0, text_from(names[i])))) {
            return err_set(err, STATUS_INVALID, "%s: Extra inputs are not permitted", names[i]);
        }
    }
    return STATUS_OK;
}

/* Date suffixes vary. platform.claude.com/docs/en/build-with-claude/claude-on-amazon-bedrock */
static const char *const server_tools[] = {"web_search_", "web_fetch_", "code_execution_",
                                           "advisor_", "mcp_toolset"};

bool messages_is_server_tool(struct str type)
{
    for (size_t i = 0; i < sizeof server_tools / sizeof *server_tools; i++) {
        if (text_starts(type, text_from(server_tools[i]))) {
            return true;
        }
    }
    return false;
}

/* --- entry --------------------------------------------------------------------------------- */

static enum status read_fields(struct messages_request *m, bool count_tokens, struct err *err)
{
    const struct scan *s = m->scan;
    enum status st;
    if ((st = wish_refuse_thread(s, err)) != STATUS_OK ||
        (st = check_duplicates(s, err)) != STATUS_OK ||
        (st = read_model(s, &m->model, err)) != STATUS_OK ||
        (st = read_max_tokens(s, count_tokens, &m->max_tokens, err)) != STATUS_OK ||
        (st = read_stream(s, &m->stream, err)) != STATUS_OK ||
        (st = read_tools(s, &m->tools, err)) != STATUS_OK) {
        return st;
    }
    m->messages = SCAN_GET(s, 0, "messages");
    scan_ref system = SCAN_GET(s, 0, "system");
    m->system = present(s, system) ? system : SCAN_ABSENT;
    return STATUS_OK;
}

enum status messages_read(const struct scan *s, bool count_tokens, struct messages_request *out,
                          struct err *err)
{
    enum status st;
    *out = (struct messages_request){.scan = s};
    if (scan_type(s, 0) != SCAN_OBJECT) {
        return err_set(err, STATUS_INVALID, "The request body must be a JSON object");
    }
    if ((st = read_fields(out, count_tokens, err)) != STATUS_OK ||
        (st = check_messages(s, out->messages, err)) != STATUS_OK ||
        (st = check_system(s, out->system, err)) != STATUS_OK ||
        (st = check_breakpoints(out, err)) != STATUS_OK ||
        (st = check_thinking(out, count_tokens, err)) != STATUS_OK ||
        (st = tool_pairs_check(s, out->messages, err)) != STATUS_OK) {
        return st;
    }
    out->session = read_session(s);
    st = messages_wish_read(&out->wish, s, out->messages, out->tools, err);
    out->wish.stream = out->stream;
    out->wish.max_tokens.n = out->max_tokens;
    return st;
}
