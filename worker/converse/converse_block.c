/* The content blocks of converse_build.h. */
#include "worker/converse/converse_build.h"

#include <string.h>
#include "server/base/base64.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

void converse_build_member(struct converse_build *b, struct str key, struct str text)
{
    json_key(&b->w, key);
    json_str(&b->w, text);
}

static void open_object(struct converse_build *b, struct str key)
{
    json_key(&b->w, key);
    json_object(&b->w);
}

/* {"key":{ ... }} */
static void open_block(struct converse_build *b, struct str key)
{
    converse_build_open(b);
    json_object(&b->w);
    open_object(b, key);
}

static void close_objects(struct converse_build *b, int n)
{
    while (n-- > 0) {
        json_object_end(&b->w);
    }
}

/* --- text ---------------------------------------------------------------------------------- */

static void open_text(struct converse_build *b)
{
    converse_build_open(b);
    b->turn.text = b->turn.text || !b->result.open;
    json_object(&b->w);
    JSON_KEY(&b->w, "text");
}

void converse_build_text(struct converse_build *b, struct str text)
{
    if (text.n == 0) {
        return;
    }
    open_text(b);
    json_str(&b->w, text);
    json_object_end(&b->w);
}

void converse_build_text_json(struct converse_build *b, struct str raw)
{
    if (wish_is_blank(raw)) {
        return;
    }
    open_text(b);
    json_raw(&b->w, raw);
    json_object_end(&b->w);
}

void converse_build_text_pieces(struct converse_build *b, const struct str *pieces, size_t n)
{
    open_text(b);
    json_raw(&b->w, STR("\"")); /* opens the string */
    for (size_t i = 0; i < n; i++) {
        buf_put_str(b->w.b, pieces[i]);
    }
    buf_put_char(b->w.b, '"');
    json_object_end(&b->w);
}

/* --- images and documents ------------------------------------------------------------------ */

/* Megabytes of characters that need no escaping, known to be base64. */
static void put_bytes(struct converse_build *b, struct str base64)
{
    JSON_KEY(&b->w, "bytes");
    json_raw(&b->w, STR("\""));
    buf_put_str(b->w.b, base64);
    buf_put_char(b->w.b, '"');
}

