#include "worker/openai_parts.h"

#include "server/buf.h"
#include "worker/anthropic_blocks.h"

static const struct str nothing = {NULL, 0};

struct data_url { /* RFC 2397 */
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
    return out->data.n > 0;
}

static void put_image(struct converse_build *b, const struct scan *s, scan_ref part)
{
    struct data_url url;
    scan_ref given = SCAN_GET(s, part, "image_url");
    struct str text = scan_type(s, given) == SCAN_STRING ? scan_text(s, given) : scan_text(s, SCAN_GET(s, given, "url"));
    if (!split_data_url(text, &url)) {
        converse_build_fail(b, STATUS_INVALID, "Invalid 'messages': image_url must be a base64 data: URL; nothing is fetched.");
        return;
    }
    converse_build_image(b, url.type, url.data);
}

/* What a file is called tells its format when the data URL does not. */
static struct str file_format(struct str type, struct str name)
{
    static const struct {
        struct str type, ending, format;
    } table[] = {
        {{"application/pdf", 15}, {".pdf", 4}, {"pdf", 3}}, {{"text/plain", 10}, {".txt", 4}, {"txt", 3}},
        {{"text/csv", 8}, {".csv", 4}, {"csv", 3}},         {{"text/html", 9}, {".html", 5}, {"html", 4}},
        {{"text/markdown", 13}, {".md", 3}, {"md", 2}},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (text_ieq(type, table[i].type) || (!type.n && text_ends(name, table[i].ending))) {
            return table[i].format;
        }
    }
    return nothing;
}

static void put_file(struct converse_build *b, const struct scan *s, scan_ref part)
{
    struct data_url url;
    scan_ref file = SCAN_GET(s, part, "file");
    struct str name = scan_text(s, SCAN_GET(s, file, "filename"));
    if (!split_data_url(scan_text(s, SCAN_GET(s, file, "file_data")), &url)) {
        converse_build_fail(b, STATUS_INVALID, "Invalid 'messages': a file needs file_data as a base64 data: URL.");
        return;
    }
    struct str format = file_format(url.type, name);
    if (!format.n) {
        converse_build_fail(b, STATUS_INVALID, "Invalid 'messages': files of this type are not taken (pdf, txt, csv, html, md).");
        return;
    }
    converse_build_document(b, format, CONVERSE_BYTES, url.data, name, nothing, false);
}

static void put_text(struct converse_build *b, const struct scan *s, scan_ref part)
{
    struct str text = scan_text(s, SCAN_GET(s, part, "text"));
    converse_build_text(b, text.n ? text : scan_text(s, SCAN_GET(s, part, "refusal")));
}

static void refuse_audio(struct converse_build *b, const struct scan *s, scan_ref part)
{
    (void)s;
    (void)part;
    converse_build_fail(b, STATUS_INVALID, "Invalid 'messages': audio is not taken.");
}

static const struct {
    struct str type;
    void (*put)(struct converse_build *b, const struct scan *s, scan_ref part);
} table[] = {
    {{"text", 4}, put_text},       {{"refusal", 7}, put_text},       {{"image_url", 9}, put_image},
    {{"file", 4}, put_file},       {{"input_audio", 11}, refuse_audio},
};

/* 5.x of the SDK: {"mode":"explicit","ttl":"30m"|"12h"}; Bedrock knows 5m and 1h. */
static void put_breakpoint(struct converse_build *b, const struct scan *s, scan_ref part)
{
    scan_ref mark = SCAN_GET(s, part, "prompt_cache_breakpoint");
    if (scan_type(s, mark) == SCAN_OBJECT) {
        converse_build_cache_point(b, SCAN_IS(s, SCAN_GET(s, mark, "ttl"), "12h") ? STR("1h") : STR("5m"));
    }
    anthropic_blocks_cache(b, s, part); /* clients that send Anthropic's mark on parts */
}

static bool is_empty_text(const struct scan *s, scan_ref part)
{
    return SCAN_IS(s, SCAN_GET(s, part, "type"), "text") && !scan_text(s, SCAN_GET(s, part, "text")).n;
}

static void put_part(struct converse_build *b, const struct scan *s, scan_ref part, enum converse_role role)
{
    struct str type = scan_text(s, SCAN_GET(s, part, "type"));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!text_eq(type, table[i].type)) {
            continue;
        }
        if (!is_empty_text(s, part)) {
            converse_build_turn(b, role);
            table[i].put(b, s, part);
            put_breakpoint(b, s, part);
        }
        return;
    }
    converse_build_fail(b, STATUS_INVALID,
                        "Invalid value for 'messages[].content[].type': supported values are 'text', 'image_url', "
                        "'input_audio', 'refusal', and 'file'.");
}

void openai_parts_put(struct converse_build *b, const struct scan *s, scan_ref content, enum converse_role role)
{
    if (scan_type(s, content) == SCAN_STRING && scan_text(s, content).n) {
        converse_build_turn(b, role);
        converse_build_text(b, scan_text(s, content));
        return;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT && converse_build_ok(b); v = scan_next(s, content, v)) {
        put_part(b, s, v, role);
    }
}

unsigned openai_parts_put_result(struct converse_build *b, const struct scan *s, scan_ref content)
{
    unsigned blocks = 0;
    if (scan_type(s, content) == SCAN_STRING) {
        struct str text = scan_text(s, content);
        converse_build_text(b, text);
        return text.n > 0;
    }
    for (scan_ref v = scan_first(s, content); v != SCAN_ABSENT && converse_build_ok(b); v = scan_next(s, content, v)) {
        struct str text = scan_text(s, SCAN_GET(s, v, "text"));
        if (SCAN_IS(s, SCAN_GET(s, v, "type"), "image_url")) {
            put_image(b, s, v);
            blocks++;
        }
        converse_build_text(b, text);
        blocks += text.n > 0;
    }
    return blocks;
}

struct str openai_parts_text(const struct scan *s, struct arena *arena, scan_ref content)
{
    return anthropic_blocks_text(s, arena, content); /* the same shape: {"type":"text","text":...} */
}
