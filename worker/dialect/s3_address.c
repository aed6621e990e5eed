#include "worker/dialect/s3_address.h"

#include <string.h>

#include "server/base/base64.h"

#define SHOWN 60 /* bytes of an address in the refusal */

/* --- may there be one ---------------------------------------------------------------------- */

static char at(struct str s, size_t i, size_t back)
{
    return i >= back ? s.p[i - back] : ' ';
}

/* The "3" of "s3:": what stands before and behind it may be escaped (\u0073, \u0033, \u003a), and so may it
 * itself, which ends in a 3 then, too. A NUL beside it: letters of two bytes. */
static bool is_mark(struct str s, size_t i)
{
    char next = i + 1 < s.n ? s.p[i + 1] : ' ', last = at(s, i, 1);
    if (next != ':' && next != '\\' && next != '\0') {
        return false;
    }
    char digit = at(s, i, 2);
    bool escaped =
        last == '3' && at(s, i, 3) == '0' && (digit == '0' || digit == '7' || digit == '5');
    return last == 's' || last == 'S' || last == '\0' || escaped;
}

bool s3_address_may_be(struct str body)
{
    const char *p = body.p, *end = body.p + body.n;
    while (p < end && (p = memchr(p, '3', (size_t)(end - p)))) {
        if (is_mark(body, (size_t)(p - body.p))) {
            return true;
        }
        p++;
    }
    return false;
}

/* --- where it stands ----------------------------------------------------------------------- */

struct look {
    const struct scan *scan;
    struct str buckets;
    struct err *err;
    bool messages, tools; /* it is inside of these */
};

static enum status look_into(const struct look *l, scan_ref key, scan_ref value);

static bool is_in(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text_eq(name, list[i])) {
            return true;
        }
    }
    return false;
}

/* "s3://bucket/key", "arn:aws:s3:::bucket/key": what stands behind it. */
static bool cut_address(struct str text, struct str *rest_out)
{
    size_t colons;
    text = text_trim(text);
    if (text_istarts(text, STR("s3:"))) {
        text = text_sub(text, 3, text.n);
    } else if (text_istarts(text, STR("arn:")) && text_find(text, STR(":s3:"), &colons)) {
        text = text_sub(text, colons + 4, text.n);
    } else {
        return false;
    }
    while (text.n > 0 && (text.p[0] == '/' || text.p[0] == ':')) {
        text = text_sub(text, 1, text.n);
    }
    *rest_out = text;
    return true;
}

static bool is_allowed(struct str buckets, struct str place)
{
    struct str one;
    size_t slash;
    while (text_split(&buckets, ',', &one)) {
        one = text_trim(one);
        bool prefix = text_find(one, STR("/"), &slash);
        bool ends = prefix || place.n == one.n || (place.n > one.n && place.p[one.n] == '/');
        if (one.n > 0 && (text_eq(one, STR("*")) || (text_starts(place, one) && ends))) {
            return true;
        }
    }
    return false;
}

static bool is_words(struct str name)
{
    static const struct str words[] = {
        STR("text"),         STR("content"),       STR("prompt"),         STR("inputText"),
        STR("system"),       STR("title"),         STR("description"),    STR("query"),
        STR("texts"),        STR("message"),       STR("inputs"),         STR("stop"),
        STR("name"),         STR("stopSequences"), STR("stop_sequences"), STR("thinking"),
        STR("context"),      STR("cited_text"),    STR("document_title"), STR("inputPrompt"),
        STR("negativeText"),
    };
    return is_in(name, words, COUNT_OF(words));
}

static enum status look_at_text(const struct look *l, struct str name, struct str text)
{
    struct str place;
    if (is_words(name) || !cut_address(text, &place) || is_allowed(l->buckets, place)) {
        return STATUS_OK;
    }
    return err_set(l->err, STATUS_PERMISSION,
                   "%.*s: Bedrock would read it with the rights of this gateway, which are not its "
                   "client's: its operator can allow the bucket (S3_BUCKETS)",
                   (int)(text.n < SHOWN ? text.n : SHOWN), text.p);
}

/* As whoever reads it may: what is not of the alphabet, ends of lines say, is passed over, up to the padding. */
static size_t decode_leniently(struct str base64, char *out)
{
    size_t n = 0, bytes = 0;
    for (size_t i = 0; i < base64.n && base64.p[i] != '='; i++) {
        char c = base64.p[i] == '-' ? '+' : base64.p[i] == '_' ? '/' : base64.p[i];
        bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (letter || c == '+' || c == '/') {
            out[n++] = c;
        }
    }
    size_t whole = n;
    while (n % 4 != 0) {
        out[n++] = 'A';
    }
    (void)base64_decode((struct str){out, n}, (uint8_t *)out, &bytes); /* it cannot fail */
    return whole / 4 * 3 + (whole % 4 * 3) / 4;
}

