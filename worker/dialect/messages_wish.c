#include "worker/dialect/messages_wish.h"

static bool present(const struct scan *s, scan_ref r)
{
    enum scan_type t = scan_type(s, r);
    return t != SCAN_NONE && t != SCAN_NULL;
}

static bool is_true(const struct scan *s, scan_ref r)
{
    bool v = false;
    return scan_bool(s, r, &v) && v;
}

static void wrong(struct wish *w, const char *text)
{
    wish_fault(w, ERR_FAULT_NONE, NULL, text);
}

/* --- length, sampling ---------------------------------------------------------------------- */

static scan_ref read_number(struct wish *w, struct str name, double *out, const char *text)
{
    scan_ref r = scan_get(w->scan, 0, name);
    if (!present(w->scan, r)) {
        return SCAN_ABSENT;
    }
    if (scan_f64(w->scan, r, out)) {
        return r;
    }
    wrong(w, text);
    return SCAN_ABSENT;
}

static void read_sampling(struct wish *w)
{
    double ignored;
    w->sampling.has_temperature =
        read_number(w, STR("temperature"), &w->sampling.temperature,
                    "temperature: Input should be a valid number") != SCAN_ABSENT;
    w->sampling.has_top_p = read_number(w, STR("top_p"), &w->sampling.top_p,
                                        "top_p: Input should be a valid number") != SCAN_ABSENT;
    w->sampling.top_k =
        read_number(w, STR("top_k"), &ignored, "top_k: Input should be a valid number");
}

static void read_stops(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref list = SCAN_GET(s, 0, "stop_sequences");
    if (!present(s, list)) {
        return;
    }
    if (scan_type(s, list) != SCAN_ARRAY) {
        wrong(w, "stop_sequences: Input should be a valid list");
        return;
    }
    if (!wish_make_stops(w, scan_size(s, list))) {
        return;
    }
    for (scan_ref v = scan_first(s, list); v != SCAN_ABSENT; v = scan_next(s, list, v)) {
        if (scan_type(s, v) == SCAN_STRING) {
            wish_add_stop(w, scan_raw(s, v));
        } else {
            wrong(w, "stop_sequences: Input should be a valid string");
        }
    }
}

/* --- thinking, effort ---------------------------------------------------------------------- */

static bool has_block(const struct scan *s, scan_ref content, struct str type)
{
    if (scan_type(s, content) != SCAN_ARRAY) {
        return false;
    }
    for (scan_ref b = scan_first(s, content); b != SCAN_ABSENT; b = scan_next(s, content, b)) {
        if (scan_text_is(s, SCAN_GET(s, b, "type"), type)) {
            return true;
        }
    }
    return false;
}

static bool begins_with_thought(const struct scan *s, scan_ref content)
{
    scan_ref first = scan_type(s, content) == SCAN_ARRAY ? scan_first(s, content) : SCAN_ABSENT;
    scan_ref type = SCAN_GET(s, first, "type");
    return SCAN_IS(s, type, "redacted_thinking") ||
           (SCAN_IS(s, type, "thinking") && !wish_is_nothing(s, SCAN_GET(s, first, "signature")));
}

/* A turn goes from what the user says to what the user says; calls and their results are in it. */
static bool is_unreasoned(const struct scan *s, scan_ref messages)
{
    bool open = false, thought = false, calls = false;
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        scan_ref content = SCAN_GET(s, m, "content");
        if (SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant")) {
            thought = open ? thought : begins_with_thought(s, content);
            open = true;
            calls = has_block(s, content, STR("tool_use"));
        } else if (!has_block(s, content, STR("tool_result"))) {
            open = false;
        }
    }
    return calls && !thought;
}

/* The first name is Bedrock's, the other one that of Anthropic's own API. */
static void read_binding(struct wish *w, scan_ref binding)
{
    const struct scan *s = w->scan;
    w->thinking.binding.at = binding;
    w->thinking.binding.error =
        SCAN_IS(s, SCAN_GET(s, binding, "mismatch_behavior"), "error") ||
        SCAN_IS(s, SCAN_GET(s, binding, "prefix_mismatch_behavior"), "error");
    wish_need(w, WISH_BETA_BINDING, (struct str){NULL, 0});
}

