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
        STR("text"),    STR("content"),       STR("prompt"),         STR("inputText"),
        STR("system"),  STR("title"),         STR("description"),    STR("query"),
        STR("texts"),   STR("message"),       STR("inputs"),         STR("stop"),
        STR("name"),    STR("stopSequences"), STR("stop_sequences"), STR("thinking"),
        STR("context"), STR("cited_text"),    STR("document_title"),
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

/* CountTokens has the body of an InvokeModel in base64. */
static enum status look_at_body(const struct look *l, struct str base64)
{
    static const struct scan_limits limits = {
        .depth = 128, .values = 100000, .keys = 100000, .number_len = 512};
    struct scan inner;
    size_t n;
    char *json = arena_alloc(l->scan->arena, base64.n / 4 * 3 + 4);
    if (!json) {
        return err_no_memory(l->err);
    }
    if (!base64_decode(base64, (uint8_t *)json, &n) || !s3_address_may_be((struct str){json, n})) {
        return STATUS_OK;
    }
    enum status st = scan_parse(&inner, l->scan->arena, (struct str){json, n}, &limits, l->err);
    return st == STATUS_OK ? s3_address_check(&inner, l->buckets, l->err) : st;
}

static bool has(const struct scan *s, scan_ref object, const char *name)
{
    return scan_get(s, object, text_from(name)) != SCAN_ABSENT;
}

/* What goes to the model as it is: the input of a call, a result in JSON, the schema of a tool, a document of
 * plain text. The source of a search result is a name. */
static bool is_opaque(const struct look *l, scan_ref object, struct str name)
{
    const struct scan *s = l->scan;
    if (text_eq(name, STR("json"))) {
        return scan_size(s, object) == 1 && (l->messages || l->tools);
    }
    if (text_eq(name, STR("input"))) {
        return l->messages && has(s, object, "name") &&
               (has(s, object, "toolUseId") || has(s, object, "id"));
    }
    if (text_eq(name, STR("source"))) {
        return l->messages && has(s, object, "title") &&
               scan_type(s, SCAN_GET(s, object, "source")) == SCAN_STRING &&
               !scan_has_duplicate(s, object, STR("source"));
    }
    if (text_eq(name, STR("data"))) {
        return l->messages && SCAN_IS(s, SCAN_GET(s, object, "type"), "text") &&
               !scan_has_duplicate(s, object, STR("type"));
    }
    return l->tools && has(s, object, "name") &&
           (text_eq(name, STR("input_schema")) || text_eq(name, STR("parameters")));
}

static enum status look_at_member(const struct look *l, scan_ref object, scan_ref value)
{
    scan_ref key = scan_key(l->scan, value);
    struct str name = scan_text(l->scan, key);
    struct look inner = *l;
    if (is_opaque(l, object, name)) {
        return STATUS_OK;
    }
    if (text_eq(name, STR("body")) && scan_type(l->scan, value) == SCAN_STRING) {
        return look_at_body(l, scan_text(l->scan, value));
    }
    inner.messages |= text_eq(name, STR("messages"));
    inner.tools |= text_eq(name, STR("tools")) || text_eq(name, STR("toolConfig"));
    return look_into(&inner, key, value);
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
    if (type != SCAN_OBJECT && type != SCAN_ARRAY) {
        return STATUS_OK;
    }
    for (scan_ref v = scan_first(s, value); v != SCAN_ABSENT && st == STATUS_OK;
         v = scan_next(s, value, v)) {
        st = type == SCAN_OBJECT ? look_at_member(l, value, v) : look_into(l, key, v);
    }
    return st;
}

enum status s3_address_check(const struct scan *s, struct str buckets, struct err *err)
{
    struct look l = {.scan = s, .buckets = buckets, .err = err};
    return look_into(&l, SCAN_ABSENT, 0);
}
