/* UTF-8 (RFC 3629): one character, a character that steers what shows it, and whole texts, 16 bytes a
 * step where the CPU looks up bytes. */
#include "server/base/text.h"

#include "server/base/instructions.h"

#if defined(INSTRUCTIONS_X86)
#include <immintrin.h>
#elif defined(INSTRUCTIONS_ARM)
#include <arm_neon.h>
#endif

static bool continuation(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

/* RFC 3629 section 4: after these lead bytes the second one has a narrower range. */
static bool second_fits(uint8_t lead, uint8_t second)
{
    switch (lead) {
    case 0xe0: /* overlong */
        return second >= 0xa0 && second <= 0xbf;
    case 0xed: /* surrogates */
        return second >= 0x80 && second <= 0x9f;
    case 0xf0: /* overlong */
        return second >= 0x90 && second <= 0xbf;
    case 0xf4: /* above U+10FFFF */
        return second >= 0x80 && second <= 0x8f;
    default:
        return continuation(second);
    }
}

size_t text_utf8_step(struct str s)
{
    const uint8_t *c = (const uint8_t *)s.p;
    if (s.n == 0 || c[0] < 0x80) {
        return s.n == 0 ? 0 : 1;
    }
    size_t size = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (c[0] < 0xc2 || c[0] > 0xf4 || s.n < size || !second_fits(c[0], c[1])) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (!continuation(c[i])) {
            return 0;
        }
    }
    return size;
}

static uint32_t code_point(const uint8_t *c, size_t size)
{
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = c[0] & lead[size];
    for (size_t i = 1; i < size; i++) {
        code = code << 6 | (c[i] & 0x3f);
    }
    return code;
}

/* Unicode 15: categories Cc and Cf, and the separators of lines and paragraphs. */
bool text_steers(struct str s, size_t *size_out, uint32_t *code_out)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},
        {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},
        {0x8e2, 0x8e2},     {0x180e, 0x180e},   {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f},   {0xfeff, 0xfeff},   {0xfff9, 0xfffb},   {0x110bd, 0x110bd},
        {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
        {0xe0000, 0xe007f},
    };
    size_t size = text_utf8_step(s), i = 0;
    uint32_t code = size ? code_point((const uint8_t *)s.p, size) : 0;
    *size_out = size ? size : 1;
    if (code_out) {
        *code_out = code;
    }
    while (i < COUNT_OF(ranges) && code > ranges[i].to) {
        i++;
    }
    return i < COUNT_OF(ranges) && code >= ranges[i].from;
}

/* --- whole texts --------------------------------------------------------------------------- */

/* A word at a time where all of it is ASCII. */
static bool is_utf8_portable(struct str s)
{
    while (s.n > 0) {
        uint64_t eight = 0;
        if (s.n >= sizeof(eight)) {
            memcpy(&eight, s.p, sizeof(eight));
        }
        bool ascii = s.n >= sizeof(eight) && (eight & 0x8080808080808080U) == 0;
        size_t step = ascii ? sizeof(eight) : text_utf8_step(s);
        if (step == 0) {
            return false;
        }
        s.p += step;
        s.n -= step;
    }
    return true;
}

#if defined(INSTRUCTIONS_X86) || defined(INSTRUCTIONS_ARM)

/*
 * What two bytes in a row can have wrong, a bit each. Three tables say which of it the first byte's
 * upper half, its lower half and the second byte's upper half allow; what all three allow is the case.
 * TWO is no fault behind a lead of three or four bytes, and its lack there is one.
 * Source: J. Keiser, D. Lemire, Validating UTF-8 in less than one instruction per byte, 2020.
 */
enum {
    SHORT = 0x01,   /* a lead, and then no continuation */
    LONG = 0x02,    /* a continuation behind ASCII */
    OVER3 = 0x04,   /* E0 80..9F */
    LARGE = 0x08,   /* F4 90.. and above */
    HALF = 0x10,    /* ED A0..BF: a surrogate */
    OVER2 = 0x20,   /* C0, C1 */
    OVER4 = 0x40,   /* F0 80..8F */
    LARGEST = 0x40, /* F5.. 80..8F: never together with OVER4 in one lower half */
    TWO = 0x80,     /* two continuations */
    ANY = SHORT | LONG | TWO,
};

static const uint8_t first_upper[16] = {LONG,
                                        LONG,
                                        LONG,
                                        LONG,
                                        LONG,
                                        LONG,
                                        LONG,
                                        LONG,
                                        TWO,
                                        TWO,
                                        TWO,
                                        TWO,
                                        SHORT | OVER2,
                                        SHORT,
                                        SHORT | OVER3 | HALF,
                                        SHORT | LARGE | LARGEST | OVER4};
static const uint8_t first_lower[16] = {ANY | OVER3 | OVER2 | OVER4,
                                        ANY | OVER2,
                                        ANY,
                                        ANY,
                                        ANY | LARGE,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST | HALF,
                                        ANY | LARGE | LARGEST,
                                        ANY | LARGE | LARGEST};
