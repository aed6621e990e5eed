#include "worker/converse/anthropic_blocks.h"

#include "server/base/buf.h"
#include "worker/converse/converse_citation.h"
#include "worker/plan/plan_history.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct str nothing = {NULL, 0};

static struct str member(struct converse_build *b, const struct scan *s, scan_ref object,
                         struct str key)
{
    return converse_build_read(b, s, scan_get(s, object, key));
}

bool anthropic_blocks_true(const struct scan *s, scan_ref r)
{
    bool v = false;
    return scan_bool(s, r, &v) && v;
}

void anthropic_blocks_cache(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref mark = SCAN_GET(s, block, "cache_control");
    if (scan_type(s, mark) == SCAN_OBJECT) {
        converse_build_cache_point(b, member(b, s, mark, STR("ttl")));
    }
}

/* --- text ---------------------------------------------------------------------------------- */

struct str anthropic_blocks_text(struct converse_build *b, const struct scan *s, scan_ref content)
{
    struct buf joined;
    if (scan_type(s, content) == SCAN_STRING) {
        return converse_build_read(b, s, content);
    }
    buf_init(&joined, scan_raw(s, content).n + 1); /* unescaped text is never longer */
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        struct str text = member(b, s, v, STR("text"));
        if (text.n > 0 && buf_len(&joined) > 0) {
            buf_put_char(&joined, '\n');
        }
        buf_put_str(&joined, text);
    }
    struct str out = arena_dup(b->arena, buf_str(&joined));
    if (!out.p || !buf_ok(&joined)) {
        converse_build_no_memory(b);
    }
    buf_free(&joined);
    return out;
}

/* What stands between the quotes of a JSON string. */
static struct str unquoted(struct str raw)
{
    return raw.n > 2 && raw.p[0] == '"' ? text_sub(raw, 1, raw.n - 2) : nothing;
}

void anthropic_blocks_reminder(struct converse_build *b, struct str raw)
{
    const struct str pieces[] = {STR("<system-reminder>\\n"), unquoted(raw),
                                 STR("\\n</system-reminder>")};
    if (wish_is_blank(raw)) {
        return;
    }
    converse_build_text_pieces(b, pieces, COUNT(pieces));
    converse_build_map(b, "system_role");
}

/* A text with its citations, as it came from Claude: history goes back as it was. */
static bool put_cited(struct converse_build *b, const struct scan *s, struct str raw,
                      scan_ref citations)
{
    struct buf block;
    struct json_out w;
    unsigned n = 0;
    buf_init(&block, raw.n + 8 * scan_raw(s, citations).n + 1024); /* names of members grow */
    json_begin(&w, &block);
    json_raw(&w, STR("{\"citationsContent\":{\"content\":[{\"text\":"));
    buf_put_str(&block, raw);
    BUF_LIT(&block, "}],\"citations\":[");
    w.comma = false;
    for (scan_ref c = scan_first(s, citations); c != SCAN_ABSENT; c = scan_next(s, citations, c)) {
        n += converse_citation_take(&w, s, c);
    }
    BUF_LIT(&block, "]}}");
    if (!buf_ok(&block)) {
        converse_build_no_memory(b);
    } else if (n > 0) {
        converse_build_raw(b, buf_str(&block));
    }
    buf_free(&block);
    return n > 0;
}

static void put_text(struct converse_build *b, const struct scan *s, scan_ref block)
{
    struct str raw = scan_raw(s, SCAN_GET(s, block, "text"));
    scan_ref citations = SCAN_GET(s, block, "citations");
    bool cited = scan_type(s, citations) == SCAN_ARRAY && scan_size(s, citations) > 0;
    if (scan_type(s, SCAN_GET(s, block, "text")) != SCAN_STRING || wish_is_blank(raw)) {
        return;
    }
    if (cited && b->role == CONVERSE_ASSISTANT && converse_build_has(b, MODELS_CLAUDE) &&
        put_cited(b, s, raw, citations)) {
        return;
    }
    if (cited) {
        converse_build_drop(b, "citations");
    }
    converse_build_text_json(b, raw);
}

