#include "worker/converse/anthropic_to_converse.h"

#include "shm/catalogue/tier.h"
#include "worker/converse/anthropic_blocks.h"
#include "worker/converse/anthropic_tools.h"
#include "worker/converse/converse_settings.h"
#include "worker/converse/converse_thinking.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool present(const struct scan *s, scan_ref r)
{
    enum scan_type t = scan_type(s, r);
    return t != SCAN_NONE && t != SCAN_NULL;
}

static bool is_nothing(const struct scan *s, scan_ref r)
{
    enum scan_type t = scan_type(s, r);
    return !present(s, r) || ((t == SCAN_ARRAY || t == SCAN_OBJECT) && scan_size(s, r) == 0);
}

/* --- system -------------------------------------------------------------------------------- */

/* Claude Code's first system block names the client for Anthropic's billing: noise for other
 * models, and it changes with every session, which would spoil their prompt caches. */
static void put_system_text(struct converse_build *b, const struct scan *s, scan_ref text)
{
    bool billing = text_starts(scan_raw(s, text), STR("\"x-anthropic-billing-header:"));
    if (scan_type(s, text) != SCAN_STRING)
        return;
    if (billing && !converse_build_has(b, MODELS_CLAUDE))
        converse_build_map(b, "billing_header");
    else
        converse_build_text_json(b, scan_raw(s, text));
}

static void put_system(struct converse_build *b, const struct scan *s, scan_ref system)
{
    if (system == SCAN_ABSENT)
        return;
    converse_build_role(b, CONVERSE_SYSTEM);
    if (scan_type(s, system) == SCAN_STRING)
        put_system_text(b, s, system);
    if (scan_type(s, system) != SCAN_ARRAY)
        return;
    for (scan_ref v = scan_first(s, system); v != SCAN_ABSENT; v = scan_next(s, system, v)) {
        if (!SCAN_IS(s, SCAN_GET(s, v, "type"), "text"))
            converse_build_drop(b, "system_block");
        else
            put_system_text(b, s, SCAN_GET(s, v, "text"));
        anthropic_blocks_cache(b, s, v);
    }
}

/* --- messages ------------------------------------------------------------------------------ */

/* Converse's role "system" carries no text. Claude Code puts its whole environment there, so it
 * must not be lost: it joins the user's turn. */
static void put_system_turn(struct converse_build *b, const struct scan *s, scan_ref content)
{
    converse_build_role(b, CONVERSE_USER);
    if (scan_type(s, content) == SCAN_STRING)
        anthropic_blocks_reminder(b, scan_raw(s, content));
    if (scan_type(s, content) != SCAN_ARRAY)
        return;
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (SCAN_IS(s, SCAN_GET(s, v, "type"), "text"))
            anthropic_blocks_reminder(b, scan_raw(s, SCAN_GET(s, v, "text")));
        else
            converse_build_drop(b, "system_block");
        anthropic_blocks_cache(b, s, v);
    }
}

static void put_message(struct converse_build *b, const struct scan *s, scan_ref m)
{
    static const char *const dropped[] = {"output_config", "clear_at"}; /* betas: per turn */
    scan_ref role = SCAN_GET(s, m, "role"), content = SCAN_GET(s, m, "content");
    for (size_t i = 0; i < COUNT(dropped); i++)
        if (!is_nothing(s, scan_get(s, m, text_from(dropped[i]))))
            converse_build_drop_named(b, "message.", text_from(dropped[i]));
    if (SCAN_IS(s, role, "system")) {
        put_system_turn(b, s, content);
        return;
    }
    converse_build_role(b, SCAN_IS(s, role, "assistant") ? CONVERSE_ASSISTANT : CONVERSE_USER);
    anthropic_blocks_put(b, s, content);
}

