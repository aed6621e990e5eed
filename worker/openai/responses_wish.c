#include "worker/openai/responses_wish.h"

#include "worker/openai/openai_wish.h"
#include "worker/openai/responses_tool.h"

/* --- reasoning, text ----------------------------------------------------------------------- */

/* Before it was called summary it was generate_summary. */
bool responses_wish_shows_summary(const struct scan *s)
{
    scan_ref reasoning = SCAN_GET(s, 0, "reasoning"), summary = SCAN_GET(s, reasoning, "summary");
    if (scan_type(s, summary) != SCAN_STRING) {
        summary = SCAN_GET(s, reasoning, "generate_summary");
    }
    return scan_type(s, summary) == SCAN_STRING && !SCAN_IS(s, summary, "none");
}

/* Codex has no word on the effort of models that it does not know, but wants to see their thoughts:
 * then they are to have some. */
static void read_reasoning(struct wish *w)
{
    const struct scan *s = w->scan;
    bool shows = responses_wish_shows_summary(s);
    openai_wish_effort(w, SCAN_GET(s, SCAN_GET(s, 0, "reasoning"), "effort"), "reasoning.effort");
    if (w->thinking.mode == WISH_THINKING_UNSET && shows) {
        w->thinking.mode = WISH_THINKING_ADAPTIVE;
    }
    if (wish_thinks(w->thinking.mode) && shows) {
        openai_wish_display(w, (struct str){NULL, 0});
    }
}

static void read_text(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref text = SCAN_GET(s, 0, "text"), verbosity = SCAN_GET(s, text, "verbosity");
    scan_ref format = SCAN_GET(s, text, "format");
    openai_wish_format(w,
                       (struct openai_format){format, format, "text.format", "text.format.schema"});
    if (!wish_is_nothing(s, verbosity) && !SCAN_IS(s, verbosity, "medium")) {
        wish_lose(w, verbosity);
    }
}

/* --- tools --------------------------------------------------------------------------------- */

/* A tool that OpenAI's service has is none that can be called here: the model may choose. */
static bool is_services(const struct scan *s, scan_ref choice)
{
    scan_ref type = SCAN_GET(s, choice, "type");
    static const struct str ours[] = {STR("function"),      STR("custom"), STR("tool"),
                                      STR("allowed_tools"), STR("auto"),   STR("none"),
                                      STR("required"),      STR("any")};
    if (scan_type(s, type) != SCAN_STRING) {
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        if (scan_text_is(s, type, ours[i])) {
            return false;
        }
    }
    return true;
}

static void read_choice(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref choice = SCAN_GET(s, 0, "tool_choice"), type = SCAN_GET(s, choice, "type");
    bool search = SCAN_IS(s, type, "tool_search"), shell = SCAN_IS(s, type, "local_shell");
    w->choice.lost = !search && !shell && is_services(s, choice);
    openai_wish_choice(w, w->choice.lost || search || shell ? SCAN_ABSENT : choice,
                       "'none', 'auto', 'required', a function, a custom tool, or allowed_tools");
    if (search || shell) {
        w->choice.kind = WISH_CHOICE_ONE;
        w->choice.name = search ? RESPONSES_SEARCH : RESPONSES_SHELL;
    }
}

static void count_tools(struct wish *w, const struct responses_list *items, scan_ref tools)
{
    struct responses_tool_walk walk;
    struct responses_tool t;
    responses_tool_begin(&walk, w->scan, tools, items);
    while (responses_tool_next(&walk, &t)) {
        bool unnamed = t.tool.kind == CHAT_TOOL_SEARCH || t.tool.kind == CHAT_TOOL_SHELL;
        struct str name = unnamed ? responses_tool_name(w->scan, &t) : wish_text(w, t.tool.name);
        w->tools.shown += responses_tool_is_shown(w, &t, wish_text(w, t.space), name);
    }
}

/* --- the history --------------------------------------------------------------------------- */

