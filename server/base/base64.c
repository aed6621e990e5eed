#include "server/base/base64.h"

#include "server/base/instructions.h"

#if defined(INSTRUCTIONS_X86)
#include <immintrin.h>
#elif defined(INSTRUCTIONS_ARM)
#include <arm_neon.h>
#endif

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_size(size_t n)
{
    return (n + 2) / 3 * 4;
}

size_t base64_encode(const uint8_t *bytes, size_t n, char *out)
{
    char *o = out;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= left > 2 ? (uint32_t)bytes[i + 2] : 0;
        *o++ = alphabet[word >> 18];
        *o++ = alphabet[word >> 12 & 63];
        *o++ = left > 1 ? alphabet[word >> 6 & 63] : '=';
        *o++ = left > 2 ? alphabet[word & 63] : '=';
    }
    return (size_t)(o - out);
}

/* --- whole steps of vectors ---------------------------------------------------------------- */

#define STEP     16u /* characters; 12 bytes, of which a store writes 4 too many */
#define STEP_MIN 24u /* so many characters must be left that those 4 are still in out */

/*
 * A character's two halves are looked up in `low` and `high`: each bit is a reason why it cannot be
 * one of the alphabet, and one that both name is true. What is added to it to make its six bits
 * depends on the upper half alone, but for '/', which shares it with '+'.
 */
static const uint8_t not_with_low[16] = {0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                         0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a};
static const uint8_t not_with_high[16] = {0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08,
                                          0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10};
static const int8_t to_six_bits[16] = {0, '?' - '/', '>' - '+', 4, -65, -65, -71, -71, 0};
static const uint8_t take_out[16] = {2, 1,  0,  6,  5,    4,    10,   9,
                                     8, 14, 13, 12, 0x80, 0x80, 0x80, 0x80};

#if defined(INSTRUCTIONS_X86)

#define NATIVE __attribute__((target("ssse3")))

NATIVE static inline __m128i table(const void *t)
{
    return _mm_loadu_si128(t);
}

/* False: one of the 16 is not of the alphabet. Reads 16, writes 16. */
NATIVE static bool decode_step(const char *in, uint8_t *out)
{
    const __m128i nibble = _mm_set1_epi8(0x0f);
    __m128i text = _mm_loadu_si128((const void *)in);
    __m128i upper = _mm_and_si128(_mm_srli_epi32(text, 4), nibble);
    __m128i bad = _mm_and_si128(_mm_shuffle_epi8(table(not_with_high), upper),
                                _mm_shuffle_epi8(table(not_with_low), _mm_and_si128(text, nibble)));
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) != 0xffff) {
        return false;
    }
    __m128i slash = _mm_cmpeq_epi8(text, _mm_set1_epi8('/')); /* -1 there */
    __m128i six =
        _mm_add_epi8(text, _mm_shuffle_epi8(table(to_six_bits), _mm_add_epi8(upper, slash)));
    __m128i twelve = _mm_maddubs_epi16(six, _mm_set1_epi32(0x01400140));
    __m128i all = _mm_madd_epi16(twelve, _mm_set1_epi32(0x00011000)); /* 24 bits a word */
    _mm_storeu_si128((void *)out, _mm_shuffle_epi8(all, table(take_out)));
    return true;
}

#elif defined(INSTRUCTIONS_ARM)

