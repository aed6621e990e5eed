#include "worker/openai/native_responses.h"

#include "server/base/seal.h"
#include "server/json/json.h"
#include "shm/catalogue/region.h"
#include "worker/dialect/changes.h"
#include "worker/dialect/edits.h"
#include "worker/openai/openai_fields.h"

static bool is_nothing(const struct scan *s, scan_ref r)
{
    return scan_type(s, r) == SCAN_NONE || scan_type(s, r) == SCAN_NULL;
}

/* --- members of the body ------------------------------------------------------------------- */

/* KEPT: goes on. LEFT: says nothing to the model; Converse's body has no place for it either, and what is
 * stored is not stored here. TOLD: so does this, but who wants it hears of that. Of any other member
 * nobody has said that it is taken. */
enum fate { UNKNOWN, KEPT, LEFT, TOLD, SAMPLING };

static enum fate fate_of(struct str name)
{
    static const struct {
        const char *name;
        enum fate fate;
    } rows[] = {
        {"input", KEPT},
        {"model", KEPT},
        {"stream", KEPT},
        {"instructions", KEPT},
        {"max_output_tokens", KEPT},
        {"tools", KEPT},
        {"tool_choice", KEPT},
        {"parallel_tool_calls", KEPT},
        {"reasoning", KEPT},
        {"text", KEPT},
        {"include", KEPT},
        {"prompt_cache_key", KEPT},
        {"prompt_cache_options", KEPT},
        {"temperature", SAMPLING},
        {"top_p", SAMPLING},
        {"truncation", TOLD},
        {"prompt_cache_retention", TOLD},
        {"background", LEFT}, /* false: responses.c */
        {"client_metadata", LEFT},
        {"conversation", LEFT}, /* null, as the next two */
        {"previous_response_id", LEFT},
        {"prompt", LEFT},
        {"max_tool_calls", LEFT}, /* of OpenAI's own tools */
        {"metadata", LEFT},
        {"safety_identifier", LEFT},
        {"service_tier", LEFT}, /* the usual one */
        {"store", LEFT},        /* ours is put */
        {"stream_options", LEFT},
        {"user", LEFT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_eq(name, text_from(rows[i].name))) {
            return rows[i].fate;
        }
    }
    return UNKNOWN;
}

static bool no_effort(const struct scan *s)
{
    return SCAN_IS(s, SCAN_GET(s, SCAN_GET(s, 0, "reasoning"), "effort"), "none");
}

static bool members_fit(const struct scan *s)
{
    for (scan_ref v = scan_first(s, 0); v != SCAN_ABSENT; v = scan_next(s, 0, v)) {
        struct str name = scan_text(s, scan_key(s, v));
        if (fate_of(name) == UNKNOWN || scan_has_duplicate(s, 0, name)) {
            return false;
        }
    }
    return true;
}

static bool reasoning_fits(const struct scan *s, const struct models_caps *caps)
{
    static const char *const members[] = {"effort", "summary", NULL};
    scan_ref reasoning = SCAN_GET(s, 0, "reasoning"), effort = SCAN_GET(s, reasoning, "effort");
    return openai_fields_only(s, reasoning, members) &&
           (is_nothing(s, effort) || text_list_has(text_from(caps->efforts), scan_text(s, effort)));
}

static bool text_fits(const struct scan *s)
{
    static const char *const members[] = {"format", "verbosity", NULL};
    scan_ref text = SCAN_GET(s, 0, "text"), format = SCAN_GET(s, text, "format");
    scan_ref type = SCAN_GET(s, format, "type");
    return openai_fields_only(s, text, members) &&
           (is_nothing(s, format) || SCAN_IS(s, type, "text") || SCAN_IS(s, type, "json_schema"));
}

static bool include_fits(const struct scan *s)
{
    scan_ref include = SCAN_GET(s, 0, "include");
    for (scan_ref v = scan_first(s, include); v != SCAN_ABSENT; v = scan_next(s, include, v)) {
        if (!SCAN_IS(s, v, "reasoning.encrypted_content")) {
            return false;
        }
    }
    return true;
}

/* --- tools --------------------------------------------------------------------------------- */

/* The kinds that its refusal of others names, but for "mcp": those Bedrock calls by itself, be they a Lambda
 * function or a gateway of the operator's account, with the rights of this program, which are not the
 * client's. */
static bool is_taken(const struct scan *s, scan_ref tool)
{
    static const char *const kinds[] = {"function",    "custom",   "namespace", "tool_search",
                                        "apply_patch", "computer", NULL};
    return openai_fields_in(scan_text(s, SCAN_GET(s, tool, "type")), kinds);
}

/* Two readers of one body must not see two different tools, nor images that the other has not looked at. */
static bool is_told_once(const struct scan *s, scan_ref object)
{
    return !scan_has_duplicate(s, object, STR("type")) &&
           !scan_has_duplicate(s, object, STR("tools")) &&
           !scan_has_duplicate(s, object, STR("content")) &&
           !scan_has_duplicate(s, object, STR("output"));
}