static void read_history(struct wish *w, const struct responses_list *items,
                         const struct responses_turn *last)
{
    for (uint32_t i = 0; i < items->count; i++) {
        const struct responses_item *item = &items->item[i];
        w->thinking.in_history =
            w->thinking.in_history || scan_type(w->scan, item->sealed) == SCAN_STRING;
        w->tools.called_before = w->tools.called_before || item->kind == RESPONSES_CALL;
    }
    w->thinking.unreasoned = last->calls && wish_thinks(w->thinking.mode) &&
                             scan_type(w->scan, items->item[last->first].sealed) != SCAN_STRING;
}

/* --- entry --------------------------------------------------------------------------------- */

/* Only OpenAI's own place for thoughts is asked for by clients; what else may be included are parts of
 * its own tools' items, of which there are none, and log probabilities. */
static void read_include(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref include = SCAN_GET(s, 0, "include");
    for (scan_ref v = scan_type(s, include) == SCAN_ARRAY ? scan_first(s, include) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, include, v)) {
        if (SCAN_IS(s, v, "message.output_text.logprobs")) {
            wish_lose(w, include);
            return;
        }
    }
}

/* OpenAI caches by itself; a key or the word "implicit" says that its client relies on that, "explicit"
 * that it marks all itself. An hour is the longest on Bedrock, and has its price: not asked for by "24h". */
static void read_cache(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref key = SCAN_GET(s, 0, "prompt_cache_key");
    scan_ref mode = SCAN_GET(s, SCAN_GET(s, 0, "prompt_cache_options"), "mode");
    scan_ref retention = SCAN_GET(s, 0, "prompt_cache_retention");
    bool keyed = scan_type(s, key) == SCAN_STRING && !SCAN_IS(s, key, "");
    w->cache.automatic = (keyed || SCAN_IS(s, mode, "implicit")) && !SCAN_IS(s, mode, "explicit");
    if (SCAN_IS(s, retention, "24h")) {
        wish_lose(w, retention);
    }
}

/* What is read somewhere, and what only concerns OpenAI's own service. */
static const struct str known[] = {
    STR("background"),
    STR("client_metadata"),
    STR("conversation"),
    STR("include"),
    STR("input"),
    STR("instructions"),
    STR("max_completion_tokens"),
    STR("max_output_tokens"),
    STR("max_tokens"),
    STR("max_tool_calls"), /* of OpenAI's own tools */
    STR("metadata"),
    STR("model"),
    STR("parallel_tool_calls"),
    STR("previous_response_id"),
    STR("prompt"),
    STR("prompt_cache_key"),
    STR("prompt_cache_options"),
    STR("prompt_cache_retention"),
    STR("reasoning"),
    STR("safety_identifier"),
    STR("service_tier"),
    STR("store"),
    STR("stream"),
    STR("stream_options"),
    STR("temperature"),
    STR("text"),
    STR("tool_choice"),
    STR("tools"),
    STR("top_p"),
    STR("truncation"),
    STR("user"),
};

enum status responses_wish_read(struct wish *w, const struct scan *s,
                                const struct responses_list *items, scan_ref tools,
                                const struct responses_turn *last, struct err *err)
{
    static const struct wish_names names = {.thinking = "reasoning",
                                            .effort = "reasoning.effort",
                                            .one_call = "parallel_tool_calls",
                                            .stops = "stop"};
    scan_ref truncation = SCAN_GET(s, 0, "truncation");
    wish_begin(w, s, &names);
    enum status st = wish_read_fields(w, DIALECT_RESPONSES, known, COUNT_OF(known), err);
    if (st != STATUS_OK) {
        return st;
    }
    w->sampling.has_temperature =
        scan_f64(s, SCAN_GET(s, 0, "temperature"), &w->sampling.temperature);
    w->sampling.has_top_p = scan_f64(s, SCAN_GET(s, 0, "top_p"), &w->sampling.top_p);
    read_reasoning(w);
    read_text(w);
    openai_wish_tier(w);
    read_choice(w);
    read_include(w);
    read_cache(w);
    if (SCAN_IS(s, truncation, "auto")) {
        wish_lose(w, truncation);
    }
    count_tools(w, items, tools);
    read_history(w, items, last);
    return STATUS_OK;
}