static void put_reference(struct converse_build *b, const struct scan *s, scan_ref block)
{
    const struct str pieces[] = {STR("[Tool: "),
                                 unquoted(scan_raw(s, SCAN_GET(s, block, "tool_name"))), STR("]")};
    converse_build_text_pieces(b, pieces, COUNT(pieces));
    converse_build_map(b, "tool_reference");
}

/* [{"text":...}, ...] of the text blocks that say something, in the arena; empty when none does. */
static struct str text_list(struct converse_build *b, const struct scan *s, scan_ref content)
{
    struct buf list;
    struct json_out w;
    struct str out = nothing;
    unsigned n = 0;
    buf_init(&list, scan_raw(s, content).n + 16);
    json_begin(&w, &list);
    json_array(&w);
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        scan_ref text = SCAN_GET(s, v, "text");
        if (scan_type(s, text) != SCAN_STRING || wish_is_blank(scan_raw(s, text))) {
            continue;
        }
        json_object(&w);
        JSON_KEY(&w, "text");
        json_raw(&w, scan_raw(s, text));
        json_object_end(&w);
        n++;
    }
    json_array_end(&w);
    if (n > 0) {
        out = arena_dup(b->arena, buf_str(&list));
    }
    if (!buf_ok(&list) || (n > 0 && !out.p)) {
        converse_build_no_memory(b);
    }
    buf_free(&list);
    return out;
}

/* --- media --------------------------------------------------------------------------------- */

static void put_image(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref source = SCAN_GET(s, block, "source");
    if (!converse_build_takes_images(b)) {
        return;
    }
    if (!SCAN_IS(s, SCAN_GET(s, source, "type"), "base64")) {
        converse_build_fail(
            b, STATUS_INVALID,
            "image.source.type: only base64 images are accepted; nothing is fetched from a URL");
        return;
    }
    converse_build_image(b, member(b, s, source, STR("media_type")),
                         member(b, s, source, STR("data")));
}

/* Converse has no place for them inside (API_runtime_DocumentContentBlock is text only): they come
 * after the document. False: there is none. */
static bool put_images_of(struct converse_build *b, const struct scan *s, scan_ref content)
{
    bool any = false;
    if (scan_type(s, content) != SCAN_ARRAY) {
        return false;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (SCAN_IS(s, SCAN_GET(s, v, "type"), "image")) {
            put_image(b, s, v);
            any = true;
        }
    }
    if (any) {
        converse_build_map(b, "document.image");
    }
    return any;
}

static void put_chunks(struct converse_build *b, const struct scan *s, scan_ref content,
                       struct converse_document d)
{
    if (converse_build_has(b, MODELS_CLAUDE) && scan_type(s, content) == SCAN_ARRAY) {
        d.content = text_list(b, s, content);
    } else {
        d.text = anthropic_blocks_text(b, s, content);
    }
    bool any = d.text.n > 0 || d.content.n > 0;
    if (any && converse_build_ok(b)) {
        converse_build_document(b, d);
    }
    if (!put_images_of(b, s, content) && !any) {
        converse_build_fail(b, STATUS_INVALID, "document.source.content: it is empty");
    }
}

static void put_document(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref source = SCAN_GET(s, block, "source"), kind = SCAN_GET(s, source, "type");
    struct converse_document d = {.format = STR("txt"),
                                  .title = member(b, s, block, STR("title")),
                                  .context = member(b, s, block, STR("context")),
                                  .citations = anthropic_blocks_true(
                                      s, SCAN_GET(s, SCAN_GET(s, block, "citations"), "enabled"))};
    if (!converse_build_takes_documents(b)) {
        return;
    }
    if (SCAN_IS(s, kind, "content")) {
        put_chunks(b, s, SCAN_GET(s, source, "content"), d);
        return;
    }
    if (SCAN_IS(s, kind, "base64")) {
        d.format = converse_document_format(member(b, s, source, STR("media_type")), d.title);
        d.bytes = member(b, s, source, STR("data"));
    } else if (SCAN_IS(s, kind, "text")) {
        d.text = member(b, s, source, STR("data"));
    } else {
        converse_build_fail(b, STATUS_INVALID,
                            "document.source.type: only base64, text and content are accepted; "
                            "nothing is fetched");
    }
    if (converse_build_ok(b)) {
        converse_build_document(b, d);
    }
}