/* Top-level cache_control: a mark behind the last block, unless there is one. */
static void put_last_point(struct converse_build *b, const struct messages_request *r)
{
    bool marked = scan_type(r->scan, SCAN_GET(r->scan, 0, "cache_control")) == SCAN_OBJECT;
    bool there = b->point_end == buf_len(b->w.b);
    if (marked && !there && converse_build_has(b, MODELS_CACHE) && r->breakpoints >= 4)
        converse_build_fail(b, STATUS_INVALID,
                            "A maximum of 4 blocks with cache_control may be provided. Found %u.",
                            r->breakpoints + 1);
    anthropic_blocks_cache(b, r->scan, 0);
}

static void put_messages(struct converse_build *b, const struct messages_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT && converse_build_ok(b);
         m = scan_next(s, r->messages, m))
        put_message(b, s, m);
    put_last_point(b, r);
    converse_build_messages_end(b);
}

/* --- settings ------------------------------------------------------------------------------ */

static bool read_number(struct converse_build *b, const struct scan *s, const char *name,
                        double *out)
{
    scan_ref r = scan_get(s, 0, text_from(name));
    if (!present(s, r))
        return false;
    if (!scan_f64(s, r, out))
        converse_build_fail(b, STATUS_INVALID, "%s: Input should be a valid number", name);
    return true;
}

static void read_stops(struct converse_build *b, const struct scan *s, struct wish *t)
{
    scan_ref list = SCAN_GET(s, 0, "stop_sequences");
    if (!present(s, list))
        return;
    if (scan_type(s, list) != SCAN_ARRAY) {
        converse_build_fail(b, STATUS_INVALID, "stop_sequences: Input should be a valid list");
        return;
    }
    converse_settings_stops(b, t, scan_size(s, list));
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v))
        if (scan_type(s, v) == SCAN_STRING)
            converse_settings_stop(b, t, scan_raw(s, v));
        else
            converse_build_fail(b, STATUS_INVALID,
                                "stop_sequences: Input should be a valid string");
}

static void read_thinking(struct converse_build *b, const struct scan *s, struct wish *t)
{
    scan_ref thinking = SCAN_GET(s, 0, "thinking"), type = SCAN_GET(s, thinking, "type");
    struct str display = converse_build_read(b, s, SCAN_GET(s, thinking, "display"));
    if (SCAN_IS(s, type, "disabled"))
        t->thinking = WISH_THINKING_OFF;
    else if (SCAN_IS(s, type, "enabled"))
        t->thinking = WISH_THINKING_BUDGET;
    else if (scan_type(s, thinking) == SCAN_OBJECT) /* adaptive; between_tools of one model */
        t->thinking = WISH_THINKING_ADAPTIVE;
    scan_i64(s, SCAN_GET(s, thinking, "budget_tokens"), &t->budget);
    if (text_eq(display, STR("summarized")) || text_eq(display, STR("omitted")))
        t->display = display;
    else if (display.n > 0) /* "updates": of a beta that Bedrock has not */
        converse_build_drop(b, "thinking.display");
}

static void read_output(struct converse_build *b, const struct scan *s, struct wish *t)
{
    scan_ref config = SCAN_GET(s, 0, "output_config"), format = SCAN_GET(s, config, "format");
    if (!present(s, format)) /* its name before it was generally available */
        format = SCAN_GET(s, 0, "output_format");
    scan_ref schema = SCAN_GET(s, format, "schema");
    if (scan_type(s, schema) == SCAN_OBJECT)
        t->schema = scan_raw(s, schema);
    t->effort = converse_build_read(b, s, SCAN_GET(s, config, "effort"));
    if (t->effort.n > 0 && !converse_thinking_effort(t->effort))
        converse_build_fail(b, STATUS_INVALID,
                            "output_config.effort: Input should be 'low', 'medium', 'high', "
                            "'xhigh' or 'max'");
    if (!is_nothing(s, SCAN_GET(s, config, "task_budget")))
        converse_build_drop(b, "output_config.task_budget");
}

/* Anthropic's values (auto, standard_only) mean nothing to Bedrock; its own may be asked for. */
static void read_tier(struct converse_build *b, const struct scan *s, struct wish *t)
{
    enum tier known;
    scan_ref tier = SCAN_GET(s, 0, "service_tier");
    if (tier_find(scan_text(s, tier), &known))
        t->tier = tier_word(known);
    if (present(s, tier) && t->tier.n == 0)
        converse_build_drop(b, "service_tier");
}