static bool decode_step(const char *in, uint8_t *out)
{
    uint8x16_t text = vld1q_u8((const uint8_t *)in);
    uint8x16_t upper = vshrq_n_u8(text, 4);
    uint8x16_t bad = vandq_u8(vqtbl1q_u8(vld1q_u8(not_with_high), upper),
                              vqtbl1q_u8(vld1q_u8(not_with_low), vandq_u8(text, vdupq_n_u8(0x0f))));
    if (vmaxvq_u8(bad) != 0) {
        return false;
    }
    uint8x16_t slash = vceqq_u8(text, vdupq_n_u8('/'));
    uint8x16_t add = vqtbl1q_u8(vreinterpretq_u8_s8(vld1q_s8(to_six_bits)), vaddq_u8(upper, slash));
    uint32x4_t six = vreinterpretq_u32_u8(vaddq_u8(text, add));
    const uint32x4_t mask = vdupq_n_u32(0x3f);
    uint32x4_t all = vshlq_n_u32(vandq_u32(six, mask), 18);
    all = vorrq_u32(all, vshlq_n_u32(vandq_u32(vshrq_n_u32(six, 8), mask), 12));
    all = vorrq_u32(all, vshlq_n_u32(vandq_u32(vshrq_n_u32(six, 16), mask), 6));
    all = vorrq_u32(all, vshrq_n_u32(six, 24));
    vst1q_u8(out, vqtbl1q_u8(vreinterpretq_u8_u32(all), vld1q_u8(take_out)));
    return true;
}

#else

static bool decode_step(const char *in, uint8_t *out)
{
    (void)in;
    (void)out;
    (void)not_with_low;
    (void)not_with_high;
    (void)to_six_bits;
    (void)take_out;
    return false;
}

#endif

/* Characters done, a multiple of STEP; it stops early before one that it does not know. */
static size_t decode_steps(struct str s, uint8_t *out)
{
    size_t done = 0;
    if (s.n >= STEP_MIN && instructions_have(INSTRUCTIONS_BYTES)) {
        while (s.n - done >= STEP_MIN && decode_step(s.p + done, out)) {
            done += STEP;
            out += STEP / 4 * 3;
        }
    }
    return done;
}

/* --- groups of four ------------------------------------------------------------------------ */

#define NO_VALUE 0x40 /* not in the alphabet */

static uint8_t value[256];
static bool ready;

static void build_values(void)
{
    memset(value, NO_VALUE, sizeof value);
    for (uint8_t i = 0; i < 64; i++) {
        value[(uint8_t)alphabet[i]] = i;
    }
    ready = true;
}

/* Three bytes of each four characters; false: one is not of the alphabet. */
static bool decode_groups(const uint8_t *in, size_t groups, uint8_t *out)
{
    uint8_t bad = 0;
    for (; groups > 0; groups--, in += 4, out += 3) {
        uint8_t a = value[in[0]], b = value[in[1]], c = value[in[2]], d = value[in[3]];
        bad |= a | b | c | d;
        out[0] = (uint8_t)(a << 2 | b >> 4);
        out[1] = (uint8_t)(b << 4 | c >> 2);
        out[2] = (uint8_t)(c << 6 | d);
    }
    return !(bad & NO_VALUE);
}

/* The last group, of 4 - missing characters and padding. RFC 4648 3.5: bits that padding leaves over
 * must be zero, else two texts mean one value. */
static bool decode_padded(const char *in, size_t missing, uint8_t *out)
{
    uint8_t group[4] = {'A', 'A', 'A', 'A'}, bytes[3];
    memcpy(group, in, 4 - missing);
    if (!decode_groups(group, 1, bytes) || bytes[2] != 0 || (missing == 2 && bytes[1] != 0)) {
        return false;
    }
    memcpy(out, bytes, 3 - missing);
    return true;
}

static size_t padding(struct str s)
{
    if (s.p[s.n - 1] != '=') {
        return 0;
    }
    return s.p[s.n - 2] == '=' ? 2 : 1;
}

bool base64_decode(struct str s, uint8_t *out, size_t *n_out)
{
    if (s.n % 4 != 0) {
        return false;
    }
    if (s.n == 0) {
        *n_out = 0;
        return true;
    }
    if (!ready) {
        build_values();
    }
    size_t missing = padding(s), whole = missing ? s.n - 4 : s.n;
    size_t done = decode_steps((struct str){s.p, whole}, out);
    uint8_t *o = out + done / 4 * 3;
    if (!decode_groups((const uint8_t *)s.p + done, (whole - done) / 4, o)) {
        return false;
    }
    o += (whole - done) / 4 * 3;
    if (missing && !decode_padded(s.p + whole, missing, o)) {
        return false;
    }
    *n_out = (size_t)(o - out) + (missing ? 3 - missing : 0);
    return true;
}
