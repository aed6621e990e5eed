#include "worker/anthropic_blocks.h"

#include "server/buf.h"

#define TEXT_MAX (32u << 20) /* of joined text: above any body */

static void note(struct converse_build *b, const char *what, struct str name)
{
    converse_build_note(b, what, name);
}

static struct str member_text(const struct scan *s, scan_ref object, struct str key)
{
    return scan_text(s, scan_get(s, object, key));
}

static bool is_true(const struct scan *s, scan_ref r)
{
    bool v = false;
    return scan_bool(s, r, &v) && v;
}

void anthropic_blocks_cache(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref mark = SCAN_GET(s, block, "cache_control");
    if (scan_type(s, mark) == SCAN_OBJECT) {
        converse_build_cache_point(b, member_text(s, mark, STR("ttl")));
    }
}

struct str anthropic_blocks_text(const struct scan *s, struct arena *arena, scan_ref content)
{
    if (scan_type(s, content) == SCAN_STRING) {
        return scan_text(s, content);
    }
    struct buf joined;
    buf_init(&joined, TEXT_MAX);
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        struct str text = member_text(s, v, STR("text"));
        if (text.n && buf_len(&joined)) {
            buf_put_char(&joined, '\n');
        }
        buf_put_str(&joined, text);
    }
    struct str out = arena_dup(arena, buf_str(&joined));
    buf_free(&joined);
    return out;
}

/* --- media ------------------------------------------------------------------------------------------- */

static void put_image(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref source = SCAN_GET(s, block, "source");
    if (!SCAN_IS(s, SCAN_GET(s, source, "type"), "base64")) {
        converse_build_fail(b, STATUS_INVALID, "image.source.type: only base64 images are accepted; nothing is fetched from a URL");
        return;
    }
    converse_build_image(b, member_text(s, source, STR("media_type")), member_text(s, source, STR("data")));
}

static struct str document_format(struct str media_type)
{
    static const struct {
        struct str type, format;
    } table[] = {{{"application/pdf", 15}, {"pdf", 3}}, {{"text/plain", 10}, {"txt", 3}}, {{"text/html", 9}, {"html", 4}},
                 {{"text/csv", 8}, {"csv", 3}},         {{"text/markdown", 13}, {"md", 2}}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_ieq(media_type, table[i].type)) {
            return table[i].format;
        }
    }
    return (struct str){NULL, 0};
}

static void put_document(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref source = SCAN_GET(s, block, "source"), kind = SCAN_GET(s, source, "type");
    struct str title = member_text(s, block, STR("title")), context = member_text(s, block, STR("context"));
    bool cited = is_true(s, SCAN_GET(s, SCAN_GET(s, block, "citations"), "enabled"));
    struct str data = member_text(s, source, STR("data")), format = STR("txt");
    enum converse_source how = CONVERSE_TEXT;
    if (SCAN_IS(s, kind, "base64")) {
        format = document_format(member_text(s, source, STR("media_type")));
        how = CONVERSE_BYTES;
    } else if (SCAN_IS(s, kind, "content")) {
        data = anthropic_blocks_text(s, b->arena, SCAN_GET(s, source, "content"));
    } else if (!SCAN_IS(s, kind, "text")) {
        converse_build_fail(b, STATUS_INVALID, "document.source.type: only base64, text and content are accepted; nothing is fetched");
        return;
    }
    if (!format.n || !data.n) {
        converse_build_fail(b, STATUS_INVALID, "document.source: empty, or of a media_type that Bedrock does not take");
        return;
    }
    converse_build_document(b, format, how, data, title, context, cited);
}

/* --- tool results -------------------------------------------------------------------------------------- */

static void put_reference(struct converse_build *b, const struct scan *s, scan_ref block)
{
    struct str name = member_text(s, block, STR("tool_name"));
    converse_build_text(b, text_from(arena_printf(b->arena, "[tool: %.*s]", STR_ARG(name))));
    note(b, "map:tool_reference", (struct str){NULL, 0});
}

static void put_search_result(struct converse_build *b, const struct scan *s, scan_ref block)
{
    struct str title = member_text(s, block, STR("title")), source = member_text(s, block, STR("source"));
    struct str text = anthropic_blocks_text(s, b->arena, SCAN_GET(s, block, "content"));
    converse_build_text(b, text_from(arena_printf(b->arena, "%.*s\n%.*s\n%.*s", STR_ARG(title), STR_ARG(source), STR_ARG(text))));
    note(b, "map:search_result", (struct str){NULL, 0});
}

typedef void put_fn(struct converse_build *b, const struct scan *s, scan_ref block);

static void put_text(struct converse_build *b, const struct scan *s, scan_ref block)
{
    converse_build_text(b, member_text(s, block, STR("text")));
    scan_ref citations = SCAN_GET(s, block, "citations");
    if (scan_type(s, citations) == SCAN_ARRAY && scan_size(s, citations)) {
        note(b, "drop:citations", (struct str){NULL, 0});
    }
}