static void read_thinking(struct wish *w, scan_ref messages)
{
    const struct scan *s = w->scan;
    scan_ref thinking = SCAN_GET(s, 0, "thinking"), type = SCAN_GET(s, thinking, "type");
    struct str display = wish_text(w, SCAN_GET(s, thinking, "display"));
    if (scan_type(s, thinking) != SCAN_OBJECT) {
        return;
    }
    w->thinking.mode = SCAN_IS(s, type, "disabled")        ? WISH_THINKING_OFF
                       : SCAN_IS(s, type, "enabled")       ? WISH_THINKING_BUDGET
                       : SCAN_IS(s, type, "between_tools") ? WISH_THINKING_BETWEEN
                                                           : WISH_THINKING_ADAPTIVE;
    scan_i64(s, SCAN_GET(s, thinking, "budget_tokens"), &w->thinking.budget);
    if (text_eq(display, STR("summarized")) || text_eq(display, STR("omitted"))) {
        w->thinking.display.as = display;
    } else if (text_eq(display, STR("updates"))) {
        w->thinking.display.updates = true;
        wish_need(w, WISH_BETA_UPDATES, (struct str){NULL, 0});
    } else {
        w->thinking.display.other = display.n > 0;
    }
    if (scan_type(s, SCAN_GET(s, thinking, "block_binding")) == SCAN_OBJECT) {
        read_binding(w, SCAN_GET(s, thinking, "block_binding"));
    }
    w->thinking.unreasoned = wish_thinks(w->thinking.mode) && is_unreasoned(s, messages);
}

static void read_effort(struct wish *w)
{
    scan_ref config = SCAN_GET(w->scan, 0, "output_config");
    w->effort.level = wish_effort_find(wish_text(w, SCAN_GET(w->scan, config, "effort")));
    if (w->effort.level == WISH_EFFORT_OTHER) {
        wrong(w, "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
    }
    w->effort.task_budget = present(w->scan, SCAN_GET(w->scan, config, "task_budget"));
}

static void read_format(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref format = SCAN_GET(s, SCAN_GET(s, 0, "output_config"), "format");
    scan_ref old = SCAN_GET(s, 0, "output_format");
    w->format.twice = present(s, format) && present(s, old);
    w->format.old = !present(s, format) && scan_type(s, old) == SCAN_OBJECT;
    w->format.name = w->format.old ? "output_format" : "output_config.format";
    if (w->format.old) {
        format = old;
    }
    scan_ref schema = SCAN_GET(s, format, "schema");
    if (present(s, format)) {
        w->format.kind =
            scan_type(s, schema) == SCAN_OBJECT ? WISH_FORMAT_SCHEMA : WISH_FORMAT_OTHER;
    }
    if (w->format.kind == WISH_FORMAT_SCHEMA) {
        w->format.schema.text = scan_raw(s, schema);
        w->format.schema.at = schema;
    }
}

/* --- tools --------------------------------------------------------------------------------- */

static void read_choice(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref choice = SCAN_GET(s, 0, "tool_choice"), type = SCAN_GET(s, choice, "type");
    w->choice.one_call = is_true(s, SCAN_GET(s, choice, "disable_parallel_tool_use"));
    if (SCAN_IS(s, type, "none")) {
        w->choice.kind = WISH_CHOICE_NONE;
    } else if (SCAN_IS(s, type, "any")) {
        w->choice.kind = WISH_CHOICE_ANY;
    } else if (SCAN_IS(s, type, "tool")) {
        w->choice.kind = WISH_CHOICE_ONE;
        w->choice.name = wish_text(w, SCAN_GET(s, choice, "name"));
        if (w->choice.name.n == 0) {
            wrong(w, "tool_choice.tool.name: Field required");
        }
    } else if (scan_type(s, choice) == SCAN_OBJECT && !SCAN_IS(s, type, "auto")) {
        wrong(w, "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'");
    }
}

/* Tools of Anthropic's making that are in a beta. */
static void read_tool_beta(struct wish *w, struct str type)
{
    static const struct {
        struct str type, beta;
    } rows[] = {
        {STR("memory_20250818"), WISH_BETA_CONTEXT},
        {STR("computer_20251124"), STR("computer-use-2025-11-24")},
        {STR("computer_20250124"), STR("computer-use-2025-01-24")},
        {STR("computer_20241022"), STR("computer-use-2024-10-22")},
        {STR("bash_20241022"), STR("computer-use-2024-10-22")},
        {STR("text_editor_20241022"), STR("computer-use-2024-10-22")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (text_eq(type, rows[i].type)) {
            wish_need(w, rows[i].beta, rows[i].type);
        }
    }
}

/* A deferred tool is not in the prompt until the model finds it by a search, or the history shows
 * that the client has given it out already. */
static bool count_tools(struct wish *w, scan_ref messages, scan_ref tools)
{
    const struct scan *s = w->scan;
    bool read = false;
    for (scan_ref t = scan_first(s, tools); t != SCAN_ABSENT; t = scan_next(s, tools, t)) {
        bool deferred = is_true(s, SCAN_GET(s, t, "defer_loading"));
        struct str type = scan_text(s, SCAN_GET(s, t, "type"));
        w->tools.search =
            w->tools.search || deferred || text_starts(type, STR("tool_search_tool_"));
        read_tool_beta(w, type);
        w->tools.shown++;
        if (!deferred) {
            continue;
        }
        if (!read && !tool_references_read(s, messages, &w->tools.references)) {
            return false;
        }
        read = true;
        struct str name = scan_text(s, SCAN_GET(s, t, "name"));
        w->tools.deferred += !wish_shows_deferred(w, name);
    }
    return true;
}

static bool read_changes(struct wish *w, scan_ref messages, scan_ref tools)
{
    const struct scan *s = w->scan;
    if (!tool_changes_read(s, messages, tools, &w->tools.changes)) {
        return false;
    }
    for (uint32_t i = 0; i < w->tools.changes.n; i++) {
        read_tool_beta(w, scan_text(s, SCAN_GET(s, w->tools.changes.added[i], "type")));
        w->tools.shown++;
    }
    return true;
}

static void read_history(struct wish *w, scan_ref messages)
{
    const struct scan *s = w->scan;
    if (w->tools.shown > w->tools.deferred && w->choice.kind != WISH_CHOICE_NONE) {
        return;
    }
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT && !w->tools.called_before;
         m = scan_next(s, messages, m)) {
        w->tools.called_before = has_block(s, SCAN_GET(s, m, "content"), STR("tool_use"));
    }
}

static void read_thoughts(struct wish *w, scan_ref messages)
{
    const struct scan *s = w->scan;
    bool forced = w->choice.kind == WISH_CHOICE_ANY || w->choice.kind == WISH_CHOICE_ONE;
    for (scan_ref m = scan_first(s, messages);
         m != SCAN_ABSENT && !w->thinking.in_history &&
         (forced || w->tools.changes.n > 0 || w->format.kind != WISH_FORMAT_UNSET);
         m = scan_next(s, messages, m)) {
        w->thinking.in_history = has_block(s, SCAN_GET(s, m, "content"), STR("thinking")) ||
                                 has_block(s, SCAN_GET(s, m, "content"), STR("redacted_thinking"));
    }
}

/* --- the rest ------------------------------------------------------------------------------ */

/* Anthropic's values (auto, standard_only) mean nothing to Bedrock; its own may be asked for. */
static void read_tier(struct wish *w)
{
    scan_ref tier = SCAN_GET(w->scan, 0, "service_tier");
    w->tier.given = tier_find(scan_text(w->scan, tier), &w->tier.value);
    w->tier.other = present(w->scan, tier) && !w->tier.given;
}

static void read_context(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref context = SCAN_GET(s, 0, "context_management");
    if (wish_is_nothing(s, context)) {
        return;
    }
    w->context = context;
    scan_ref edits = SCAN_GET(s, context, "edits");
    for (scan_ref v = scan_type(s, edits) == SCAN_ARRAY ? scan_first(s, edits) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, edits, v)) {
        struct str beta = wish_edit_beta(s, v);
        if (!text_eq(beta, WISH_BETA_COMPACT) || wish_is_nothing(s, SCAN_GET(s, 0, "compaction"))) {
            wish_need(w, beta, (struct str){NULL, 0});
        }
    }
}

