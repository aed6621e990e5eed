#include "worker/openai/chat_wish.h"

#include "worker/openai/chat_tool.h"
#include "worker/openai/openai_wish.h"

#define BUDGET_MIN 1024 /* platform.claude.com/docs/en/build-with-claude/extended-thinking */

/* --- stop sequences, effort, format -------------------------------------------------------- */

static void add_stop(struct wish *w, scan_ref v)
{
    if (scan_type(w->scan, v) == SCAN_STRING) {
        wish_add_stop(w, scan_raw(w->scan, v));
    } else {
        wish_fault(w, ERR_FAULT_TYPE, "stop",
                   "Invalid type for 'stop': expected a string or an array of strings.");
    }
}

static void read_stops(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref stop = SCAN_GET(s, 0, "stop");
    enum scan_type type = scan_type(s, stop);
    if (type == SCAN_NONE || type == SCAN_NULL || !wish_make_stops(w, scan_size(s, stop))) {
        return;
    }
    if (type != SCAN_ARRAY) {
        add_stop(w, stop);
    }
    for (scan_ref v = type == SCAN_ARRAY ? scan_first(s, stop) : SCAN_ABSENT; v != SCAN_ABSENT;
         v = scan_next(s, stop, v)) {
        add_stop(w, v);
    }
}

/* Claude's own field, which its makers' Chat layer takes, too. One of another form is lost. */
static void read_thinking(struct wish *w)
{
    static const struct wish_names names = {.thinking = "thinking",
                                            .effort = "reasoning_effort",
                                            .one_call = "parallel_tool_calls",
                                            .stops = "stop"};
    const struct scan *s = w->scan;
    scan_ref thinking = SCAN_GET(s, 0, "thinking"), type = SCAN_GET(s, thinking, "type");
    scan_ref budget = SCAN_GET(s, thinking, "budget_tokens");
    if (SCAN_IS(s, type, "disabled")) {
        w->thinking.mode = WISH_THINKING_OFF;
    } else if (SCAN_IS(s, type, "adaptive")) {
        w->thinking.mode = WISH_THINKING_ADAPTIVE;
    } else if (SCAN_IS(s, type, "between_tools")) {
        w->thinking.mode = WISH_THINKING_BETWEEN;
    } else if (SCAN_IS(s, type, "enabled") && scan_type(s, budget) == SCAN_NUMBER) {
        w->thinking.mode = WISH_THINKING_BUDGET;
        if (!scan_i64(s, budget, &w->thinking.budget) || w->thinking.budget < BUDGET_MIN) {
            wish_fault(w, ERR_FAULT_VALUE, "thinking",
                       "Invalid 'thinking': expected budget_tokens >= 1024.");
        }
    } else {
        return;
    }
    w->called = &names;
    wish_take(w, thinking);
}

static void read_top_k(struct wish *w)
{
    scan_ref top_k = SCAN_GET(w->scan, 0, "top_k");
    if (scan_type(w->scan, top_k) == SCAN_NUMBER) {
        w->sampling.top_k = top_k;
        wish_take(w, top_k);
    }
}

static void read_format(struct wish *w)
{
    scan_ref format = SCAN_GET(w->scan, 0, "response_format");
    openai_wish_format(w, (struct openai_format){format, SCAN_GET(w->scan, format, "json_schema"),
                                                 "response_format",
                                                 "response_format.json_schema.schema"});
}

/* --- tools --------------------------------------------------------------------------------- */

static void read_choice(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref choice = SCAN_GET(s, 0, "tool_choice");
    if (scan_type(s, choice) == SCAN_NONE) {
        choice = SCAN_GET(s, 0, "function_call");
    }
    openai_wish_choice(w, choice, "'none', 'auto', 'required', a function, or allowed_tools");
}

static uint32_t count_allowed(struct wish *w, scan_ref list)
{
    const struct scan *s = w->scan;
    uint32_t n = 0;
    if (w->tools.allowed.at == SCAN_ABSENT) {
        return scan_type(s, list) == SCAN_ARRAY ? scan_size(s, list) : 0;
    }
    for (scan_ref t = scan_first(s, list); t != SCAN_ABSENT; t = scan_next(s, list, t)) {
        n += openai_wish_allows(w, STR(""), scan_text(s, chat_tool_read(s, t).name));
    }
    return n;
}

