#include "worker/openai/openai_wish.h"

#include <stdio.h>

#include "worker/openai/chat_tool.h"

#define ALLOWED_MAX 128 /* OpenAI's limit of tools; the list is searched once for each tool */

/* --- effort, tier, format ------------------------------------------------------------------ */

void openai_wish_effort(struct wish *w, scan_ref effort, const char *param)
{
    struct str word = wish_text(w, effort);
    char text[160];
    if (word.n == 0) {
        return;
    }
    if (text_eq(word, STR("none"))) {
        w->thinking.mode = WISH_THINKING_OFF;
        return;
    }
    w->effort.rounded = text_eq(word, STR("minimal"));
    w->effort.level = w->effort.rounded ? WISH_EFFORT_LOW : wish_effort_find(word);
    w->thinking.mode = WISH_THINKING_ADAPTIVE;
    if (w->effort.level == WISH_EFFORT_OTHER) {
        snprintf(text, sizeof text,
                 "Invalid value for '%s': supported values are 'none', 'minimal', 'low', 'medium', "
                 "'high', 'xhigh', and 'max'.",
                 param);
        wish_fault(w, ERR_FAULT_VALUE, param, text);
    }
}

void openai_wish_display(struct wish *w, struct str display)
{
    bool known = text_eq(display, STR("summarized")) || text_eq(display, STR("omitted"));
    w->thinking.display.ours = display.n == 0;
    w->thinking.display.other = display.n > 0 && !known;
    w->thinking.display.as = known ? display : STR("summarized");
}

/* "auto" and "default" ask for nothing but what everybody gets; "fast" is OpenAI's newer word. */
void openai_wish_tier(struct wish *w)
{
    const struct scan *s = w->scan;
    scan_ref tier = SCAN_GET(s, 0, "service_tier");
    if (SCAN_IS(s, tier, "fast")) {
        w->tier.given = true;
        w->tier.value = TIER_PRIORITY;
        return;
    }
    w->tier.given = tier_find(scan_text(s, tier), &w->tier.value);
    w->tier.other = !w->tier.given && !wish_is_nothing(s, tier) && !SCAN_IS(s, tier, "auto");
}

void openai_wish_format(struct wish *w, struct openai_format f)
{
    const struct scan *s = w->scan;
    scan_ref type = SCAN_GET(s, f.format, "type"), schema = SCAN_GET(s, f.inner, "schema");
    char text[120];
    w->format.name = f.name;
    if (SCAN_IS(s, type, "json_object")) {
        w->format.kind = WISH_FORMAT_JSON;
    }
    if (!SCAN_IS(s, type, "json_schema")) {
        bool known_type = SCAN_IS(s, type, "json_object") || SCAN_IS(s, type, "text");
        w->format.kind =
            !known_type && scan_type(s, f.format) == SCAN_OBJECT && scan_size(s, f.format) > 0
                ? WISH_FORMAT_OTHER /* newer than this program, or wrong: named */
                : w->format.kind;
        return;
    }
    if (scan_type(s, schema) != SCAN_OBJECT) {
        snprintf(text, sizeof text, "Missing required parameter: '%s'.", f.schema);
        wish_fault(w, ERR_FAULT_MISSING, f.schema, text);
        return;
    }
    w->format.kind = WISH_FORMAT_SCHEMA;
    w->format.schema.open = true;
    w->format.schema.text = scan_raw(s, schema);
    w->format.schema.at = schema;
    w->format.schema.name = wish_text(w, SCAN_GET(s, f.inner, "name"));
    w->format.schema.description = wish_text(w, SCAN_GET(s, f.inner, "description"));
}

/* --- tools --------------------------------------------------------------------------------- */

static void wrong_choice(struct wish *w, const char *choices)
{
    char text[200];
    snprintf(text, sizeof text, "Invalid value for 'tool_choice': supported values are %s.",
             choices);
    wish_fault(w, ERR_FAULT_VALUE, "tool_choice", text);
}

static void read_word(struct wish *w, scan_ref choice, const char *choices)
{
    if (SCAN_IS(w->scan, choice, "required") || SCAN_IS(w->scan, choice, "any")) {
        w->choice.kind = WISH_CHOICE_ANY;
    } else if (SCAN_IS(w->scan, choice, "none")) {
        w->choice.kind = WISH_CHOICE_NONE;
    } else if (!SCAN_IS(w->scan, choice, "auto")) {
        wrong_choice(w, choices);
    }
}