/* Chat's shape of a function, and what only this program makes a function of, go by Converse. */
static bool tool_fits(const struct scan *s, scan_ref tool)
{
    scan_ref type = SCAN_GET(s, tool, "type");
    bool named = SCAN_IS(s, type, "function") || SCAN_IS(s, type, "custom");
    return scan_type(s, type) == SCAN_STRING && !SCAN_IS(s, type, "local_shell") &&
           is_told_once(s, tool) &&
           (!named || scan_type(s, SCAN_GET(s, tool, "name")) == SCAN_STRING);
}

/* Of a namespace, or of what a search has found: nothing is dropped of those. */
static bool inner_tools_fit(const struct scan *s, scan_ref tools)
{
    static const char *const kinds[] = {"function", "custom", "namespace", NULL};
    for (scan_ref t = scan_type(s, tools) == SCAN_ARRAY ? scan_first(s, tools) : SCAN_ABSENT;
         t != SCAN_ABSENT; t = scan_next(s, tools, t)) {
        if (!openai_fields_in(scan_text(s, SCAN_GET(s, t, "type")), kinds) || !tool_fits(s, t) ||
            !inner_tools_fit(s, SCAN_GET(s, t, "tools"))) {
            return false;
        }
    }
    return true;
}

static uint32_t tools_taken(const struct responses_request *r)
{
    const struct scan *s = r->scan;
    uint32_t n = 0;
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT; t = scan_next(s, r->tools, t)) {
        n += is_taken(s, t);
    }
    return n;
}

static bool tools_fit(const struct responses_request *r)
{
    const struct scan *s = r->scan;
    scan_ref choice = SCAN_GET(s, 0, "tool_choice"), type = SCAN_GET(s, choice, "type");
    for (scan_ref t = scan_first(s, r->tools); t != SCAN_ABSENT; t = scan_next(s, r->tools, t)) {
        if (!tool_fits(s, t) || !inner_tools_fit(s, SCAN_GET(s, t, "tools"))) {
            return false;
        }
    }
    return is_nothing(s, choice) || SCAN_IS(s, choice, "auto") || SCAN_IS(s, choice, "none") ||
           (tools_taken(r) > 0 && (SCAN_IS(s, choice, "required") || SCAN_IS(s, type, "function") ||
                                   SCAN_IS(s, type, "custom")));
}

/* --- items --------------------------------------------------------------------------------- */

/* An image. One in S3, or a file of the account's, Bedrock would read with the rights of this program, too. */
static bool comes_along(const struct scan *s, scan_ref object)
{
    scan_ref url = SCAN_GET(s, object, "image_url"), file = SCAN_GET(s, object, "file_id");
    return text_starts(scan_text(s, url), STR("data:")) && is_nothing(s, file) &&
           !scan_has_duplicate(s, object, STR("image_url")) &&
           !scan_has_duplicate(s, object, STR("file_id"));
}

/* Text, and images that come along. */
static bool part_fits(const struct scan *s, scan_ref part)
{
    static const char *const text[] = {"type", "text", "prompt_cache_breakpoint", NULL};
    static const char *const said[] = {"type", "text", "annotations", "logprobs", NULL};
    static const char *const refusal[] = {"type", "refusal", NULL};
    static const char *const image[] = {"type", "image_url", "detail", "prompt_cache_breakpoint",
                                        NULL};
    scan_ref type = SCAN_GET(s, part, "type");
    if (SCAN_IS(s, type, "input_text")) {
        return openai_fields_only(s, part, text);
    }
    if (SCAN_IS(s, type, "output_text")) {
        return openai_fields_only(s, part, said);
    }
    if (SCAN_IS(s, type, "refusal")) {
        return openai_fields_only(s, part, refusal);
    }
    return SCAN_IS(s, type, "input_image") && openai_fields_only(s, part, image) &&
           comes_along(s, part);
}

/* Parts of an output are text: GPT refuses images there in Converse, and of here nobody has told. */
static bool content_fits(const struct scan *s, const struct responses_item *item)
{
    bool output = item->kind == RESPONSES_OUTPUT;
    if (scan_type(s, item->content) != SCAN_ARRAY) {
        return true;
    }
    for (scan_ref p = scan_first(s, item->content); p != SCAN_ABSENT;
         p = scan_next(s, item->content, p)) {
        bool text = !output || SCAN_IS(s, SCAN_GET(s, p, "type"), "input_text");
        if (!text || !part_fits(s, p)) {
            return false;
        }
    }
    return true;
}

/* Those of the kinds of tools that are taken. "agent_message", "context_compaction", "local_shell_call"
 * and "additional_tools" are refused there; Converse has an answer to them. */