static const struct {
    struct str type;
    put_fn *put;
} inside_result[] = {
    {{"text", 4}, put_text},
    {{"image", 5}, put_image},
    {{"document", 8}, put_document},
    {{"search_result", 13}, put_search_result},
    {{"tool_reference", 14}, put_reference},
};

static unsigned put_result_block(struct converse_build *b, const struct scan *s, scan_ref block)
{
    struct str type = member_text(s, block, STR("type"));
    size_t before = buf_len(b->w.b);
    for (size_t i = 0; i < sizeof inside_result / sizeof inside_result[0]; i++) {
        if (text_eq(type, inside_result[i].type)) {
            inside_result[i].put(b, s, block);
            return buf_len(b->w.b) > before;
        }
    }
    note(b, "drop:tool_result.", type);
    return 0;
}

/* A cache mark inside the result has no place there in Converse: it goes behind the result. */
static void put_tool_result(struct converse_build *b, const struct scan *s, scan_ref block)
{
    scan_ref content = SCAN_GET(s, block, "content"), marked = block;
    unsigned blocks = 0;
    converse_build_tool_result(b, member_text(s, block, STR("tool_use_id")));
    if (scan_type(s, content) == SCAN_STRING) {
        struct str text = scan_text(s, content);
        converse_build_text(b, text);
        blocks = text.n > 0;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        blocks += put_result_block(b, s, v);
        if (scan_type(s, SCAN_GET(s, v, "cache_control")) == SCAN_OBJECT) {
            marked = v;
        }
    }
    converse_build_tool_result_end(b, blocks, is_true(s, SCAN_GET(s, block, "is_error")));
    if (marked != block) {
        anthropic_blocks_cache(b, s, marked);
    }
}

/* --- the assistant's own ---------------------------------------------------------------------------------- */

static void put_tool_use(struct converse_build *b, const struct scan *s, scan_ref block)
{
    converse_build_tool_use(b, member_text(s, block, STR("id")), member_text(s, block, STR("name")),
                            scan_raw(s, SCAN_GET(s, block, "input")));
}

/* Only Claude can read its own thoughts again; their signature is checked there, so they go unchanged. */
static void put_thinking(struct converse_build *b, const struct scan *s, scan_ref block)
{
    struct str text = member_text(s, block, STR("thinking")), signature = member_text(s, block, STR("signature"));
    if (!converse_build_has(b, MODELS_CLAUDE)) {
        note(b, "drop:thinking_block", (struct str){NULL, 0});
        return;
    }
    converse_build_reasoning(b, text, signature);
}

static void put_redacted(struct converse_build *b, const struct scan *s, scan_ref block)
{
    if (!converse_build_has(b, MODELS_CLAUDE)) {
        note(b, "drop:thinking_block", (struct str){NULL, 0});
        return;
    }
    converse_build_redacted(b, member_text(s, block, STR("data")));
}

static const struct {
    struct str type;
    put_fn *put;
} table[] = {
    {{"text", 4}, put_text},
    {{"image", 5}, put_image},
    {{"document", 8}, put_document},
    {{"search_result", 13}, put_search_result},
    {{"tool_result", 11}, put_tool_result},
    {{"tool_use", 8}, put_tool_use},
    {{"thinking", 8}, put_thinking},
    {{"redacted_thinking", 17}, put_redacted},
};

static put_fn *find(struct str type)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_eq(type, table[i].type)) {
            return table[i].put;
        }
    }
    return NULL;
}

/* Is there anything in it that Converse has a block for? An empty turn must not be opened. */
static bool yields(struct converse_build *b, const struct scan *s, scan_ref block, struct str type)
{
    if (text_eq(type, STR("text"))) {
        return member_text(s, block, STR("text")).n > 0;
    }
    bool thought = text_eq(type, STR("thinking")) || text_eq(type, STR("redacted_thinking"));
    return !thought || converse_build_has(b, MODELS_CLAUDE);
}

static void put_block(struct converse_build *b, const struct scan *s, scan_ref block, enum converse_role role)
{
    struct str type = member_text(s, block, STR("type"));
    put_fn *put = find(type);
    if (!put) {
        note(b, "drop:block:", type);
        return;
    }
    if (yields(b, s, block, type)) {
        converse_build_turn(b, role);
        put(b, s, block);
        anthropic_blocks_cache(b, s, block);
    } else if (!text_eq(type, STR("text"))) {
        put(b, s, block); /* notes what it drops */
    }
}

void anthropic_blocks_put(struct converse_build *b, const struct scan *s, scan_ref content, enum converse_role role)
{
    if (scan_type(s, content) == SCAN_STRING) {
        struct str text = scan_text(s, content);
        if (text.n) {
            converse_build_turn(b, role);
            converse_build_text(b, text);
        }
        return;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT && converse_build_ok(b); v = scan_next(s, content, v)) {
        put_block(b, s, v, role);
    }
}
