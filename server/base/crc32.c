#include "server/base/crc32.h"

#include <stdbool.h>

#include "server/base/instructions.h"

#if defined(INSTRUCTIONS_X86)
#include <immintrin.h>
#elif defined(INSTRUCTIONS_ARM)
#include <arm_acle.h>
#include <string.h>
#endif

#define POLYNOMIAL 0xEDB88320U

/* tables[k][b]: what byte b does to the remainder when k more bytes follow it in the same step. */
static uint32_t tables[8][256];
static bool ready;

static void build_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int b = 0; b < 256; b++) {
            uint32_t before = tables[k - 1][b];
            tables[k][b] = before >> 8 ^ tables[0][before & 255];
        }
    }
    ready = true;
}

static uint32_t step8(uint32_t crc, const uint8_t *p)
{
    uint32_t low =
        crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    return tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^
           tables[4][low >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
           tables[0][p[7]];
}

static uint32_t add_portable(uint32_t crc, const uint8_t *p, size_t n)
{
    if (!ready) {
        build_tables();
    }
    for (; n >= 8; n -= 8, p += 8) {
        crc = step8(crc, p);
    }
    for (; n > 0; n--, p++) {
        crc = crc >> 8 ^ tables[0][(crc ^ *p) & 255];
    }
    return crc;
}

/* --- with the CPU's help ------------------------------------------------------------------- */

#if defined(INSTRUCTIONS_X86)

#define NATIVE     __attribute__((target("pclmul,sse4.1")))
#define NATIVE_MIN 32u /* below, the tables are as fast */
#define LANE       16u

/* x^n modulo the polynomial, bits reflected: what folds a lane over the distance of n - 32 bits.
 * Source: V. Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ, Intel 2009. */
#define X_4_128 _mm_set_epi64x(0x1c6e41596, 0x154442bd4) /* four lanes further */
#define X_128   _mm_set_epi64x(0x0ccaa009e, 0x1751997d0) /* one lane further */
#define X_64    _mm_set_epi64x(0, 0x163cd6124)
#define BARRETT _mm_set_epi64x(0x1f7011641, 0x1db710641)

NATIVE static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const void *)p);
}

NATIVE static inline __m128i fold(__m128i lane, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(lane, by, 0x00), high = _mm_clmulepi64_si128(lane, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* The remainder of a lane. */
NATIVE static uint32_t reduce(__m128i lane)
{
    const __m128i low32 = _mm_set_epi32(0, -1, 0, -1);
    __m128i x = _mm_xor_si128(_mm_srli_si128(lane, 8), _mm_clmulepi64_si128(lane, X_128, 0x10));
    x = _mm_xor_si128(_mm_srli_si128(x, 4),
                      _mm_clmulepi64_si128(_mm_and_si128(x, low32), X_64, 0x00));
    __m128i q = _mm_clmulepi64_si128(_mm_and_si128(x, low32), BARRETT, 0x10);
    q = _mm_clmulepi64_si128(_mm_and_si128(q, low32), BARRETT, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, q), 1);
}

/* Whole lanes, at least one; *n_out: bytes done. */
NATIVE static uint32_t add_lanes(uint32_t crc, const uint8_t *p, size_t n, size_t *n_out)
{
    const uint8_t *at = p + LANE, *end = p + n;
    __m128i x = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)crc));
    if (n >= 4 * LANE) {
        __m128i x1 = load(p + LANE), x2 = load(p + 2 * LANE), x3 = load(p + 3 * LANE);
        for (at = p + 4 * LANE; end - at >= (ptrdiff_t)(4 * LANE); at += 4 * LANE) {
            x = fold(x, X_4_128, load(at));
            x1 = fold(x1, X_4_128, load(at + LANE));
            x2 = fold(x2, X_4_128, load(at + 2 * LANE));
            x3 = fold(x3, X_4_128, load(at + 3 * LANE));
        }
        x = fold(fold(fold(x, X_128, x1), X_128, x2), X_128, x3);
    }
    for (; end - at >= (ptrdiff_t)LANE; at += LANE) {
        x = fold(x, X_128, load(at));
    }
    *n_out = (size_t)(at - p);
    return reduce(x);
}

static uint32_t add_native(uint32_t crc, const uint8_t *p, size_t n)
{
    size_t done;
    crc = add_lanes(crc, p, n, &done);
    return add_portable(crc, p + done, n - done);
}

#elif defined(INSTRUCTIONS_ARM)

#ifdef __clang__
#define NATIVE __attribute__((target("crc")))
#else
#define NATIVE __attribute__((target("+crc")))
#endif
#define NATIVE_MIN 8u

NATIVE static uint32_t add_native(uint32_t crc, const uint8_t *p, size_t n)
{
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        crc = __crc32d(crc, word);
    }
    for (; n > 0; n--, p++) {
        crc = __crc32b(crc, *p);
    }
    return crc;
}

#else

#define NATIVE_MIN 0u

static uint32_t add_native(uint32_t crc, const uint8_t *p, size_t n)
{
    return add_portable(crc, p, n);
}

#endif

uint32_t crc32_add(uint32_t crc, const void *p, size_t n)
{
    bool native = n >= NATIVE_MIN && instructions_have(INSTRUCTIONS_CRC);
    return ~(native ? add_native(~crc, p, n) : add_portable(~crc, p, n));
}