static bool item_fits(const struct scan *s, const struct responses_item *item)
{
    static const char *const types[] = {"message",
                                        "reasoning",
                                        "function_call",
                                        "function_call_output",
                                        "custom_tool_call",
                                        "custom_tool_call_output",
                                        "tool_search_call",
                                        "tool_search_output",
                                        "apply_patch_call",
                                        "apply_patch_call_output",
                                        "computer_call",
                                        "computer_call_output",
                                        NULL};
    scan_ref shown = SCAN_GET(s, item->at, "output");
    bool fits = scan_type(s, shown) == SCAN_OBJECT /* of a computer: an image alone */
                    ? comes_along(s, shown)
                    : scan_type(s, shown) != SCAN_ARRAY || item->kind == RESPONSES_OUTPUT;
    return fits &&
           (is_nothing(s, item->type) || openai_fields_in(scan_text(s, item->type), types)) &&
           is_told_once(s, item->at) && inner_tools_fit(s, SCAN_GET(s, item->at, "tools")) &&
           content_fits(s, item);
}

static bool items_fit(const struct responses_request *r)
{
    for (uint32_t i = 0; i < r->items.count; i++) {
        if (!item_fits(r->scan, &r->items.item[i])) {
            return false;
        }
    }
    return true;
}

bool native_responses_fits(const struct responses_request *r, const struct models_choice *model)
{
    const struct scan *s = r->scan;
    struct str prefix = region_prefix(model->id);
    return (model->caps->flags & MODELS_NATIVE_RESPONSES) && !text_starts(model->id, STR("arn:")) &&
           (text_eq(prefix, STR("us")) || text_eq(prefix, STR("global"))) && members_fit(s) &&
           reasoning_fits(s, model->caps) && text_fits(s) && include_fits(s) && tools_fit(r) &&
           items_fit(r);
}

/* --- the body ------------------------------------------------------------------------------ */

struct writing {
    const struct scan *scan;
    struct buf *changes;
    bool none;     /* effort "none" */
    bool toolless; /* of its tools nothing is left */
};

static bool drops(void *ctx, scan_ref key, scan_ref value)
{
    const struct writing *w = ctx;
    const struct scan *s = w->scan;
    struct str name = scan_text(s, key);
    if (scan_type(s, value) == SCAN_NULL) {
        return true;
    }
    switch (fate_of(name)) {
    case SAMPLING:
        if (!w->none) {
            changes_note(w->changes, "drop:", name);
        }
        return !w->none;
    case TOLD:
        if (SCAN_IS(s, value, "auto") || SCAN_IS(s, value, "24h")) {
            changes_note(w->changes, "drop:", name);
        }
        return true;
    case LEFT:
        return true;
    case UNKNOWN:
    case KEPT:
        break;
    }
    return w->toolless && text_eq(name, STR("tools"));
}

static bool drops_tool(void *ctx, scan_ref key, scan_ref value)
{
    const struct writing *w = ctx;
    (void)key;
    if (is_taken(w->scan, value)) {
        return false;
    }
    changes_note(w->changes, "drop:tool:", scan_text(w->scan, SCAN_GET(w->scan, value, "type")));
    return true;
}

/* Thoughts that this program has sealed, of Converse, mean nothing there; those without their sealed form
 * are looked up by their ids, and nothing is stored. */
static bool drops_item(void *ctx, scan_ref key, scan_ref value)
{
    const struct writing *w = ctx;
    const struct scan *s = w->scan;
    struct str sealed = scan_text(s, SCAN_GET(s, value, "encrypted_content"));
    (void)key;
    if (!SCAN_IS(s, SCAN_GET(s, value, "type"), "reasoning") ||
        (sealed.n > 0 && !seal_is_form(sealed))) {
        return false;
    }
    changes_note(w->changes, "drop:", STR("reasoning_item"));
    return true;
}

enum status native_responses_write(const struct responses_request *r,
                                   const struct models_choice *model, struct buf *out,
                                   struct buf *changes, struct err *err)
{
    const struct scan *s = r->scan;
    struct edits e;
    struct writing w = {s, changes, no_effort(s), r->tools != SCAN_ABSENT && tools_taken(r) == 0};
    char *id = arena_printf(s->arena, "\"%.*s\"", STR_ARG(model->id)); /* legal: no escapes */
    if (!id) {
        return err_no_memory(err);
    }
    edits_init(&e, s);
    (void)edits_filter(&e, 0, drops, &w); /* input and model stay */
    edits_value(&e, SCAN_GET(s, 0, "model"), text_from(id));
    edits_inside(&e, 0, STR("\"store\":false,"));
    if (r->tools != SCAN_ABSENT) {
        (void)edits_filter(&e, r->tools, drops_tool, &w);
    }
    if (scan_type(s, r->input) == SCAN_ARRAY) {
        (void)edits_filter(&e, r->input, drops_item, &w);
    }
    return edits_apply(&e, out, err);
}