static struct str image_format(struct str media_type)
{
    static const struct {
        const char *type, *format;
    } table[] = {
        {"image/png", "png"}, {"image/jpeg", "jpeg"}, {"image/jpg", "jpeg"},
        {"image/gif", "gif"}, {"image/webp", "webp"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        if (text_ieq(media_type, text_from(table[i].type))) {
            return text_from(table[i].format);
        }
    }
    return (struct str){NULL, 0};
}

#define IMAGE_TYPES "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"

/* Each dialect's clients know their own names of the places. */
static void fail_source(struct converse_build *b, const char *messages, const char *chat)
{
    if (b->plan->left.max_tokens.exact) {
        converse_build_fail(b, STATUS_INVALID, "%s", messages);
    } else {
        converse_build_fail_here(b, chat);
    }
}

/* API_runtime_Message: images and documents are the user's. */
static bool media_allowed(struct converse_build *b, uint32_t flag, const char *what)
{
    char path[CONVERSE_PLACE_SIZE];
    converse_place_path(&b->place, path);
    if (!converse_build_has(b, flag)) {
        b->status =
            b->status == STATUS_OK ? plan_refuse_media(b->plan, what, path, b->err) : b->status;
    } else if (b->role != CONVERSE_USER && b->place.exact) {
        converse_build_fail_here(b, "images and files can only be in messages of the user.");
    } else if (b->role != CONVERSE_USER) {
        converse_build_fail(b, STATUS_INVALID,
                            "messages: `%s` blocks can only be in `user` messages", what);
    }
    return b->status == STATUS_OK;
}

bool converse_build_takes_images(struct converse_build *b)
{
    return media_allowed(b, MODELS_IMAGES, "image");
}

bool converse_build_takes_documents(struct converse_build *b)
{
    return media_allowed(b, MODELS_DOCUMENTS, "document");
}

void converse_build_image(struct converse_build *b, struct str media_type, struct str data)
{
    struct str format = image_format(media_type);
    if (!converse_build_takes_images(b)) {
        return;
    }
    if (format.n == 0) {
        fail_source(b, "image.source.base64.media_type: Input should be " IMAGE_TYPES,
                    "an image may be " IMAGE_TYPES ".");
        return;
    }
    if (!converse_is_base64(data)) {
        fail_source(b, "image.source.base64.data: invalid base64 data",
                    "an image is no valid base64 data.");
        return;
    }
    open_block(b, STR("image"));
    converse_build_member(b, STR("format"), format);
    open_object(b, STR("source"));
    put_bytes(b, data);
    close_objects(b, 3);
}

/* DocumentSource "text" and "content" are Claude's; to the others a text is a .txt file. */
static bool text_to_bytes(struct converse_build *b, struct converse_document *d)
{
    if (d->text.n == 0 || converse_build_has(b, MODELS_CLAUDE)) {
        return true;
    }
    size_t n = base64_size(d->text.n);
    char *out = arena_alloc(b->arena, n);
    if (!out) {
        converse_build_no_memory(b);
        return false;
    }
    d->bytes = (struct str){out, base64_encode((const uint8_t *)d->text.p, d->text.n, out)};
    d->text = (struct str){NULL, 0};
    return true;
}

static void put_source(struct converse_build *b, const struct converse_document *d)
{
    open_object(b, STR("source"));
    if (d->content.n > 0) {
        JSON_KEY(&b->w, "content");
        json_raw(&b->w, d->content);
    } else if (d->text.n > 0) {
        converse_build_member(b, STR("text"), d->text);
    } else {
        put_bytes(b, d->bytes);
    }
    json_object_end(&b->w);
}

static bool document_legal(struct converse_build *b, const struct converse_document *d)
{
    bool filled = d->text.n > 0 || d->content.n > 0 || converse_is_base64(d->bytes);
    if (!converse_build_takes_documents(b)) {
        return false;
    }
    if (d->format.n == 0) {
        fail_source(b, "document.source.media_type: Bedrock takes " CONVERSE_DOCUMENT_FORMATS,
                    "a file may be " CONVERSE_DOCUMENT_FORMATS ".");
    } else if (!filled) {
        fail_source(b, "document.source.data: empty or invalid base64 data",
                    "a file is empty or no valid base64 data.");
    }
    return b->status == STATUS_OK;
}

void converse_build_document(struct converse_build *b, struct converse_document d)
{
    struct str name = converse_document_name(b->arena, d.title, b->documents + 1);
    if (!document_legal(b, &d) || !text_to_bytes(b, &d)) {
        return;
    }
    if (!name.p) {
        converse_build_no_memory(b);
        return;
    }
    open_block(b, STR("document"));
    converse_build_member(b, STR("format"), d.format);
    converse_build_member(b, STR("name"), name);
    put_source(b, &d);
    if (d.context.n > 0) {
        converse_build_member(b, STR("context"), d.context);
    }
    if (d.citations && converse_build_has(b, MODELS_CLAUDE)) {
        JSON_KEY(&b->w, "citations");
        json_raw(&b->w, STR("{\"enabled\":true}"));
    } else if (d.citations) {
        converse_build_drop(b, "citations");
    }
    close_objects(b, 2);
    b->documents++;
    b->turn.document = b->turn.document || !b->result.open;
}

/* --- tools --------------------------------------------------------------------------------- */

void converse_build_tool_use(struct converse_build *b, struct str id, struct str name,
                             struct str input)
{
    struct str legal = converse_name_out(b->names, name), upstream = plan_ids_call(&b->ids, id);
    if (!legal.p || !upstream.p) {
        converse_build_no_memory(b);
    }
    open_block(b, STR("toolUse"));
    converse_build_member(b, STR("toolUseId"), upstream);
    converse_build_member(b, STR("name"), legal);
    JSON_KEY(&b->w, "input");
    json_raw(&b->w, input);
    close_objects(b, 2);
}

bool converse_build_tool_result(struct converse_build *b, struct str id)
{
    struct str upstream;
    if (!plan_ids_result(&b->ids, id, &upstream)) {
        return false;
    }
    if (!upstream.p) {
        converse_build_no_memory(b);
        return false;
    }
    converse_build_open(b);
    b->result.at = buf_len(b->w.b);
    b->result.size = 0;
    b->result.open = true;
    json_object(&b->w);
    open_object(b, STR("toolResult"));
    converse_build_member(b, STR("toolUseId"), upstream);
    JSON_KEY(&b->w, "content");
    json_array(&b->w);
    return true;
}

/* The cache point that stands last in the body will stand behind this result once it has moved to
 * the front: for the next point it is as if it had come after the result. */
static void note_late(struct converse_build *b, size_t end)
{
    struct converse_late *late = arena_alloc(b->arena, sizeof *late);
    if (!late) {
        converse_build_no_memory(b);
        return;
    }
    late->from = b->result.at + 1; /* behind the comma */
    late->to = end;
    if (b->turn.last) {
        b->turn.last->next = late;
    } else {
        b->turn.late = late;
    }
    b->turn.last = late;
    if (b->cache.end == b->result.at) {
        b->cache.end = end;
    }
}

/* Blocks between two offsets of the body, commas at both ends left out. */
static void put_between(struct converse_build *b, struct buf *out, size_t from, size_t to)
{
    struct str part = {buf_data(b->w.b) + from, to - from};
    if (part.n > 0 && part.p[0] == ',') {
        part = text_sub(part, 1, part.n);
    }
    if (part.n > 0 && part.p[part.n - 1] == ',') {
        part.n--;
    }
    if (part.n == 0) {
        return;
    }
    if (buf_len(out) > 0 || b->turn.results_end > b->turn.at) {
        buf_put_char(out, ',');
    }
    buf_put_str(out, part);
}

/*
 * The results of a turn come before everything else in it, or Claude takes the calls for
 * unanswered: a reminder that a client put between call and result would else break the request.
 *
 *   [result, text, LATE, text, LATE]  ->  [result, LATE, LATE, text, text]
 */
void converse_build_settle_results(struct converse_build *b)
{
    struct buf order;
    size_t end = buf_len(b->w.b), from = b->turn.results_end;
    if (!b->turn.late || !converse_build_ok(b)) {
        return;
    }
    buf_init(&order, end - from + 1);
    for (const struct converse_late *l = b->turn.late; l; l = l->next) {
        put_between(b, &order, l->from, l->to);
    }
    for (const struct converse_late *l = b->turn.late; l; from = l->to, l = l->next) {
        put_between(b, &order, from, l->from);
    }
    put_between(b, &order, from, end);
    if (buf_ok(&order) && buf_len(&order) == end - b->turn.results_end) {
        memcpy(buf_data(b->w.b) + b->turn.results_end, buf_data(&order), buf_len(&order));
    } else {
        converse_build_no_memory(b);
    }
    buf_free(&order);
}

bool converse_build_result_takes_media(const struct converse_build *b)
{
    return converse_build_has(b, MODELS_RESULT_MEDIA);
}

void converse_build_tool_result_end(struct converse_build *b, bool is_error)
{
    if (b->result.size == 0) {
        converse_build_text(b, STR("(no content)"));
    }
    json_array_end(&b->w);
    /* API_runtime_ToolResultBlock: only Claude and Nova know a status */
    if (is_error && converse_build_result_takes_media(b)) {
        converse_build_member(b, STR("status"), STR("error"));
    } else if (is_error) {
        converse_build_drop(b, "is_error");
    }
    close_objects(b, 2);
    b->result.open = false;
    if (b->result.at == b->turn.results_end) {
        b->turn.results_end = buf_len(b->w.b);
    } else {
        note_late(b, buf_len(b->w.b));
    }
}

/* --- reasoning ----------------------------------------------------------------------------- */

void converse_build_reasoning(struct converse_build *b, struct str text, struct str signature)
{
    if (!converse_build_has(b, MODELS_CLAUDE) || signature.n == 0) {
        converse_build_drop(b, "thinking_block");
        return;
    }
    open_block(b, STR("reasoningContent"));
    open_object(b, STR("reasoningText"));
    converse_build_member(b, STR("text"), text);
    converse_build_member(b, STR("signature"), signature);
    close_objects(b, 3);
    b->reasoning_end = buf_len(b->w.b);
}

void converse_build_redacted(struct converse_build *b, struct str data)
{
    if (!converse_build_has(b, MODELS_CLAUDE) || !converse_is_base64(data)) {
        converse_build_drop(b, "thinking_block");
        return;
    }
    open_block(b, STR("reasoningContent"));
    converse_build_member(b, STR("redactedContent"), data);
    close_objects(b, 2);
    b->reasoning_end = buf_len(b->w.b);
}

bool converse_build_thought(struct converse_build *b, struct str block)
{
    if (!converse_build_has(b, MODELS_CLAUDE)) {
        return false;
    }
    converse_build_raw(b, block);
    b->reasoning_end = buf_len(b->w.b);
    return true;
}

void converse_build_raw(struct converse_build *b, struct str block)
{
    converse_build_open(b);
    json_raw(&b->w, block);
}