/* --- the history --------------------------------------------------------------------------- */

static bool calls(const struct scan *s, scan_ref m)
{
    scan_ref list = SCAN_GET(s, m, "tool_calls"), content = SCAN_GET(s, m, "content");
    for (scan_ref v = scan_type(s, content) == SCAN_ARRAY ? scan_first(s, content) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (SCAN_IS(s, SCAN_GET(s, v, "type"), "tool_use")) {
            return true;
        }
    }
    return (scan_type(s, list) == SCAN_ARRAY && scan_size(s, list) > 0) ||
           scan_type(s, SCAN_GET(s, m, "function_call")) == SCAN_OBJECT;
}

/* Nobody sends a thought back in this dialect. */
static void read_history(struct wish *w, scan_ref messages)
{
    const struct scan *s = w->scan;
    bool last = false;
    for (scan_ref m = scan_first(s, messages); m != SCAN_ABSENT; m = scan_next(s, messages, m)) {
        if (SCAN_IS(s, SCAN_GET(s, m, "role"), "assistant")) {
            last = calls(s, m);
            w->tools.called_before = w->tools.called_before || last;
        }
    }
    w->thinking.unreasoned = last && wish_thinks(w->thinking.mode);
}

/* --- entry --------------------------------------------------------------------------------- */

static void refuse_audio(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref modalities = SCAN_GET(s, 0, "modalities");
    bool audio = scan_type(s, SCAN_GET(s, 0, "audio")) == SCAN_OBJECT;
    for (scan_ref v = scan_first(s, modalities); v != SCAN_ABSENT;
         v = scan_next(s, modalities, v)) {
        audio = audio || SCAN_IS(s, v, "audio");
    }
    if (audio) {
        wish_fault(w, ERR_FAULT_VALUE, "modalities",
                   "Invalid 'modalities': audio is not supported.");
    }
}

/* What is read somewhere, and what only concerns OpenAI's own service. */
static const struct str known[] = {
    STR("audio"),
    STR("function_call"),
    STR("functions"),
    STR("max_completion_tokens"),
    STR("max_tokens"),
    STR("messages"),
    STR("metadata"),
    STR("modalities"),
    STR("model"),
    STR("n"),
    STR("parallel_tool_calls"),
    STR("prompt_cache_key"),
    STR("reasoning_effort"),
    STR("response_format"),
    STR("safety_identifier"),
    STR("service_tier"),
    STR("stop"),
    STR("store"),
    STR("system"),
    STR("stream"),
    STR("stream_options"),
    STR("temperature"),
    STR("tool_choice"),
    STR("tools"),
    STR("top_p"),
    STR("user"),
};

enum status chat_wish_read(struct wish *w, const struct scan *s, scan_ref messages, scan_ref tools,
                           struct err *err)
{
    static const struct wish_names names = {.thinking = "reasoning_effort",
                                            .effort = "reasoning_effort",
                                            .one_call = "parallel_tool_calls",
                                            .stops = "stop"};
    wish_begin(w, s, &names);
    enum status st = wish_read_fields(w, DIALECT_OPENAI, known, sizeof known / sizeof *known, err);
    if (st != STATUS_OK) {
        return st;
    }
    w->sampling.has_temperature =
        scan_f64(s, SCAN_GET(s, 0, "temperature"), &w->sampling.temperature);
    w->sampling.has_top_p = scan_f64(s, SCAN_GET(s, 0, "top_p"), &w->sampling.top_p);
    refuse_audio(w);
    read_stops(w);
    openai_wish_effort(w, SCAN_GET(s, 0, "reasoning_effort"), "reasoning_effort");
    read_thinking(w);
    if (wish_thinks(w->thinking.mode)) {
        openai_wish_display(w, wish_text(w, SCAN_GET(s, SCAN_GET(s, 0, "thinking"), "display")));
    }
    read_top_k(w);
    openai_wish_tier(w);
    read_format(w);
    read_choice(w);
    w->tools.shown = count_allowed(w, tools) + count_allowed(w, SCAN_GET(s, 0, "functions"));
    read_history(w, messages);
    return STATUS_OK;
}
