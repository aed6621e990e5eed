#include "worker/converse/openai_parts.h"

#include "worker/converse/anthropic_blocks.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* 5.x of the SDK: {"mode":"explicit","ttl":"30m"|"12h"}; Bedrock knows 5m and 1h. */
void openai_parts_cache(struct converse_build *b, const struct scan *s, scan_ref object)
{
    scan_ref mark = SCAN_GET(s, object, "prompt_cache_breakpoint");
    if (scan_type(s, mark) == SCAN_OBJECT) {
        converse_build_cache_point(b, SCAN_IS(s, SCAN_GET(s, mark, "ttl"), "12h") ? STR("1h")
                                                                                  : STR("5m"));
    }
    anthropic_blocks_cache(b, s, object);
}

/* --- images and files ---------------------------------------------------------------------- */

struct data_url {    /* RFC 2397 */
    struct str type; /* "image/png" */
    struct str data; /* base64 */
};

static bool split_data_url(struct str url, struct data_url *out)
{
    size_t semicolon, comma;
    if (!text_istarts(url, STR("data:"))) {
        return false;
    }
    struct str rest = text_sub(url, 5, url.n);
    if (!text_find(rest, STR(","), &comma)) {
        return false;
    }
    struct str head = text_sub(rest, 0, comma);
    if (!text_ends(head, STR(";base64"))) {
        return false;
    }
    out->type = text_find(head, STR(";"), &semicolon) ? text_sub(head, 0, semicolon) : head;
    out->data = text_sub(rest, comma + 1, rest.n);
    return true;
}

static void put_image(struct converse_build *b, const struct scan *s, scan_ref part)
{
    struct data_url url;
    scan_ref given = SCAN_GET(s, part, "image_url");
    if (!converse_build_takes_images(b)) {
        return;
    }
    if (scan_type(s, given) == SCAN_OBJECT) {
        given = SCAN_GET(s, given, "url");
    }
    if (split_data_url(converse_build_read(b, s, given), &url)) {
        converse_build_image(b, url.type, url.data);
    } else {
        converse_build_fail_here(b, "image_url must be a base64 data: URL; nothing is fetched.");
    }
}

/* Chat has an object of its own for it. A file_url may hold the file itself. */
static void put_file(struct converse_build *b, const struct scan *s, scan_ref part)
{
    struct data_url url;
    scan_ref inner = SCAN_GET(s, part, "file");
    scan_ref file = scan_type(s, inner) == SCAN_OBJECT ? inner : part;
    scan_ref data = SCAN_GET(s, file, "file_data");
    struct str name = converse_build_read(b, s, SCAN_GET(s, file, "filename"));
    if (!converse_build_takes_documents(b)) {
        return;
    }
    data = scan_type(s, data) == SCAN_STRING ? data : SCAN_GET(s, file, "file_url");
    if (!split_data_url(converse_build_read(b, s, data), &url)) {
        converse_build_fail_here(b, "a file needs file_data as a base64 data: URL.");
        return;
    }
    converse_build_document(
        b, (struct converse_document){.format = converse_document_format(url.type, name),
                                      .bytes = url.data,
                                      .title = name});
}

/* --- parts --------------------------------------------------------------------------------- */

static void put_string(struct converse_build *b, const struct scan *s, scan_ref part,
                       const char *member)
{
    scan_ref text = scan_get(s, part, text_from(member));
    char path[CONVERSE_PLACE_SIZE];
    if (scan_type(s, text) == SCAN_STRING) {
        converse_build_text_json(b, scan_raw(s, text));
        return;
    }
    converse_place_member(&b->place, b->place.exact ? member : "text", path);
    converse_build_fail_param(b, ERR_FAULT_TYPE, path, "Invalid type for '%s': expected a string.",
                              path);
}

static void put_text(struct converse_build *b, const struct scan *s, scan_ref part)
{
    put_string(b, s, part, "text");
}

static void put_refusal(struct converse_build *b, const struct scan *s, scan_ref part)
{
    put_string(b, s, part, "refusal");
}

static void refuse_audio(struct converse_build *b, const struct scan *s, scan_ref part)
{
    (void)s;
    (void)part;
    converse_build_fail_here(b, "audio is not supported.");
}

/* What OpenAI's service has sealed for itself. */
static void drop_sealed(struct converse_build *b, const struct scan *s, scan_ref part)
{
    (void)s;
    (void)part;
    converse_build_drop(b, "encrypted_content");
}

/* Anthropic's blocks, which some clients (Cursor) send here, too. */
static void put_block(struct converse_build *b, const struct scan *s, scan_ref part)
{
    anthropic_blocks_put_one(b, s, part);
}

