#include "server/json/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "server/json/scan.h"

/* --- writing --- */

void json_begin(struct json_out *w, struct buf *b)
{
    *w = (struct json_out){.b = b};
}

/* Before a value or key: the comma that the one before it left due. */
static void separate(struct json_out *w, bool comma_after)
{
    if (w->comma) {
        buf_put_char(w->b, ',');
    }
    w->comma = comma_after;
}

void json_object(struct json_out *w)
{
    separate(w, false);
    buf_put_char(w->b, '{');
}

void json_object_end(struct json_out *w)
{
    buf_put_char(w->b, '}');
    w->comma = true;
}

void json_array(struct json_out *w)
{
    separate(w, false);
    buf_put_char(w->b, '[');
}

void json_array_end(struct json_out *w)
{
    buf_put_char(w->b, ']');
    w->comma = true;
}

/* ASCII that stands for itself: as signed bytes, everything from 0x80 up is below 0x20 as well. */
static inline bool plain_ascii(char c)
{
    return (int8_t)c >= 0x20 && c != '"' && c != '\\';
}

/* Bytes from s.p on that stand for themselves: all but controls, quote, backslash and
 * broken UTF-8. */
static size_t plain_run(struct str s)
{
    size_t i = 0;
    for (;;) {
        while (i < s.n && plain_ascii(s.p[i])) {
            i++;
        }
        bool wide = i < s.n && (unsigned char)s.p[i] >= 0x80;
        size_t n = wide ? text_utf8_step((struct str){s.p + i, s.n - i}) : 0;
        if (n == 0) {
            return i;
        }
        i += n;
    }
}

static void put_quoted(struct buf *b, struct str s)
{
    char *to = plain_run(s) == s.n ? buf_reserve(b, s.n + 2) : NULL;
    if (to) { /* keys and most values */
        to[0] = to[s.n + 1] = '"';
        memcpy(to + 1, s.n > 0 ? s.p : "", s.n);
        buf_commit(b, s.n + 2);
        return;
    }
    buf_put_char(b, '"');
    json_escape(b, s);
    buf_put_char(b, '"');
}

void json_key(struct json_out *w, struct str key)
{
    separate(w, false);
    put_quoted(w->b, key);
    buf_put_char(w->b, ':');
}

void json_str(struct json_out *w, struct str s)
{
    separate(w, true);
    put_quoted(w->b, s);
}

void json_i64(struct json_out *w, int64_t v)
{
    separate(w, true);
    buf_put_i64(w->b, v);
}

void json_f64(struct json_out *w, double v)
{
    if (!isfinite(v)) { /* JSON has no infinity and no NaN */
        json_null(w);
        return;
    }
    char text[32];
    int precision = 1;
    do {
        snprintf(text, sizeof text, "%.*g", precision, v);
    } while (strtod(text, NULL) != v && ++precision <= 17); /* 17 digits tell all doubles apart */
    separate(w, true);
    buf_put_str(w->b, text_from(text));
}

void json_bool(struct json_out *w, bool v)
{
    separate(w, true);
    buf_put_str(w->b, v ? STR("true") : STR("false"));
}

void json_null(struct json_out *w)
{
    separate(w, true);
    BUF_LIT(w->b, "null");
}

void json_raw(struct json_out *w, struct str json)
{
    assert(json.n > 0);
    separate(w, true);
    buf_put_str(w->b, json);
}

/* --- escaping --- */

static void put_control(struct buf *b, unsigned char c)
{
    static const char names[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (names[c] != 0) {
        buf_put(b, (char[]){'\\', names[c]}, 2);
    } else {
        buf_printf(b, "\\u%04x", c);
    }
}

void json_escape(struct buf *b, struct str s)
{
    while (s.n > 0) {
        size_t run = plain_run(s);
        buf_put(b, s.p, run);
        s = text_sub(s, run, s.n - run);
        if (s.n == 0) {
            return;
        }
        unsigned char c = (unsigned char)s.p[0];
        if (c < 0x20) {
            put_control(b, c);
        } else if (c < 0x80) {
            buf_put(b, (char[]){'\\', (char)c}, 2);
        } else {
            BUF_LIT(b, "\xEF\xBF\xBD"); /* U+FFFD for each byte that is not UTF-8 */
        }
        s = text_sub(s, 1, s.n - 1);
    }
}

/* --- reading --- */

#define PARSE_DEPTH  64
#define PARSE_NUMBER 63 /* cJSON 1.7.15 cuts longer ones */

/*
 * cJSON alone takes control characters, broken UTF-8, "01", and bytes after the value, and recurses
 * 1000 deep. So the scan decides what is JSON, and cJSON only builds the tree.
 */
static enum status check(struct str text, struct err *err)
{
    const struct scan_limits limits = {
        .depth = PARSE_DEPTH, .values = UINT32_MAX, .keys = UINT32_MAX, .number_len = PARSE_NUMBER};
    struct arena *arena = arena_new(16 * text.n + 65536);
    if (arena == NULL) {
        return err_set(err, STATUS_INTERNAL, "out of memory for a JSON document");
    }
    struct scan s;
    enum status st = scan_parse(&s, arena, text, &limits, err);
    arena_drop(arena);
    return st;
}

struct cJSON *json_parse(struct str text, struct err *err)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = heap_new, .free_fn = heap_drop});
    if (check(text, err) != STATUS_OK) {
        return NULL;
    }
    struct cJSON *doc = cJSON_ParseWithLength(text.p, text.n);
    if (doc == NULL) {
        err_set(err, STATUS_INTERNAL, "out of memory for a JSON document");
    }
    return doc;
}

void json_free(struct cJSON *doc)
{
    cJSON_Delete(doc);
}

struct cJSON *json_get(const struct cJSON *object, const char *key)
{
    return json_is_object(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

struct str json_text(const struct cJSON *v)
{
    return cJSON_IsString(v) ? text_from(v->valuestring) : (struct str){NULL, 0};
}

struct str json_get_text(const struct cJSON *object, const char *key)
{
    return json_text(json_get(object, key));
}

bool json_number(const struct cJSON *v, double *out)
{
    if (!cJSON_IsNumber(v) || !isfinite(v->valuedouble)) {
        return false;
    }
    *out = v->valuedouble;
    return true;
}

bool json_get_i64(const struct cJSON *object, const char *key, int64_t *out)
{
    double v;
    if (!json_number(json_get(object, key), &v)) {
        return false;
    }
    if (v != trunc(v) || fabs(v) >= 9007199254740992.0) { /* above 2^53 a double skips integers */
        return false;
    }
    *out = (int64_t)v;
    return true;
}

bool json_get_bool(const struct cJSON *object, const char *key, bool *out)
{
    const struct cJSON *v = json_get(object, key);
    if (!cJSON_IsBool(v)) {
        return false;
    }
    *out = cJSON_IsTrue(v);
    return true;
}

bool json_is_object(const struct cJSON *v)
{
    return cJSON_IsObject(v);
}

bool json_is_array(const struct cJSON *v)
{
    return cJSON_IsArray(v);
}

bool json_is_null(const struct cJSON *v)
{
    return cJSON_IsNull(v);
}

struct cJSON *json_child(const struct cJSON *container)
{
    return json_is_object(container) || json_is_array(container) ? container->child : NULL;
}

struct cJSON *json_next(const struct cJSON *v)
{
    return v == NULL ? NULL : v->next;
}

struct str json_name(const struct cJSON *member)
{
    return member == NULL ? (struct str){NULL, 0} : text_from(member->string);
}