/* Only Claude has a block for it (API_runtime_SearchResultBlock). */
static void put_search_result(struct converse_build *b, const struct scan *s, scan_ref result)
{
    struct str title = scan_raw(s, SCAN_GET(s, result, "title"));
    struct str source = scan_raw(s, SCAN_GET(s, result, "source"));
    scan_ref content = SCAN_GET(s, result, "content");
    struct str list = text_list(b, s, content);
    bool cited = anthropic_blocks_true(s, SCAN_GET(s, SCAN_GET(s, result, "citations"), "enabled"));
    if (unquoted(title).n == 0 || unquoted(source).n == 0 || list.n == 0) {
        converse_build_drop(b, "search_result");
        return;
    }
    if (!converse_build_has(b, MODELS_CLAUDE)) {
        const struct str head[] = {unquoted(title), STR("\\n"), unquoted(source)};
        converse_build_text_pieces(b, head, COUNT(head));
        for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
            converse_build_text_json(b, scan_raw(s, SCAN_GET(s, v, "text")));
        }
        converse_build_map(b, "search_result");
        return;
    }
    char *block =
        arena_printf(b->arena,
                     "{\"searchResult\":{\"source\":%.*s,\"title\":%.*s,"
                     "\"content\":%.*s,\"citations\":{\"enabled\":%s}}}",
                     STR_ARG(source), STR_ARG(title), STR_ARG(list), cited ? "true" : "false");
    if (block) {
        converse_build_raw(b, text_from(block));
    } else {
        converse_build_no_memory(b);
    }
}

/* --- tools --------------------------------------------------------------------------------- */

static void put_tool_use(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref input = SCAN_GET(s, block, "input");
    struct str name = member(b, s, block, STR("name"));
    enum scan_type type = scan_type(s, input);
    bool none = type == SCAN_NONE || type == SCAN_NULL;
    if (name.n == 0) {
        converse_build_fail(b, STATUS_INVALID, "messages: tool_use.name: Field required");
    }
    if (type != SCAN_OBJECT && !none) {
        converse_build_fail(b, STATUS_INVALID,
                            "messages: tool_use.input: Input should be a valid dictionary");
    }
    if (converse_build_ok(b)) {
        converse_build_tool_use(b, member(b, s, block, STR("id")), name,
                                none ? STR("{}") : scan_raw(s, input));
    }
}

static void put_tool_result(struct converse_build *b, const struct scan *s, scan_ref block);

static void put_thinking(struct converse_build *b, const struct scan *s, scan_ref block)
{
    converse_build_reasoning(b, member(b, s, block, STR("thinking")),
                             member(b, s, block, STR("signature")));
}

static void put_redacted(struct converse_build *b, const struct scan *s, scan_ref block)
{
    converse_build_redacted(b, member(b, s, block, STR("data")));
}

/* --- the table ----------------------------------------------------------------------------- */

enum { BY_USER = 1, BY_ASSISTANT = 2, IN_RESULT = 4, IS_MEDIA = 8 }; /* where a block may stand */

static const struct kind {
    const char *type;
    void (*put)(struct converse_build *b, const struct scan *s, scan_ref block);
    unsigned where;
} kinds[] = {
    {"document", put_document, BY_USER | IN_RESULT | IS_MEDIA},
    {"image", put_image, BY_USER | IN_RESULT | IS_MEDIA},
    {"redacted_thinking", put_redacted, BY_ASSISTANT},
    {"search_result", put_search_result, BY_USER | IN_RESULT},
    {"text", put_text, BY_USER | BY_ASSISTANT | IN_RESULT},
    {"thinking", put_thinking, BY_ASSISTANT},
    {"tool_reference", put_reference, BY_USER | IN_RESULT},
    {"tool_result", put_tool_result, BY_USER},
    {"tool_use", put_tool_use, BY_ASSISTANT},
};

static const struct kind *kind_of(const struct scan *s, scan_ref block)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (scan_text_is(s, SCAN_GET(s, block, "type"), text_from(kinds[i].type))) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void put_inside_result(struct converse_build *b, const struct scan *s, scan_ref block)
{
    const struct kind *k = kind_of(s, block);
    if (!k || !(k->where & IN_RESULT)) {
        converse_build_drop_named(b, "tool_result.", member(b, s, block, STR("type")));
    } else if ((k->where & IS_MEDIA) && !converse_build_result_takes_media(b)) {
        converse_build_text(b, STR("(attached below)"));
    } else {
        k->put(b, s, block);
    }
}