/* What is read somewhere, and what means nothing to Bedrock. */
static const struct str known[] = {
    STR("anthropic_beta"),
    STR("anthropic_version"),
    STR("betas"),
    STR("cache_control"),
    STR("context_management"),
    STR("max_tokens"),
    STR("messages"),
    STR("metadata"),
    STR("model"),
    STR("output_config"),
    STR("output_format"),
    STR("service_tier"),
    STR("stop_sequences"),
    STR("stream"),
    STR("system"),
    STR("temperature"),
    STR("thinking"),
    STR("tool_choice"),
    STR("tools"),
    STR("top_k"),
    STR("top_p"),
};

enum status messages_wish_read(struct wish *w, const struct scan *s, scan_ref messages,
                               scan_ref tools, struct err *err)
{
    static const struct wish_names names = {.thinking = "thinking",
                                            .effort = "output_config.effort",
                                            .one_call = "disable_parallel_tool_use",
                                            .stops = "stop_sequences"};
    wish_begin(w, s, &names);
    w->max_tokens.given = scan_type(s, SCAN_GET(s, 0, "max_tokens")) != SCAN_NONE;
    w->max_tokens.exact = true;
    read_sampling(w);
    read_stops(w);
    read_thinking(w, messages);
    read_effort(w);
    read_format(w);
    read_choice(w);
    if (!count_tools(w, messages, tools) || !read_changes(w, messages, tools)) {
        return err_no_memory(err);
    }
    read_history(w, messages);
    read_thoughts(w, messages);
    read_tier(w);
    w->betas.members[0] = SCAN_GET(s, 0, "anthropic_beta");
    w->betas.members[1] = SCAN_GET(s, 0, "betas");
    if (scan_type(s, SCAN_GET(s, 0, "cache_control")) == SCAN_OBJECT) {
        w->cache.top = SCAN_GET(s, 0, "cache_control");
    }
    read_context(w);
    return wish_read_fields(w, DIALECT_ANTHROPIC, known, sizeof known / sizeof *known, err);
}
