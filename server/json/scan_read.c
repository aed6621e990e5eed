/* The readers of a scan: every one accepts SCAN_ABSENT and answers "no". */
#include "server/json/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The longest number converted to a double: the most that a scan_limits.number_len may be. */
enum { NUMBER_MAX = 1000 };

static const struct scan_node *node_at(const struct scan *s, scan_ref r)
{
    return r < s->count ? &s->node[r] : NULL; /* SCAN_ABSENT is above every count */
}

enum scan_type scan_type(const struct scan *s, scan_ref r)
{
    const struct scan_node *node = node_at(s, r);
    return node == NULL ? SCAN_NONE : (enum scan_type)(node->bits & SCAN_BITS_TYPE);
}

struct str scan_raw(const struct scan *s, scan_ref r)
{
    const struct scan_node *node = node_at(s, r);
    return node == NULL ? (struct str){NULL, 0} : (struct str){s->text.p + node->at, node->len};
}

uint32_t scan_size(const struct scan *s, scan_ref r)
{
    const struct scan_node *node = node_at(s, r);
    return node == NULL ? 0 : node->bits / SCAN_BITS_ONE;
}

static bool escaped_is(struct str raw, struct str want);

/* node is a string equal to want. */
static inline bool string_is(const struct scan *s, const struct scan_node *node, struct str want)
{
    struct str raw = {s->text.p + node->at + 1, node->len - 2};
    if (node->bits & SCAN_BIT_ESCAPE) {
        return escaped_is(raw, want);
    }
    /* Most of one length differ in the first byte. */
    return raw.n == want.n && (raw.n == 0 || (raw.p[0] == want.p[0] && text_eq(raw, want)));
}

/* --- containers --- */

scan_ref scan_first(const struct scan *s, scan_ref container)
{
    if (scan_size(s, container) == 0) {
        return SCAN_ABSENT;
    }
    return container + (scan_type(s, container) == SCAN_OBJECT ? 2 : 1);
}

scan_ref scan_next(const struct scan *s, scan_ref container, scan_ref value)
{
    const struct scan_node *outer = node_at(s, container);
    const struct scan_node *node = node_at(s, value);
    if (outer == NULL || node == NULL || node->next >= outer->next) {
        return SCAN_ABSENT;
    }
    return node->next + (scan_type(s, container) == SCAN_OBJECT ? 1 : 0);
}

scan_ref scan_key(const struct scan *s, scan_ref value)
{
    return value > 0 && scan_type(s, value - 1) == SCAN_STRING ? value - 1 : SCAN_ABSENT;
}

/* The first value from `value` on, and before `end`, whose key is `key`. Each request looks for
 * dozens. */
static scan_ref find_from(const struct scan *s, scan_ref value, scan_ref end, struct str key)
{
    while (value < end && !string_is(s, &s->node[value - 1], key)) {
        value = s->node[value].next + 1;
    }
    return value < end ? value : SCAN_ABSENT;
}

scan_ref scan_get(const struct scan *s, scan_ref object, struct str key)
{
    if (scan_type(s, object) != SCAN_OBJECT) {
        return SCAN_ABSENT;
    }
    return find_from(s, object + 2, s->node[object].next, key);
}

bool scan_has_duplicate(const struct scan *s, scan_ref object, struct str key)
{
    scan_ref first = scan_get(s, object, key);
    return first != SCAN_ABSENT &&
           find_from(s, s->node[first].next + 1, s->node[object].next, key) != SCAN_ABSENT;
}

/* --- strings --- */

static uint32_t hex_digit(char c)
{
    return (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static uint32_t hex_unit(const char *p)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit * 16 + hex_digit(p[i]);
    }
    return unit;
}

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {[2] = 0xC0, [3] = 0xE0, [4] = 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6) {
        out[i] = (char)(0x80 | (c & 0x3F));
    }
    out[0] = (char)(lead[n] | c);
    return n;
}

/* *p is at a backslash of a string the scan has found valid; moves past the escape. */
static size_t decode_escape(const char **p, char out[4])
{
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    char name = (*p)[1];
    if (name != 'u') {
        *p += 2;
        out[0] = bytes[strchr(names, name) - names];
        return 1;
    }
    uint32_t c = hex_unit(*p + 2);
    *p += 6;
    if ((c & 0xFC00) == 0xD800) { /* the scan made sure that the other half follows */
        c = 0x10000 + ((c - 0xD800) << 10) + (hex_unit(*p + 2) - 0xDC00);
        *p += 6;
    }
    return put_utf8(c, out);
}