/* Images and documents that this model takes from the user, but not in a result. */
static void put_attached(struct converse_build *b, const struct scan *s, scan_ref content)
{
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        const struct kind *k = kind_of(s, v);
        if (k && (k->where & IS_MEDIA)) {
            k->put(b, s, v);
            converse_build_map(b, "tool_result.media");
        }
    }
}

/* A cache mark inside the result has no place there in Converse: it goes behind the result. */
static void put_tool_result(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref content = SCAN_GET(s, block, "content"), marked = SCAN_ABSENT;
    bool list = scan_type(s, content) == SCAN_ARRAY;
    if (!converse_build_tool_result(b, member(b, s, block, STR("tool_use_id")))) {
        return;
    }
    if (scan_type(s, content) == SCAN_STRING) {
        converse_build_text_json(b, scan_raw(s, content));
    }
    for (scan_ref v = list ? scan_first(s, content) : SCAN_ABSENT; v != SCAN_ABSENT;
         v = scan_next(s, content, v)) {
        put_inside_result(b, s, v);
        if (scan_type(s, SCAN_GET(s, v, "cache_control")) == SCAN_OBJECT) {
            marked = v;
        }
    }
    converse_build_tool_result_end(b, anthropic_blocks_true(s, SCAN_GET(s, block, "is_error")));
    if (list && !converse_build_result_takes_media(b)) {
        put_attached(b, s, content);
    }
    if (scan_type(s, SCAN_GET(s, block, "cache_control")) != SCAN_OBJECT) {
        anthropic_blocks_cache(b, s, marked);
    }
}

/* --- a message's content ------------------------------------------------------------------- */

/* What Converse has no block for: its text, or nothing. */
static void put_other(struct converse_build *b, const struct scan *s, scan_ref block)
{
    struct str text;
    switch (plan_history(b->plan, s, block, &text)) {
    case PLAN_MAP:
        converse_build_text_pieces(b, &text, 1);
        break;
    case PLAN_REFUSE:
        converse_build_no_memory(b);
        break;
    case PLAN_DROP:
        break;
    case PLAN_KEEP:
    case PLAN_CLAMP:
        converse_build_drop_named(b, "block:", member(b, s, block, STR("type")));
    }
}

static void fail_place(struct converse_build *b, const char *type)
{
    if (b->result.open) {
        converse_build_fail(b, STATUS_INVALID, "messages: `%s` blocks cannot be in a tool result",
                            type);
        return;
    }
    converse_build_fail(b, STATUS_INVALID, "messages: `%s` blocks can only be in `%s` messages",
                        type, b->role == CONVERSE_ASSISTANT ? "user" : "assistant");
}

/* In a result only by chat's `tool` messages, whose marks go behind it (openai_parts.c). */
void anthropic_blocks_put_one(struct converse_build *b, const struct scan *s, scan_ref block)
{
    const struct kind *k = kind_of(s, block);
    unsigned by = b->role == CONVERSE_ASSISTANT ? BY_ASSISTANT : BY_USER;
    if (!k) {
        put_other(b, s, block);
    } else if (k->where & (b->result.open ? IN_RESULT : by)) {
        k->put(b, s, block);
    } else {
        fail_place(b, k->type);
    }
    if (!b->result.open) {
        anthropic_blocks_cache(b, s, block);
    }
}

void anthropic_blocks_put_from(struct converse_build *b, const struct scan *s, scan_ref content,
                               scan_ref first)
{
    for (scan_ref v = first; v != SCAN_ABSENT && converse_build_ok(b);
         v = scan_next(s, content, v)) {
        anthropic_blocks_put_one(b, s, v);
    }
}

void anthropic_blocks_put(struct converse_build *b, const struct scan *s, scan_ref content)
{
    if (scan_type(s, content) == SCAN_STRING) {
        converse_build_text_json(b, scan_raw(s, content));
    }
    if (scan_type(s, content) == SCAN_ARRAY) {
        anthropic_blocks_put_from(b, s, content, scan_first(s, content));
    }
}
