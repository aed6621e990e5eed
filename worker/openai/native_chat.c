#include "worker/openai/native_chat.h"

#include "server/json/json.h"
#include "shm/catalogue/region.h"
#include "worker/dialect/changes.h"
#include "worker/dialect/edits.h"
#include "worker/openai/openai_fields.h"

/* KEPT: goes on. LEFT: says nothing to the model, and Converse's body has no place for it either. Of
 * any other member nobody has said that it is taken. The rest is refused by some: by_* below. */
enum fate { UNKNOWN, KEPT, LEFT, SAMPLING, PENALTY, EFFORT };

static enum fate fate_of(struct str name)
{
    static const struct {
        const char *name;
        enum fate fate;
    } rows[] = {
        {"messages", KEPT},
        {"model", KEPT},
        {"stream", KEPT},
        {"max_tokens", KEPT},
        {"max_completion_tokens", KEPT},
        {"tools", KEPT},
        {"tool_choice", KEPT},
        {"parallel_tool_calls", KEPT},
        {"reasoning_effort", EFFORT},
        {"temperature", SAMPLING},
        {"top_p", SAMPLING},
        {"logprobs", SAMPLING},
        {"top_logprobs", SAMPLING},
        {"presence_penalty", PENALTY},
        {"frequency_penalty", PENALTY},
        {"stream_options", LEFT}, /* ours is put */
        {"user", LEFT},
        {"store", LEFT},
        {"metadata", LEFT},
        {"safety_identifier", LEFT},
        {"prompt_cache_key", LEFT},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (text_eq(name, text_from(rows[i].name))) {
            return rows[i].fate;
        }
    }
    return UNKNOWN;
}

/* gpt-oss */
static bool has_tags(const struct models_choice *m)
{
    return (m->caps->flags & MODELS_REASONING_TAGS) != 0;
}

static bool is_gpt(const struct models_choice *m)
{
    return text_eq(text_from(m->caps->family), STR("gpt"));
}

static bool no_effort(const struct scan *s)
{
    return SCAN_IS(s, SCAN_GET(s, 0, "reasoning_effort"), "none");
}

/* --- does it fit ---------------------------------------------------------------------------- */

/* Text, and of a model that sees images that come along. Those in S3 Bedrock would read with the rights of this
 * program, which are not the client's. */
static bool part_fits(const struct scan *s, scan_ref part, bool sees)
{
    static const char *const text[] = {"type", "text", NULL};
    static const char *const image[] = {"type", "image_url", NULL};
    if (SCAN_IS(s, SCAN_GET(s, part, "type"), "text")) {
        return openai_fields_only(s, part, text);
    }
    scan_ref url = SCAN_GET(s, part, "image_url");
    return sees && openai_fields_only(s, part, image) &&
           !scan_has_duplicate(s, part, STR("image_url")) &&
           !scan_has_duplicate(s, url, STR("url")) &&
           text_starts(scan_text(s, SCAN_GET(s, url, "url")), STR("data:"));
}

static bool message_fits(const struct scan *s, scan_ref m, const struct models_choice *model)
{
    static const char *const members[] = {"role",       "content",      "name",
                                          "tool_calls", "tool_call_id", NULL};
    scan_ref content = SCAN_GET(s, m, "content");
    bool sees = (model->caps->flags & MODELS_IMAGES) != 0;
    bool named = SCAN_GET(s, m, "name") != SCAN_ABSENT; /* gpt-oss: not in a tool's message */
    bool fits = scan_type(s, m) == SCAN_OBJECT && openai_fields_only(s, m, members) &&
                !scan_has_duplicate(s, m, STR("content")) && !(named && has_tags(model));
    if (scan_type(s, content) == SCAN_ARRAY) {
        for (scan_ref p = scan_first(s, content); p != SCAN_ABSENT && fits;
             p = scan_next(s, content, p)) {
            fits = part_fits(s, p, sees);
        }
    }
    return fits;
}

static bool messages_fit(const struct chat_request *r, const struct models_choice *model)
{
    const struct scan *s = r->scan;
    for (scan_ref m = scan_first(s, r->messages); m != SCAN_ABSENT;
         m = scan_next(s, r->messages, m)) {
        if (!message_fits(s, m, model)) {
            return false;
        }
    }
    return true;
}

