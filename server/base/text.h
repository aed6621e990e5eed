/*
 * text.h - text as a span, and the small codecs every room needs: hex, percent-encoding,
 * constant-time compare, numbers, random identifiers.
 *
 * A struct str borrows its bytes: whoever made them owns them. Nothing here allocates. Any process
 * may call any of it. Lengths are bytes. "out" buffers are the caller's.
 */
#ifndef SERVER_BASE_TEXT_H
#define SERVER_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* not NUL-terminated; may be NULL when n is 0 */
    size_t n;
};

#define STR(literal)    ((struct str){"" literal "", sizeof(literal) - 1})
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
/* For printf: printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).n, (s).p

/* Inline, since tables are searched with them: most rows fall out by their length. */
static inline struct str text_from(const char *c) /* NULL gives an empty span */
{
    return (struct str){c, c ? strlen(c) : 0};
}
static inline bool text_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool text_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && text_eq((struct str){s.p, prefix.n}, prefix);
}
bool text_same_folded(const char *a, const char *b, size_t n); /* n bytes, ASCII case folded */
static inline bool text_ieq(struct str a, struct str b)        /* ASCII case folded */
{
    return a.n == b.n && text_same_folded(a.p, b.p, a.n);
}
static inline bool text_istarts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && text_same_folded(s.p, prefix.p, prefix.n);
}
bool text_ends(struct str s, struct str suffix);
bool text_find(struct str s, struct str needle, size_t *at_out);
bool text_ifind(struct str s, struct str needle, size_t *at_out); /* ASCII case folded */
struct str text_trim(struct str s);                               /* blanks and tabs at both ends */
struct str text_sub(struct str s, size_t from, size_t n);         /* clipped to s */
/* Cuts the next piece before sep off *rest; false when *rest is used up. "a,,b"
 * gives "a","","b". */
bool text_split(struct str *rest, char sep, struct str *piece_out);
/* A NUL-terminated copy, cut at size-1; returns out. */
char *text_copy(struct str s, char *out, size_t size);

/* Whole-span decimal; false on sign, blank, empty or overflow. */
bool text_u64(struct str s, uint64_t *value_out);
bool text_i64(struct str s, int64_t *value_out); /* one leading '-' allowed */
/* Writes decimal digits (no NUL), returns how many; out has room for 20. */
size_t text_put_u64(uint64_t value, char *out);

/* An ASCII letter or digit, or one of others; span: so many from the start of a text; only_of: all of
 * one that is not empty. */
bool text_word_char(char c, const char *others);
size_t text_span(struct str s, const char *others);
bool text_only_of(struct str s, const char *others);
/* value is one of "a, b,c". */
bool text_list_has(struct str list, struct str value);
/* FNV-1a: for tables whose keys no stranger chooses. */
uint64_t text_hash(struct str s);
/* Every bit of the result depends on every bit of h (the end of splitmix64). */
uint64_t text_mix(uint64_t h);

int text_hex_digit(char c);                               /* -1: is none */
void text_hex(const uint8_t *bytes, size_t n, char *out); /* 2n lower-case, no NUL */
bool text_unhex(struct str hex, uint8_t *out, size_t n);  /* exactly 2n digits */

/* RFC 3986 unreserved kept, all else %XX upper-case. Returns length written, or 0 if size
 * is short. */
size_t text_percent(struct str s, char *out, size_t size);
/* Decodes %XX; false on a broken escape. out needs s.n bytes. */
bool text_unpercent(struct str s, char *out, size_t *n_out);

/* Same time whatever the first differing byte is. */
bool text_secret_eq(const void *a, const void *b, size_t n);
/* Zeroes in a way the compiler keeps. */
void text_wipe(void *p, size_t n);

/* n bytes of getrandom(2); asserts on failure (a kernel that cannot is unusable). */
void text_random(void *out, size_t n);
/* prefix + 24 random base62 characters, NUL-terminated: "req_4f..."; size >= prefix + 25. */
void text_id(struct str prefix, char *out, size_t size);

bool text_is_utf8(struct str s); /* RFC 3629: no surrogates, no overlong forms */
/* Bytes of the first character (1 to 4), or 0 when s is empty or does not begin with a
 * legal one. */
size_t text_utf8_step(struct str s);
/* The first character of s, legal or not, is a control character or one that only says how others
 * are shown (direction, joining, tags): written raw to a terminal, a stranger's text could look
 * like another one. *size_out: its bytes, at least 1; *code_out (may be NULL): its code point, 0
 * for what is not UTF-8. s is not empty. */
bool text_steers(struct str s, size_t *size_out, uint32_t *code_out);

#endif