static void read_settings(struct converse_build *b, const struct messages_request *r,
                          struct wish *t)
{
    const struct scan *s = r->scan;
    double ignored;
    t->max_tokens = r->max_tokens;
    t->has_temperature = read_number(b, s, "temperature", &t->temperature);
    t->has_top_p = read_number(b, s, "top_p", &t->top_p);
    if (read_number(b, s, "top_k", &ignored))
        t->top_k = scan_raw(s, SCAN_GET(s, 0, "top_k"));
    read_stops(b, s, t);
    read_thinking(b, s, t);
    read_output(b, s, t);
    read_tier(b, s, t);
}

/* 0 only warms the cache, which Bedrock cannot; more than a Claude model can is refused in the
 * official words, which Claude Code understands. Other models get less: they are asked for
 * Claude's maximum. */
static void check_max_tokens(struct converse_build *b, struct wish *t)
{
    int64_t cap = b->o->model->caps->output_max;
    if (t->max_tokens == 0) {
        converse_build_clamp(b, "max_tokens");
        t->max_tokens = 1;
    }
    if (converse_build_has(b, MODELS_CLAUDE) && cap > 0 && t->max_tokens > cap)
        converse_build_fail(b, STATUS_INVALID,
                            "max_tokens: %lld > %lld, which is the maximum allowed number of "
                            "output tokens for this model",
                            (long long)t->max_tokens, (long long)cap);
}

/* --- fields that are dropped --------------------------------------------------------------- */

/* What is read somewhere, what means nothing to Bedrock, and what was refused before. */
static const char *const known[] = {
    "anthropic_beta", "anthropic_version",
    "betas",          "cache_control",
    "container",      "fallbacks",
    "max_tokens",     "mcp_servers",
    "messages",       "metadata",
    "model",          "output_config",
    "output_format",  "safeguards",
    "service_tier",   "stop_sequences",
    "stream",         "system",
    "temperature",    "thinking",
    "tool_choice",    "tools",
    "top_k",          "top_p",
};

static bool is_known(const struct scan *s, scan_ref key)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (scan_text_is(s, key, text_from(known[i])))
            return true;
    return false;
}

static void note_unknown(struct converse_build *b, const struct scan *s)
{
    for (scan_ref v = scan_first(s, 0); v != SCAN_ABSENT; v = scan_next(s, 0, v)) {
        scan_ref key = scan_key(s, v);
        bool standard = SCAN_IS(s, key, "speed") && SCAN_IS(s, v, "standard");
        if (!is_known(s, key) && !is_nothing(s, v) && !standard)
            converse_build_drop_named(b, "", converse_build_read(b, s, key));
    }
}

/* --- entry --------------------------------------------------------------------------------- */

enum status anthropic_to_converse(const struct messages_request *r,
                                  const struct converse_options *o, struct converse_names *names,
                                  struct buf *body_out, struct buf *changes_out, bool *retold_out,
                                  struct err *err)
{
    struct converse_build b;
    struct wish settings = {.called = {.thinking = "thinking",
                                       .effort = "output_config.effort",
                                       .one_call = "disable_parallel_tool_use",
                                       .stops = "stop_sequences"}};
    enum status st = messages_refuse_fields(r->scan, err);
    if (st != STATUS_OK)
        return st;
    converse_build_begin(&b, o, names, r->scan->arena, body_out, changes_out, err);
    b.stream = r->stream;
    note_unknown(&b, r->scan);
    read_settings(&b, r, &settings);
    check_max_tokens(&b, &settings);
    anthropic_tools_put(&b, r, &settings);
    put_system(&b, r->scan, r->system);
    if (settings.schema.n > 0 && !converse_build_has(&b, MODELS_FORMAT)) {
        converse_settings_ask_json(&b, settings.schema);
        converse_build_clamp(&b, "output_config.format");
    }
    put_messages(&b, r);
    converse_settings_put(&b, &settings);
    *retold_out = b.retold;
    return converse_build_end(&b);
}