static bool tools_fit(const struct chat_request *r)
{
    const struct scan *s = r->scan;
    for (scan_ref t = scan_first(s, r->tools); r->tools != SCAN_ABSENT && t != SCAN_ABSENT;
         t = scan_next(s, r->tools, t)) {
        if (!SCAN_IS(s, SCAN_GET(s, t, "type"), "function") ||
            scan_has_duplicate(s, t, STR("type"))) { /* two readers must not see two tools */
            return false;
        }
    }
    return true;
}

/* Of a model whose efforts are known. */
static bool effort_fits(const struct scan *s, const struct models_choice *model)
{
    struct str efforts = text_from(model->caps->efforts);
    scan_ref effort = SCAN_GET(s, 0, "reasoning_effort");
    return effort == SCAN_ABSENT || efforts.n == 0 || text_list_has(efforts, scan_text(s, effort));
}

bool native_chat_fits(const struct chat_request *r, const struct models_choice *model)
{
    const struct scan *s = r->scan;
    struct str prefix = region_prefix(model->id);
    bool gpt = is_gpt(model);
    if (!(model->caps->flags & MODELS_NATIVE_CHAT) || r->legacy ||
        text_starts(model->id, STR("arn:")) ||
        (gpt && !text_eq(prefix, STR("us")) && !text_eq(prefix, STR("global"))) ||
        (gpt && r->tools != SCAN_ABSENT && !no_effort(s)) ||
        (SCAN_GET(s, 0, "max_tokens") != SCAN_ABSENT && /* which of them is heeded nobody says */
         SCAN_GET(s, 0, "max_completion_tokens") != SCAN_ABSENT)) {
        return false;
    }
    for (scan_ref v = scan_first(s, 0); v != SCAN_ABSENT; v = scan_next(s, 0, v)) {
        struct str name = scan_text(s, scan_key(s, v));
        if (fate_of(name) == UNKNOWN || scan_has_duplicate(s, 0, name)) {
            return false;
        }
    }
    return tools_fit(r) && effort_fits(s, model) && messages_fit(r, model);
}

/* --- the body ------------------------------------------------------------------------------ */

struct writing {
    const struct scan *scan;
    struct buf *changes;
    bool gpt, oss, none; /* whose it is; effort "none" */
};

static bool is_refused(const struct writing *w, enum fate fate)
{
    switch (fate) {
    case SAMPLING:
        return w->gpt && !w->none;
    case PENALTY:
        return !w->oss && (!w->gpt || !w->none);
    case EFFORT:
        return !w->gpt && w->none;
    case UNKNOWN:
    case KEPT:
    case LEFT:
        break;
    }
    return false;
}

static bool drops(void *ctx, scan_ref key, scan_ref value)
{
    const struct writing *w = ctx;
    struct str name = scan_text(w->scan, key);
    enum fate fate = fate_of(name);
    (void)value;
    bool refused = is_refused(w, fate);
    if (refused || (fate == LEFT && !text_eq(name, STR("stream_options")))) {
        changes_note(w->changes, "drop:", name);
    }
    return refused || fate == LEFT;
}

enum status native_chat_write(const struct chat_request *r, const struct models_choice *model,
                              struct buf *out, struct buf *changes, struct err *err)
{
    const struct scan *s = r->scan;
    struct edits e;
    struct writing w = {s, changes, is_gpt(model), has_tags(model), no_effort(s)};
    scan_ref most = SCAN_GET(s, 0, "max_tokens");
    char *id = arena_printf(s->arena, "\"%.*s\"", STR_ARG(model->id)); /* legal: no escapes */
    if (!id) {
        return err_no_memory(err);
    }
    edits_init(&e, s);
    (void)edits_filter(&e, 0, drops, &w); /* messages and model stay */
    edits_value(&e, SCAN_GET(s, 0, "model"), text_from(id));
    if (most != SCAN_ABSENT) { /* its older name is refused by GPT */
        edits_value(&e, scan_key(s, most), STR("\"max_completion_tokens\""));
    }
    if (r->stream) {
        edits_inside(&e, 0, STR("\"stream_options\":{\"include_usage\":true},"));
    }
    return edits_apply(&e, out, err);
}