static const struct kind {
    const char *type;
    void (*put)(struct converse_build *b, const struct scan *s, scan_ref part);
    bool media;
} kinds[] = {
    {"document", put_block, true},
    {"encrypted_content", drop_sealed, false},
    {"file", put_file, true},
    {"image", put_block, true},
    {"image_url", put_image, true},
    {"input_audio", refuse_audio, false},
    {"input_file", put_file, true},
    {"input_image", put_image, true},
    {"input_text", put_text, false},
    {"output_text", put_text, false},
    {"redacted_thinking", put_block, false},
    {"refusal", put_refusal, false},
    {"text", put_text, false},
    {"thinking", put_block, false},
    {"tool_result", put_block, false},
    {"tool_use", put_block, false},
};

static const struct kind *kind_of(struct converse_build *b, const struct scan *s, scan_ref part)
{
    char path[CONVERSE_PLACE_SIZE];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (scan_text_is(s, SCAN_GET(s, part, "type"), text_from(kinds[i].type))) {
            return &kinds[i];
        }
    }
    converse_place_member(&b->place, "type", path);
    converse_build_fail_param(
        b, ERR_FAULT_VALUE, path, "Invalid value for '%s': supported values are %s.", path,
        b->place.exact ? "'input_text', 'input_image', 'input_file', 'output_text', and 'refusal'"
                       : "'text', 'image_url', 'input_audio', 'refusal', and 'file'");
    return NULL;
}

enum which { ALL_PARTS, ONLY_MEDIA, NO_MEDIA };

static void put_parts(struct converse_build *b, const struct scan *s, scan_ref content,
                      enum which which)
{
    if (scan_type(s, content) == SCAN_STRING && which != ONLY_MEDIA) {
        converse_build_text_json(b, scan_raw(s, content));
    }
    if (scan_type(s, content) != SCAN_ARRAY) {
        return;
    }
    b->place.in_part = true;
    b->place.part = 0;
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT && converse_build_ok(b);
         v = scan_next(s, content, v), b->place.part++) {
        const struct kind *k = kind_of(b, s, v);
        if (!k || (which == ONLY_MEDIA && !k->media)) {
            continue;
        }
        if (which == NO_MEDIA && k->media) {
            converse_build_text(b, STR("(attached below)"));
        } else {
            k->put(b, s, v);
        }
        if (which == ONLY_MEDIA) {
            converse_build_map(b, "tool_result.media");
        }
        if (!b->result.open) {
            openai_parts_cache(b, s, v);
        }
    }
}

void openai_parts_put(struct converse_build *b, const struct scan *s, scan_ref content,
                      scan_ref holder)
{
    put_parts(b, s, content, ALL_PARTS);
    openai_parts_cache(b, s, holder);
}

void openai_parts_put_reminder(struct converse_build *b, const struct scan *s, scan_ref content,
                               scan_ref holder)
{
    if (scan_type(s, content) == SCAN_STRING) {
        anthropic_blocks_reminder(b, scan_raw(s, content));
    }
    for (scan_ref v = scan_type(s, content) == SCAN_ARRAY ? scan_first(s, content) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        anthropic_blocks_reminder(b, scan_raw(s, SCAN_GET(s, v, "text")));
        openai_parts_cache(b, s, v);
    }
    openai_parts_cache(b, s, holder);
}

/* The last mark inside goes behind the result: it has no place in there. */
static void put_inner_cache(struct converse_build *b, const struct scan *s, scan_ref content)
{
    scan_ref marked = SCAN_ABSENT;
    if (scan_type(s, content) != SCAN_ARRAY) {
        return;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT; v = scan_next(s, content, v)) {
        if (SCAN_GET(s, v, "cache_control") != SCAN_ABSENT ||
            SCAN_GET(s, v, "prompt_cache_breakpoint") != SCAN_ABSENT) {
            marked = v;
        }
    }
    openai_parts_cache(b, s, marked);
}

void openai_parts_put_result(struct converse_build *b, const struct scan *s, scan_ref content,
                             scan_ref holder, struct str id)
{
    bool media = converse_build_result_takes_media(b);
    if (!converse_build_tool_result(b, id)) {
        return;
    }
    put_parts(b, s, content, media ? ALL_PARTS : NO_MEDIA);
    converse_build_tool_result_end(b, false);
    if (!media) {
        put_parts(b, s, content, ONLY_MEDIA);
    }
    put_inner_cache(b, s, content);
    openai_parts_cache(b, s, holder);
}
