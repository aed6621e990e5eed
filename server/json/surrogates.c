#include "server/json/surrogates.h"

#include <string.h>

#define ESCAPE 6 /* \ud83d */
#define BYTES  3 /* ed a0 bd */

enum { HIGH = 0xD800, LOW = 0xDC00, ANY = 0xD800 };

/* The unit of \uXXXX at p; -1: there is none. */
static int32_t unit_at(const char *p, size_t left)
{
    int32_t v = 0;
    if (left < ESCAPE || p[0] != '\\' || p[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < ESCAPE; i++) {
        int digit = text_hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        v = v * 16 + digit;
    }
    return v;
}

static bool is_half(int32_t unit, int32_t half)
{
    return unit >= 0 && (unit & 0xFC00) == half;
}

/* At a backslash: the bytes of its escape, of a pair both. *lone_out: it is a half alone. */
static size_t escape_at(const char *p, size_t left, bool *lone_out)
{
    int32_t unit = unit_at(p, left);
    *lone_out = false;
    if (unit < 0) {
        return left < 2 ? left : 2;
    }
    if (is_half(unit, HIGH) && is_half(unit_at(p + ESCAPE, left - ESCAPE), LOW)) {
        return (size_t)2 * ESCAPE;
    }
    *lone_out = (unit & 0xF800) == ANY;
    return ESCAPE;
}

/* The next half from *at on; false: none. *at: behind it. */
static bool next_escape(const char *p, size_t n, size_t *at, size_t *found_out)
{
    const char *slash;
    while (*at < n && (slash = memchr(p + *at, '\\', n - *at))) {
        bool lone;
        *found_out = (size_t)(slash - p);
        *at = *found_out + escape_at(slash, n - *found_out, &lone);
        if (lone) {
            return true;
        }
    }
    return false;
}

static bool next_bytes(const char *p, size_t n, size_t *at, size_t *found_out)
{
    const char *lead;
    while (*at < n && (lead = memchr(p + *at, 0xED, n - *at))) {
        *found_out = (size_t)(lead - p);
        *at = *found_out + 1;
        if (n - *found_out >= BYTES && (uint8_t)lead[1] >= 0xA0 && (uint8_t)lead[1] <= 0xBF &&
            (uint8_t)lead[2] >= 0x80 && (uint8_t)lead[2] <= 0xBF) {
            return true;
        }
    }
    return false;
}

bool surrogates_mend(char *p, size_t n)
{
    size_t at = 0, found;
    bool mended = false;
    for (; next_escape(p, n, &at, &found); mended = true) {
        memcpy(p + found, "\\ufffd", ESCAPE);
    }
    for (at = 0; next_bytes(p, n, &at, &found); mended = true) {
        memcpy(p + found, "\xef\xbf\xbd", BYTES);
    }
    return mended;
}

struct str surrogates_mended(struct arena *arena, struct str text)
{
    size_t at = 0, bytes_at = 0, found;
    if (!next_escape(text.p, text.n, &at, &found) &&
        !next_bytes(text.p, text.n, &bytes_at, &found)) {
        return text;
    }
    char *copy = arena_alloc(arena, text.n);
    if (!copy) {
        return (struct str){NULL, 0};
    }
    memcpy(copy, text.p, text.n);
    surrogates_mend(copy, text.n);
    return (struct str){copy, text.n};
}
