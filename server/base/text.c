#include "server/base/text.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

/* Bytes that differ are the same letter if they differ in 0x20 only. (ctype.h obeys the locale and is
 * undefined for negative char.) */
bool text_same_folded(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && ((a[i] ^ b[i]) != 0x20 || (unsigned)(a[i] | 0x20) - 'a' >= 26)) {
            return false;
        }
    }
    return true;
}

bool text_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && text_eq(text_sub(s, s.n - suffix.n, suffix.n), suffix);
}

bool text_ifind(struct str s, struct str needle, size_t *at_out)
{
    for (*at_out = 0; *at_out + needle.n <= s.n; (*at_out)++) {
        if (text_istarts(text_sub(s, *at_out, needle.n), needle)) {
            return true;
        }
    }
    *at_out = 0;
    return false;
}

bool text_find(struct str s, struct str needle, size_t *at_out)
{
    *at_out = 0;
    if (needle.n == 0 || s.n < needle.n) {
        return needle.n == 0;
    }
    const char *hit =
        needle.n == 1 ? memchr(s.p, needle.p[0], s.n) : memmem(s.p, s.n, needle.p, needle.n);
    *at_out = hit ? (size_t)(hit - s.p) : 0;
    return hit != NULL;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str text_trim(struct str s)
{
    while (s.n > 0 && blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && blank(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

struct str text_sub(struct str s, size_t from, size_t n)
{
    if (from >= s.n) {
        return (struct str){0};
    }
    return (struct str){s.p + from, n < s.n - from ? n : s.n - from};
}

/* The end is p == NULL, so that "a," still gives its last, empty piece. */
bool text_split(struct str *rest, char sep, struct str *piece_out)
{
    if (!rest->p) {
        return false;
    }
    const char *cut = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (!cut) {
        *piece_out = *rest;
        *rest = (struct str){0};
        return true;
    }
    size_t n = (size_t)(cut - rest->p);
    *piece_out = (struct str){rest->p, n};
    *rest = (struct str){cut + 1, rest->n - n - 1};
    return true;
}

char *text_copy(struct str s, char *out, size_t size)
{
    assert(size > 0);
    size_t n = s.n < size - 1 ? s.n : size - 1;
    if (n > 0) {
        memcpy(out, s.p, n);
    }
    out[n] = '\0';
    return out;
}

bool text_u64(struct str s, uint64_t *value_out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *value_out = value;
    return s.n > 0;
}

bool text_i64(struct str s, int64_t *value_out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t value = 0;
    if (!text_u64(negative ? text_sub(s, 1, s.n) : s, &value)) {
        return false;
    }
    if (value > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *value_out = (int64_t)(negative ? 0 - value : value);
    return true;
}

size_t text_put_u64(uint64_t value, char *out)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++) {
        out[i] = digits[n - 1 - i];
    }
    return n;
}

void text_hex(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = bytes[i]; /* out may be anything, so that it would be read twice */
        out[2 * i] = digits[byte >> 4];
        out[2 * i + 1] = digits[byte & 15];
    }
}

static bool unhex_byte(const char *two, uint8_t *out)
{
    int high = text_hex_digit(two[0]);
    int low = text_hex_digit(two[1]);
    *out = (uint8_t)((high & 15) << 4 | (low & 15));
    return high >= 0 && low >= 0;
}

bool text_unhex(struct str hex, uint8_t *out, size_t n)
{
    if (hex.n % 2 != 0 || hex.n / 2 != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!unhex_byte(hex.p + 2 * i, &out[i])) {
            return false;
        }
    }
    return true;
}

/* Whole runs of what is kept: every path to AWS is encoded twice, and needs little of it. */
size_t text_percent(struct str s, char *out, size_t size)
{
    size_t n = 0;
    while (s.n > 0) {
        size_t kept = text_span(s, "-._~"), need = kept < s.n ? kept + 3 : kept;
        if (size - n < need) {
            return 0;
        }
        memcpy(out + n, s.p, kept);
        n += need;
        if (kept < s.n) {
            uint8_t byte = (uint8_t)s.p[kept];
            out[n - 3] = '%';
            out[n - 2] = "0123456789ABCDEF"[byte >> 4];
            out[n - 1] = "0123456789ABCDEF"[byte & 15];
        }
        s = text_sub(s, kept + 1, s.n);
    }
    return n;
}

bool text_unpercent(struct str s, char *out, size_t *n_out)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            out[n++] = s.p[i];
            continue;
        }
        uint8_t byte = 0;
        if (s.n - i < 3 || !unhex_byte(s.p + i + 1, &byte)) {
            return false;
        }
        out[n++] = (char)byte;
        i += 2;
    }
    *n_out = n;
    return true;
}

bool text_secret_eq(const void *a, const void *b, size_t n)
{
    /* volatile: the compiler may not leave the loop at the first difference */
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t different = 0;
    for (size_t i = 0; i < n; i++) {
        different |= (uint8_t)(x[i] ^ y[i]);
    }
    return different == 0;
}

void text_wipe(void *p, size_t n)
{
    if (n > 0) {
        explicit_bzero(p, n);
    }
}

void text_random(void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        assert(got > 0 || errno == EINTR);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        }
    }
}

#define ID_DIGITS 24 /* 24 of base62: 142 bits */

/* One system call for some thirty ids. A child must not repeat its parent's, so fork empties the
 * pool. */
static struct {
    uint8_t bytes[1024];
    size_t left;
    bool watched;
} id_pool;

static void forget_pool(void)
{
    id_pool.left = 0;
}

static uint8_t pool_byte(void)
{
    if (id_pool.left == 0) {
        if (!id_pool.watched) {
            id_pool.watched = pthread_atfork(NULL, NULL, forget_pool) == 0;
        }
        text_random(id_pool.bytes, sizeof id_pool.bytes);
        id_pool.left = id_pool.watched ? sizeof id_pool.bytes : 1;
    }
    return id_pool.bytes[--id_pool.left];
}

void text_id(struct str prefix, char *out, size_t size)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    assert(size > prefix.n + ID_DIGITS);
    text_copy(prefix, out, size);
    char *o = out + prefix.n;
    char *end = o + ID_DIGITS;
    while (o < end) {
        uint8_t six = pool_byte() & 63;
        if (six < 62) { /* rejected, not folded: every digit stays equally likely */
            *o++ = alphabet[six];
        }
    }
    *o = '\0';
}