static const uint8_t second_upper[16] = {SHORT,
                                         SHORT,
                                         SHORT,
                                         SHORT,
                                         SHORT,
                                         SHORT,
                                         SHORT,
                                         SHORT,
                                         LONG | OVER2 | TWO | OVER3 | LARGEST | OVER4,
                                         LONG | OVER2 | TWO | OVER3 | LARGE,
                                         LONG | OVER2 | TWO | HALF | LARGE,
                                         LONG | OVER2 | TWO | HALF | LARGE,
                                         SHORT,
                                         SHORT,
                                         SHORT,
                                         SHORT};

#define STEP 16u

#endif

#if defined(INSTRUCTIONS_X86)

#define NATIVE __attribute__((target("ssse3")))

NATIVE static inline __m128i look_up(const uint8_t table[16], __m128i index)
{
    return _mm_shuffle_epi8(_mm_loadu_si128((const void *)table), index);
}

NATIVE static inline __m128i upper_half(__m128i v)
{
    return _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(0x0f));
}

/* Not zero where `now`, which follows `before`, is wrong. */
NATIVE static inline __m128i faults(__m128i before, __m128i now)
{
    __m128i prev1 = _mm_alignr_epi8(now, before, 15);
    __m128i prev2 = _mm_alignr_epi8(now, before, 14), prev3 = _mm_alignr_epi8(now, before, 13);
    __m128i pairs = _mm_and_si128(look_up(first_upper, upper_half(prev1)),
                                  look_up(second_upper, upper_half(now)));
    pairs = _mm_and_si128(pairs, look_up(first_lower, _mm_and_si128(prev1, _mm_set1_epi8(0x0f))));
    __m128i third = _mm_subs_epu8(prev2, _mm_set1_epi8((char)(0xe0 - 0x80)));
    __m128i fourth = _mm_subs_epu8(prev3, _mm_set1_epi8((char)(0xf0 - 0x80)));
    __m128i must = _mm_and_si128(_mm_or_si128(third, fourth), _mm_set1_epi8((char)TWO));
    return _mm_xor_si128(pairs, must);
}

NATIVE static bool is_utf8_native(struct str s)
{
    __m128i before = _mm_setzero_si128(), bad = before, now;
    char last[STEP] = {0};
    for (; s.n >= STEP; s.p += STEP, s.n -= STEP, before = now) {
        now = _mm_loadu_si128((const void *)s.p);
        if (_mm_movemask_epi8(_mm_or_si128(now, before))) {
            bad = _mm_or_si128(bad, faults(before, now));
        }
    }
    if (s.n > 0) {
        memcpy(last, s.p, s.n);
    }
    bad = _mm_or_si128(bad, faults(before, _mm_loadu_si128((const void *)last)));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) == 0xffff;
}

#elif defined(INSTRUCTIONS_ARM)

/* Not zero where `now`, which follows `before`, is wrong. */
static inline uint8x16_t faults(uint8x16_t before, uint8x16_t now)
{
    uint8x16_t prev1 = vextq_u8(before, now, 15), prev2 = vextq_u8(before, now, 14),
               prev3 = vextq_u8(before, now, 13);
    uint8x16_t pairs = vandq_u8(vqtbl1q_u8(vld1q_u8(first_upper), vshrq_n_u8(prev1, 4)),
                                vqtbl1q_u8(vld1q_u8(second_upper), vshrq_n_u8(now, 4)));
    pairs = vandq_u8(pairs, vqtbl1q_u8(vld1q_u8(first_lower), vandq_u8(prev1, vdupq_n_u8(0x0f))));
    uint8x16_t third = vqsubq_u8(prev2, vdupq_n_u8(0xe0 - 0x80));
    uint8x16_t fourth = vqsubq_u8(prev3, vdupq_n_u8(0xf0 - 0x80));
    return veorq_u8(pairs, vandq_u8(vorrq_u8(third, fourth), vdupq_n_u8(TWO)));
}

static bool is_utf8_native(struct str s)
{
    uint8x16_t before = vdupq_n_u8(0), bad = before, now;
    uint8_t last[STEP] = {0};
    for (; s.n >= STEP; s.p += STEP, s.n -= STEP, before = now) {
        now = vld1q_u8((const uint8_t *)s.p);
        if (vmaxvq_u8(vorrq_u8(now, before)) >= 0x80) {
            bad = vorrq_u8(bad, faults(before, now));
        }
    }
    if (s.n > 0) {
        memcpy(last, s.p, s.n);
    }
    bad = vorrq_u8(bad, faults(before, vld1q_u8(last)));
    return vmaxvq_u8(bad) == 0;
}

#else

static bool is_utf8_native(struct str s)
{
    return is_utf8_portable(s);
}

#endif

bool text_is_utf8(struct str s)
{
    return instructions_have(INSTRUCTIONS_BYTES) ? is_utf8_native(s) : is_utf8_portable(s);
}
