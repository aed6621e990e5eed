/*
 * scan.h - one validating pass over a JSON text, giving a flat index of spans.
 *
 * Client JSON is read through this index and never through parse-and-print: what we do not have to
 * understand travels as the same bytes. The text must outlive the index; the index lives in the
 * arena. Checks (RFC 8259, RFC 3629): UTF-8, escapes incl. paired surrogates, number form, no
 * control characters, nothing but blanks after the value, depth, value count, keys per object,
 * number length. A node costs 16 bytes, so the index is at most 8 times the text ("[0,0,0,..." is
 * the worst case). Parser in scan.c, readers in scan_read.c. Pure: no socket, clock or process.
 * Fuzzed by tests/fuzz/fuzz_scan.c.
 */
#ifndef SERVER_JSON_SCAN_H
#define SERVER_JSON_SCAN_H

#include "server/base/arena.h"
#include "server/base/err.h"

enum scan_type {
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_STRING,
    SCAN_NUMBER,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL,
    SCAN_NONE /* type of "no such member" */
};

struct scan_node {
    uint32_t at;   /* offset of the first byte: the quote of a string, the brace of an object */
    uint32_t len;  /* bytes of the whole value, quotes and braces included */
    uint32_t next; /* index of the node after this value's subtree */
    uint32_t bits; /* type, "has escapes" flag, member count: use the functions */
};
enum { SCAN_BITS_TYPE = 7, SCAN_BIT_ESCAPE = 8, SCAN_BITS_ONE = 16 /* one member */ };
_Static_assert(sizeof(struct scan_node) == 16, "the 8x bound rests on this");

struct scan_limits {
    uint32_t depth;      /* nesting */
    uint32_t values;     /* keys are not counted */
    uint32_t keys;       /* per object */
    uint32_t number_len; /* characters of a number */
};

/* Node 0 is the root. In an object, children alternate key, value. Indexes, not pointers. */
struct scan {
    struct str text;
    struct scan_node *node;
    uint32_t count;
    struct arena *arena;
};

typedef uint32_t scan_ref;                 /* index of a node */
#define SCAN_ABSENT ((scan_ref)UINT32_MAX) /* every reader accepts it and answers "no" */

/* STATUS_INVALID with a text that names the place ("JSON: control character in string at byte 17");
 * STATUS_TOO_LARGE never: size is the HTTP layer's. STATUS_INTERNAL when the arena is used up. */
MUST_CHECK enum status scan_parse(struct scan *s, struct arena *arena, struct str text,
                                  const struct scan_limits *limits, struct err *err);

enum scan_type scan_type(const struct scan *s, scan_ref r);
/* The value's bytes, as the client sent them. */
struct str scan_raw(const struct scan *s, scan_ref r);
/* Members of an object, elements of an array. */
uint32_t scan_size(const struct scan *s, scan_ref r);

/* Member by exact (unescaped) key; SCAN_ABSENT when r is no object or has no such key. First wins;
 * scan_has_duplicate tells whether the key stands twice. */
scan_ref scan_get(const struct scan *s, scan_ref object, struct str key);
#define SCAN_GET(s, r, literal) scan_get((s), (r), STR(literal))
bool scan_has_duplicate(const struct scan *s, scan_ref object, struct str key);

/*
 * Iteration:   for (scan_ref v = scan_first(s, a); v != SCAN_ABSENT; v = scan_next(s, a, v))
 * For arrays v is the element; for objects v is the value and scan_key(s, v) its key.
 */
scan_ref scan_first(const struct scan *s, scan_ref container);
scan_ref scan_next(const struct scan *s, scan_ref container, scan_ref value);
scan_ref scan_key(const struct scan *s, scan_ref value); /* the key node of an object's value */

/* The bytes between the quotes when there is no escape; else unescaped into the arena. p is NULL
 * when r is no string or memory is out. "\u0000" becomes a NUL byte. */
struct str scan_text(const struct scan *s, scan_ref r);
bool scan_text_is(const struct scan *s, scan_ref r, struct str want); /* a string equal to want */
#define SCAN_IS(s, r, literal) scan_text_is((s), (r), STR(literal))
bool scan_has_escape(const struct scan *s, scan_ref r);
bool scan_bool(const struct scan *s, scan_ref r, bool *out); /* false: not a boolean */
/* Integers, also 5.0 and 1e3 when whole. */
bool scan_i64(const struct scan *s, scan_ref r, int64_t *out);
bool scan_f64(const struct scan *s, scan_ref r, double *out);

#endif