/* One entry allows a tool by its name, or all of a namespace; an entry of a namespace no other's. */
static struct wish_allowed read_entry(struct wish *w, scan_ref v)
{
    const struct scan *s = w->scan;
    struct wish_allowed e = {.in = wish_text(w, SCAN_GET(s, v, "namespace"))};
    scan_ref type = SCAN_GET(s, v, "type"), named = chat_tool_read(s, v).name;
    e.named = wish_text(w, named == SCAN_ABSENT ? type : named);
    if (SCAN_IS(s, type, "namespace")) {
        e.space = wish_text(w, SCAN_GET(s, v, "name"));
    }
    return e;
}

/* An entry may have thousands of members: looked into once, not once for each tool. */
static void read_entries(struct wish *w, scan_ref tools)
{
    const struct scan *s = w->scan;
    uint32_t n = scan_type(s, tools) == SCAN_ARRAY ? scan_size(s, tools) : 0;
    struct wish_allowed *list = arena_alloc(s->arena, (n + 1) * sizeof *list);
    w->tools.allowed.at = tools;
    if (!list) {
        err_no_memory(&w->fault);
        return;
    }
    for (scan_ref v = n ? scan_first(s, tools) : SCAN_ABSENT; v != SCAN_ABSENT;
         v = scan_next(s, tools, v)) {
        list[w->tools.allowed.count++] = read_entry(w, v);
    }
    w->tools.allowed.entries = list;
}

/* Chat has mode and tools in an object of their own. */
static void read_allowed(struct wish *w, scan_ref choice, const char *choices)
{
    const struct scan *s = w->scan;
    scan_ref inner = SCAN_GET(s, choice, "allowed_tools");
    inner = scan_type(s, inner) == SCAN_OBJECT ? inner : choice;
    if (SCAN_IS(s, SCAN_GET(s, inner, "mode"), "required")) {
        w->choice.kind = WISH_CHOICE_ANY;
    }
    scan_ref tools = SCAN_GET(s, inner, "tools");
    if (scan_size(s, tools) > ALLOWED_MAX) {
        wrong_choice(w, choices); /* nobody searches it */
        return;
    }
    read_entries(w, tools);
}

static void read_object(struct wish *w, scan_ref choice, const char *choices)
{
    const struct scan *s = w->scan;
    scan_ref type = SCAN_GET(s, choice, "type"), named;
    if (SCAN_IS(s, type, "allowed_tools")) {
        read_allowed(w, choice, choices);
        return;
    }
    named = chat_tool_read(s, choice).name;
    if (scan_type(s, named) == SCAN_NONE && scan_type(s, type) == SCAN_STRING) {
        read_word(w, type, choices); /* {"type":"auto"}: Anthropic's shape without a name */
        return;
    }
    w->choice.kind = WISH_CHOICE_ONE;
    w->choice.name = wish_text(w, named);
    w->choice.space = wish_text(w, SCAN_GET(s, choice, "namespace"));
    if (w->choice.name.n == 0) {
        wrong_choice(w, choices);
    }
}

void openai_wish_choice(struct wish *w, scan_ref choice, const char *choices)
{
    const struct scan *s = w->scan;
    if (scan_type(s, choice) == SCAN_STRING) {
        read_word(w, choice, choices);
    } else if (scan_type(s, choice) == SCAN_OBJECT && scan_size(s, choice) > 0) {
        read_object(w, choice, choices);
    }
    w->choice.one_call = scan_type(s, SCAN_GET(s, 0, "parallel_tool_calls")) == SCAN_FALSE;
}

static bool entry_allows(const struct wish_allowed *e, struct str space, struct str name)
{
    if (space.n > 0 && e->space.p) {
        return text_eq(e->space, space);
    }
    return e->named.p && text_eq(e->named, name) && (!e->in.p || text_eq(e->in, space));
}

bool openai_wish_allows(const struct wish *w, struct str space, struct str name)
{
    bool allows = w->tools.allowed.at == SCAN_ABSENT;
    for (uint32_t i = 0; i < w->tools.allowed.count && !allows; i++) {
        allows = entry_allows(&w->tools.allowed.entries[i], space, name);
    }
    return allows;
}