/* CountTokens has the body of an InvokeModel in base64. */
static enum status look_at_body(const struct look *l, struct str base64)
{
    static const struct scan_limits limits = {
        .depth = 128, .values = 100000, .keys = 10000, .number_len = 512};
    struct scan inner;
    char *json = arena_alloc(l->scan->arena, base64.n + 4);
    if (!json) {
        return err_no_memory(l->err);
    }
    struct str text = {json, 0};
    if (!base64_decode(base64, (uint8_t *)json, &text.n)) {
        text.n = decode_leniently(base64, json);
    }
    if (!s3_address_may_be(text)) {
        return STATUS_OK;
    }
    enum status st = scan_parse(&inner, l->scan->arena, text, &limits, l->err);
    return st == STATUS_OK ? s3_address_check(&inner, l->buckets, l->err) : st;
}

static bool has(const struct scan *s, scan_ref object, const char *name)
{
    return scan_get(s, object, text_from(name)) != SCAN_ABSENT;
}

/* Which members of an object go to the model as they are. Looked for once an object: who writes a name ten
 * thousand times must not have it looked at so often. */
struct opaque {
    bool json;     /* a result in JSON, a schema of Converse's */
    bool input;    /* of a call */
    bool source;   /* of a search result: a name */
    bool data;     /* of a document of plain text */
    bool schema;   /* of an answer */
    bool tool;     /* schema and examples of its input */
    bool metadata; /* of the request: goes into a log */
};

static struct opaque opaque_of(const struct look *l, scan_ref object)
{
    const struct scan *s = l->scan;
    bool named = has(s, object, "name");
    struct opaque o = {.json = scan_size(s, object) == 1 && (l->messages || l->tools),
                       .schema = named || SCAN_IS(s, SCAN_GET(s, object, "type"), "json_schema"),
                       .tool = l->tools && named,
                       .metadata = object == 0};
    if (l->messages) {
        bool cites = has(s, object, "title") || has(s, object, "sourceContent") ||
                     has(s, object, "cited_text");
        o.input = named && (has(s, object, "toolUseId") || has(s, object, "id"));
        o.source = cites && scan_type(s, SCAN_GET(s, object, "source")) == SCAN_STRING &&
                   !scan_has_duplicate(s, object, STR("source"));
        o.data = SCAN_IS(s, SCAN_GET(s, object, "type"), "text") &&
                 !scan_has_duplicate(s, object, STR("type"));
    }
    return o;
}

static bool is_opaque(const struct opaque *o, struct str name)
{
    const struct {
        const char *name;
        bool is;
    } rows[] = {
        {"json", o->json},       {"input", o->input},         {"source", o->source},
        {"data", o->data},       {"schema", o->schema},       {"input_schema", o->tool},
        {"parameters", o->tool}, {"input_examples", o->tool}, {"requestMetadata", o->metadata},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].is && text_eq(name, text_from(rows[i].name))) {
            return true;
        }
    }
    return false;
}

static enum status look_at_member(const struct look *l, scan_ref value)
{
    scan_ref key = scan_key(l->scan, value);
    struct str name = scan_text(l->scan, key);
    struct look inner = *l;
    if (text_eq(name, STR("body")) && scan_type(l->scan, value) == SCAN_STRING) {
        struct str text = scan_text(l->scan, value);
        return look_at_text(l, name, text) == STATUS_OK ? look_at_body(l, text) : l->err->code;
    }
    inner.messages |= text_eq(name, STR("messages"));
    inner.tools |= text_eq(name, STR("tools")) || text_eq(name, STR("toolConfig"));
    return look_into(&inner, key, value);
}

static enum status look_at_members(const struct look *l, scan_ref object)
{
    const struct scan *s = l->scan;
    struct opaque opaque = opaque_of(l, object);
    enum status st = STATUS_OK;
    for (scan_ref v = scan_first(s, object); v != SCAN_ABSENT && st == STATUS_OK;
         v = scan_next(s, object, v)) {
        if (!is_opaque(&opaque, scan_text(s, scan_key(s, v)))) {
            st = look_at_member(l, v);
        }
    }
    return st;
}

/* As deep as scan_parse has let it be. */
static enum status look_into(const struct look *l, scan_ref key, scan_ref value)
{
    const struct scan *s = l->scan;
    enum scan_type type = scan_type(s, value);
    enum status st = STATUS_OK;
    if (type == SCAN_STRING) {
        return look_at_text(l, scan_text(s, key), scan_text(s, value));
    }
    if (type == SCAN_OBJECT) {
        return look_at_members(l, value);
    }
    for (scan_ref v = type == SCAN_ARRAY ? scan_first(s, value) : SCAN_ABSENT;
         v != SCAN_ABSENT && st == STATUS_OK; v = scan_next(s, value, v)) {
        st = look_into(l, key, v);
    }
    return st;
}

enum status s3_address_check(const struct scan *s, struct str buckets, struct err *err)
{
    struct look l = {.scan = s, .buckets = buckets, .err = err};
    return look_into(&l, SCAN_ABSENT, 0);
}
