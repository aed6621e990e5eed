#include "server/json/scan.h"

#include <assert.h>
#include <string.h>

#include "server/json/scan_bound.h"

/*
 * The parser has no stack: while a container is open, its node's `next` holds its parent and its
 * member count grows in `bits`; closing it fills in len and next for good. So depth costs nothing,
 * and the only memory is the node array, taken once at a size that cannot be too small.
 */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "first_lane counts from the low end");

enum { LANES = 16, PLAIN_RUN = 8 /* lanes without a special byte are a long stretch */ };
#define TEXT_MAX ((size_t)1 << 29) /* member counts have 28 bits, a value takes two bytes */

enum want { WANT_VALUE, WANT_FIRST_VALUE, WANT_KEY, WANT_FIRST_KEY, WANT_COMMA, WANT_NOTHING };

struct reader {
    const char *p; /* start of the text */
    uint32_t at;
    uint32_t end;
    struct scan_node *node;
    uint32_t count;
    uint32_t cap;
    uint32_t values; /* nodes that are not keys */
    uint32_t depth;
    scan_ref open; /* innermost open container */
    enum want want;
    const struct scan_limits *limits;
    struct err *err;
};

/* GCC/Clang vectors: SSE2 on x86-64, NEON on AArch64, plain words elsewhere. */
typedef int8_t lanes __attribute__((vector_size(LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));
typedef uint64_t words __attribute__((vector_size(LANES)));

static lanes load(const char *p)
{
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Index of the first lane that is set, LANES when none is. */
static uint32_t first_lane(lanes set)
{
    words w = (words)set;
    if (w[0] != 0) {
        return (uint32_t)__builtin_ctzll(w[0]) / 8;
    }
    return w[1] != 0 ? 8 + (uint32_t)__builtin_ctzll(w[1]) / 8 : LANES;
}

static bool fail(const struct reader *r, const char *what)
{
    err_set(r->err, STATUS_INVALID, "JSON: %s at byte %u", what, (unsigned)r->at);
    return false;
}

static bool at_end(const struct reader *r)
{
    return r->at == r->end;
}

static unsigned char peek(const struct reader *r)
{
    return (unsigned char)r->p[r->at];
}

static bool fail_unexpected(const struct reader *r, const char *what)
{
    return fail(r, at_end(r) ? "unexpected end" : what);
}

/* --- strings --- */

/* Set where a byte needs a look: a quote, a backslash, a control character, and with ascii any above
 * ASCII. As signed bytes, everything from 0x80 up is below 0x20 as well. */
static inline lanes special(lanes v, bool ascii)
{
    lanes low = ascii ? v < 0x20 : (lanes)((bytes)v < 0x20);
    return low | (v == '"') | (v == '\\');
}

static inline bool any(lanes set)
{
    words w = (words)set;
    return (w[0] | w[1]) != 0;
}

/* Long texts have long stretches without any. Not inline: short strings pay for no register of it. */
__attribute__((noinline)) static void skip_plain_blocks(struct reader *r, bool ascii)
{
    while (r->end - r->at >= 4 * LANES) {
        const char *p = r->p + r->at;
        lanes set = special(load(p), ascii) | special(load(p + LANES), ascii) |
                    special(load(p + 2 * LANES), ascii) | special(load(p + 3 * LANES), ascii);
        if (any(set)) {
            return;
        }
        r->at += 4 * LANES;
    }
}

/* Skips bytes that need no look. */
static inline void skip_plain(struct reader *r, bool ascii)
{
    for (unsigned clean = 1; r->end - r->at >= LANES; clean++) {
        uint32_t n = first_lane(special(load(r->p + r->at), ascii));
        r->at += n;
        if (n < LANES) {
            return;
        }
        if (clean % PLAIN_RUN == 0) {
            skip_plain_blocks(r, ascii);
        }
    }
    while (r->at < r->end && (ascii ? (int8_t)peek(r) >= 0x20 : peek(r) >= 0x20) &&
           peek(r) != '"' && peek(r) != '\\') {
        r->at++;
    }
}

/* At a byte above ASCII. Such text comes in runs: it is checked as one, and looked at by characters
 * only to say where it is wrong. */
static bool read_utf8_run(struct reader *r)
{
    uint32_t from = r->at;
    skip_plain(r, false);
    struct str run = {r->p + from, r->at - from};
    if (text_is_utf8(run)) {
        return true;
    }
    r->at = from;
    for (size_t n; (n = text_utf8_step(run)) > 0; run = text_sub(run, n, run.n)) {
        r->at += (uint32_t)n;
    }
    return fail(r, "invalid UTF-8");
}

/* The value of "XXXX" or -1. */
static int32_t hex4(const char *p)
{
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = text_hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        v = v * 16 + digit;
    }
    return v;
}

enum { HIGH = 0xD800, LOW = 0xDC00 };

static bool is_surrogate(int32_t unit, int32_t half)
{
    return (unit & 0xFC00) == half;
}

/* At "\u". A lone surrogate has no UTF-8 form, so it is refused (RFC 8259 section 8.2 leaves it
 * open). */
static bool read_unicode_escape(struct reader *r)
{
    const char *p = r->p + r->at;
    uint32_t left = r->end - r->at;
    int32_t unit = left < 6 ? -1 : hex4(p + 2);
    if (unit < 0) {
        return fail(r, "bad \\u escape");
    }
    if (is_surrogate(unit, LOW)) {
        return fail(r, "lone surrogate escape");
    }
    if (!is_surrogate(unit, HIGH)) {
        r->at += 6;
        return true;
    }
    if (left < 12 || p[6] != '\\' || p[7] != 'u' || !is_surrogate(hex4(p + 8), LOW)) {
        return fail(r, "lone surrogate escape");
    }
    r->at += 12;
    return true;
}

static bool read_escape(struct reader *r)
{
    if (r->end - r->at < 2) {
        return fail(r, "unterminated string");
    }
    switch (r->p[r->at + 1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        r->at += 2;
        return true;
    case 'u':
        return read_unicode_escape(r);
    default:
        return fail(r, "bad escape");
    }
}

/* At the opening quote; moves past the closing one. */
static bool read_string(struct reader *r, uint32_t *bits_out)
{
    *bits_out = SCAN_STRING;
    r->at++;
    for (;;) {
        skip_plain(r, true);
        if (at_end(r)) {
            return fail(r, "unterminated string");
        }
        unsigned char c = peek(r);
        if (c == '"') {
            r->at++;
            return true;
        }
        if (c == '\\') {
            *bits_out = SCAN_STRING | SCAN_BIT_ESCAPE;
            if (!read_escape(r)) {
                return false;
            }
        } else if (c < 0x20) {
            return fail(r, "control character in string");
        } else if (!read_utf8_run(r)) {
            return false;
        }
    }
}

/* --- scalars --- */

/* At least one digit; false (nothing said) when there is none. */
static bool skip_digits(struct reader *r)
{
    uint32_t from = r->at;
    while (!at_end(r) && peek(r) >= '0' && peek(r) <= '9') {
        r->at++;
    }
    return r->at > from;
}

static bool skip_byte(struct reader *r, char c)
{
    if (at_end(r) || r->p[r->at] != c) {
        return false;
    }
    r->at++;
    return true;
}

static bool read_number(struct reader *r)
{
    uint32_t from = r->at;
    skip_byte(r, '-');
    bool zero = !at_end(r) && peek(r) == '0';
    uint32_t digits_at = r->at;
    if (!skip_digits(r)) {
        return fail_unexpected(r, "bad number");
    }
    if (zero && r->at - digits_at > 1) {
        return fail(r, "number with a leading zero");
    }
    if (skip_byte(r, '.') && !skip_digits(r)) {
        return fail_unexpected(r, "bad number");
    }
    if (skip_byte(r, 'e') || skip_byte(r, 'E')) {
        if (!skip_byte(r, '+')) {
            skip_byte(r, '-');
        }
        if (!skip_digits(r)) {
            return fail_unexpected(r, "bad number");
        }
    }
    return r->at - from <= r->limits->number_len || fail(r, "number too long");
}

static bool read_word(struct reader *r, struct str word, uint32_t bits, uint32_t *bits_out)
{
    if (r->end - r->at < word.n || memcmp(r->p + r->at, word.p, word.n) != 0) {
        return fail(r, "unknown word");
    }
    r->at += (uint32_t)word.n;
    *bits_out = bits;
    return true;
}

static bool read_scalar(struct reader *r, uint32_t *bits_out)
{
    switch (r->p[r->at]) {
    case '"':
        return read_string(r, bits_out);
    case 't':
        return read_word(r, STR("true"), SCAN_TRUE, bits_out);
    case 'f':
        return read_word(r, STR("false"), SCAN_FALSE, bits_out);
    case 'n':
        return read_word(r, STR("null"), SCAN_NULL, bits_out);
    default:
        *bits_out = SCAN_NUMBER;
        bool number = peek(r) == '-' || (peek(r) >= '0' && peek(r) <= '9');
        return number ? read_number(r) : fail(r, "expected a value");
    }
}

/* --- structure --- */

static void skip_blanks(struct reader *r)
{
    while (!at_end(r)) {
        unsigned char c = peek(r);
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
            return;
        }
        r->at++;
    }
}

static struct scan_node *add_node(struct reader *r)
{
    assert(r->count < r->cap); /* scan_bound is an upper bound for every text */
    return &r->node[r->count++];
}

static void after_value(struct reader *r)
{
    r->want = r->open == SCAN_ABSENT ? WANT_NOTHING : WANT_COMMA;
}

static bool open_container(struct reader *r, enum scan_type type)
{
    if (r->depth == r->limits->depth) {
        return fail(r, "nested too deep");
    }
    r->depth++;
    scan_ref self = r->count;
    *add_node(r) = (struct scan_node){.at = r->at++, .next = r->open, .bits = type};
    r->open = self;
    r->want = type == SCAN_ARRAY ? WANT_FIRST_VALUE : WANT_FIRST_KEY;
    return true;
}

static void close_container(struct reader *r)
{
    struct scan_node *node = &r->node[r->open];
    r->at++;
    r->depth--;
    r->open = node->next;
    node->len = r->at - node->at;
    node->next = r->count;
    after_value(r);
}

static bool step_value(struct reader *r)
{
    if (at_end(r)) {
        return fail(r, "unexpected end");
    }
    if (r->values++ == r->limits->values) {
        return fail(r, "too many values");
    }
    if (r->open != SCAN_ABSENT && (r->node[r->open].bits & SCAN_BITS_TYPE) == SCAN_ARRAY) {
        r->node[r->open].bits += SCAN_BITS_ONE;
    }
    if (peek(r) == '{') {
        return open_container(r, SCAN_OBJECT);
    }
    if (peek(r) == '[') {
        return open_container(r, SCAN_ARRAY);
    }
    uint32_t from = r->at;
    uint32_t bits;
    if (!read_scalar(r, &bits)) {
        return false;
    }
    *add_node(r) = (struct scan_node){from, r->at - from, r->count, bits};
    after_value(r);
    return true;
}

static bool step_key(struct reader *r)
{
    if (at_end(r) || peek(r) != '"') {
        return fail_unexpected(r, "expected a key");
    }
    struct scan_node *object = &r->node[r->open];
    if (object->bits / SCAN_BITS_ONE == r->limits->keys) {
        return fail(r, "too many keys in one object");
    }
    object->bits += SCAN_BITS_ONE;
    uint32_t from = r->at;
    uint32_t bits;
    if (!read_string(r, &bits)) {
        return false;
    }
    *add_node(r) = (struct scan_node){from, r->at - from, r->count, bits};
    skip_blanks(r);
    if (!skip_byte(r, ':')) {
        return fail_unexpected(r, "expected a colon");
    }
    r->want = WANT_VALUE;
    return true;
}

static bool step_comma(struct reader *r)
{
    bool object = (r->node[r->open].bits & SCAN_BITS_TYPE) == SCAN_OBJECT;
    if (skip_byte(r, ',')) {
        r->want = object ? WANT_KEY : WANT_VALUE;
        return true;
    }
    if (at_end(r) || r->p[r->at] != (object ? '}' : ']')) {
        return fail_unexpected(r, object ? "expected a comma or '}'" : "expected a comma or ']'");
    }
    close_container(r);
    return true;
}

static bool step(struct reader *r)
{
    bool closes = !at_end(r) && peek(r) == (r->want == WANT_FIRST_KEY ? '}' : ']');
    switch (r->want) {
    case WANT_FIRST_VALUE:
    case WANT_FIRST_KEY:
        if (closes) {
            close_container(r);
            return true;
        }
        return r->want == WANT_FIRST_KEY ? step_key(r) : step_value(r);
    case WANT_KEY:
        return step_key(r);
    case WANT_VALUE:
        return step_value(r);
    default:
        return step_comma(r);
    }
}

static bool read_text(struct reader *r)
{
    skip_blanks(r);
    while (r->want != WANT_NOTHING) {
        if (!step(r)) {
            return false;
        }
        skip_blanks(r);
    }
    return at_end(r) || fail(r, "more text after the value");
}

enum status scan_parse(struct scan *s, struct arena *arena, struct str text,
                       const struct scan_limits *limits, struct err *err)
{
    *s = (struct scan){.text = text, .arena = arena};
    if (text.n >= TEXT_MAX) {
        return err_set(err, STATUS_INVALID, "JSON: text too long at byte %zu", TEXT_MAX);
    }
    struct reader r = {.p = text.p,
                       .end = (uint32_t)text.n,
                       .open = SCAN_ABSENT,
                       .want = WANT_VALUE,
                       .limits = limits,
                       .err = err};
    r.cap = scan_bound(text, limits->depth, limits->values);
    r.node = arena_room(arena, (size_t)r.cap * sizeof *r.node); /* far more than most texts need */
    if (r.node == NULL) {
        return err_set(err, STATUS_INTERNAL, "out of memory for the JSON index");
    }
    if (!read_text(&r)) {
        return STATUS_INVALID;
    }
    s->node = r.node;
    s->count = r.count;
    return STATUS_OK;
}