/* What stands between the quotes; p is NULL when r is no string. */
static struct str inner(const struct scan *s, scan_ref r)
{
    if (scan_type(s, r) != SCAN_STRING) {
        return (struct str){NULL, 0};
    }
    struct str raw = scan_raw(s, r);
    return (struct str){raw.p + 1, raw.n - 2};
}

bool scan_has_escape(const struct scan *s, scan_ref r)
{
    const struct scan_node *node = node_at(s, r);
    return node != NULL && (node->bits & SCAN_BIT_ESCAPE) != 0;
}

/* Bytes up to the next backslash or the end. */
static size_t plain_run(const char *p, const char *end)
{
    const char *slash = memchr(p, '\\', (size_t)(end - p));
    return (size_t)((slash == NULL ? end : slash) - p);
}

struct str scan_text(const struct scan *s, scan_ref r)
{
    struct str raw = inner(s, r);
    if (!scan_has_escape(s, r)) {
        return raw;
    }
    char *out = arena_alloc(s->arena, raw.n); /* unescaped text is never longer */
    if (out == NULL) {
        return (struct str){NULL, 0};
    }
    size_t n = 0;
    const char *end = raw.p + raw.n;
    for (const char *p = raw.p; p < end;) {
        size_t run = plain_run(p, end);
        memcpy(out + n, p, run);
        n += run;
        p += run;
        if (p < end) {
            char bytes[4];
            size_t got = decode_escape(&p, bytes);
            memcpy(out + n, bytes, got);
            n += got;
        }
    }
    return (struct str){out, n};
}

/* Takes `piece` off the front of *rest; false when it does not stand there. */
static bool eat(struct str *rest, const char *piece, size_t n)
{
    if (rest->n < n || (n > 0 && memcmp(rest->p, piece, n) != 0)) {
        return false;
    }
    rest->p += n;
    rest->n -= n;
    return true;
}

/* As scan_text, but compared on the way: no memory is taken for a key written with escapes. */
static bool escaped_is(struct str raw, struct str want)
{
    const char *end = raw.p + raw.n;
    for (const char *p = raw.p; p < end;) {
        size_t run = plain_run(p, end);
        if (!eat(&want, p, run)) {
            return false;
        }
        p += run;
        if (p < end) {
            char bytes[4];
            size_t got = decode_escape(&p, bytes);
            if (!eat(&want, bytes, got)) {
                return false;
            }
        }
    }
    return want.n == 0;
}

bool scan_text_is(const struct scan *s, scan_ref r, struct str want)
{
    const struct scan_node *node = node_at(s, r);
    if (node == NULL || (node->len != want.n + 2 && !(node->bits & SCAN_BIT_ESCAPE))) {
        return false; /* by far most, of each block in a conversation */
    }
    return (node->bits & SCAN_BITS_TYPE) == SCAN_STRING && string_is(s, node, want);
}

/* --- scalars --- */

bool scan_bool(const struct scan *s, scan_ref r, bool *out)
{
    enum scan_type type = scan_type(s, r);
    if (type != SCAN_TRUE && type != SCAN_FALSE) {
        return false;
    }
    *out = type == SCAN_TRUE;
    return true;
}

bool scan_f64(const struct scan *s, scan_ref r, double *out)
{
    struct str raw = scan_raw(s, r);
    if (scan_type(s, r) != SCAN_NUMBER || raw.n > NUMBER_MAX) {
        return false;
    }
    char digits[NUMBER_MAX + 1];
    double v = strtod(text_copy(raw, digits, sizeof digits), NULL);
    if (!isfinite(v)) {
        return false; /* 1e400 is good JSON, but no double holds it */
    }
    *out = v;
    return true;
}

bool scan_i64(const struct scan *s, scan_ref r, int64_t *out)
{
    if (scan_type(s, r) != SCAN_NUMBER) {
        return false;
    }
    if (text_i64(scan_raw(s, r), out)) {
        return true;
    }
    /* A fraction, an exponent or out of range: exact only where a double counts in ones. */
    double v;
    if (!scan_f64(s, r, &v) || v != trunc(v) || fabs(v) >= 9007199254740992.0) {
        return false;
    }
    *out = (int64_t)v;
    return true;
}
