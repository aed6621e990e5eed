#include "server/base/sha256.h"

#include <assert.h>
#include <mbedtls/md.h>
#include <string.h>

#include "server/base/instructions.h"

#if defined(INSTRUCTIONS_X86)
#include <immintrin.h>
#elif defined(INSTRUCTIONS_ARM)
#include <arm_neon.h>
#endif

#define BLOCK 64

/* Mixes whole blocks into the eight words of the state (FIPS 180-4, 6.2.2). */
struct engine {
    const char *name;
    void (*mix)(uint32_t state[8], const uint8_t *p, size_t blocks);
};

#if defined(INSTRUCTIONS_X86) || defined(INSTRUCTIONS_ARM)

/* FIPS 180-4, 4.2.2: fractions of the cube roots of the first 64 primes. */
_Alignas(16) static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#endif

#if defined(INSTRUCTIONS_X86)

#define NATIVE __attribute__((target("sha,sse4.1")))

/* The instructions want the state as (a b e f) and (c d g h), highest word first. */
struct halves {
    __m128i abef;
    __m128i cdgh;
};

NATIVE static inline struct halves four_rounds(struct halves s, __m128i w, size_t group)
{
    const __m128i *k = (const __m128i *)(const void *)round_constants + group;
    __m128i wk = _mm_add_epi32(w, _mm_load_si128(k));
    s.cdgh = _mm_sha256rnds2_epu32(s.cdgh, s.abef, wk);
    s.abef = _mm_sha256rnds2_epu32(s.abef, s.cdgh, _mm_shuffle_epi32(wk, 0x0e));
    return s;
}

/* The next four words of the message schedule from the last sixteen, w0 the oldest. */
NATIVE static inline __m128i schedule(__m128i w0, __m128i w1, __m128i w2, __m128i w3)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    return _mm_sha256msg2_epu32(sum, w3);
}

NATIVE static inline __m128i load_words(const uint8_t *p)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), big_endian);
}

NATIVE static struct halves mix_block(struct halves s, const uint8_t *p)
{
    __m128i w0 = load_words(p);
    __m128i w1 = load_words(p + 16);
    __m128i w2 = load_words(p + 32);
    __m128i w3 = load_words(p + 48);
    s = four_rounds(s, w0, 0);
    s = four_rounds(s, w1, 1);
    s = four_rounds(s, w2, 2);
    s = four_rounds(s, w3, 3);
    for (size_t group = 4; group < 16; group++) {
        __m128i next = schedule(w0, w1, w2, w3);
        s = four_rounds(s, next, group);
        w0 = w1;
        w1 = w2;
        w2 = w3;
        w3 = next;
    }
    return s;
}

NATIVE static void mix_native(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    __m128i *words = (__m128i *)(void *)state;
    __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128(words), 0x1b);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1b);
    struct halves s = {_mm_unpackhi_epi64(hgfe, dcba), _mm_unpacklo_epi64(hgfe, dcba)};
    for (; blocks > 0; blocks--, p += BLOCK) {
        struct halves after = mix_block(s, p);
        s.abef = _mm_add_epi32(s.abef, after.abef);
        s.cdgh = _mm_add_epi32(s.cdgh, after.cdgh);
    }
    dcba = _mm_unpackhi_epi64(s.cdgh, s.abef);
    hgfe = _mm_unpacklo_epi64(s.cdgh, s.abef);
    _mm_storeu_si128(words, _mm_shuffle_epi32(dcba, 0x1b));
    _mm_storeu_si128(words + 1, _mm_shuffle_epi32(hgfe, 0x1b));
}

static const struct engine native = {"sha-ni", mix_native};

#elif defined(INSTRUCTIONS_ARM)

#ifdef __clang__
#define NATIVE __attribute__((target("crypto")))
#else
#define NATIVE __attribute__((target("+crypto")))
#endif

struct halves {
    uint32x4_t abcd;
    uint32x4_t efgh;
};

NATIVE static inline struct halves four_rounds(struct halves s, uint32x4_t w, size_t group)
{
    uint32x4_t wk = vaddq_u32(w, vld1q_u32(round_constants + 4 * group));
    return (struct halves){vsha256hq_u32(s.abcd, s.efgh, wk), vsha256h2q_u32(s.efgh, s.abcd, wk)};
}

NATIVE static inline uint32x4_t load_words(const uint8_t *p)
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p)));
}

NATIVE static struct halves mix_block(struct halves s, const uint8_t *p)
{
    uint32x4_t w0 = load_words(p);
    uint32x4_t w1 = load_words(p + 16);
    uint32x4_t w2 = load_words(p + 32);
    uint32x4_t w3 = load_words(p + 48);
    s = four_rounds(s, w0, 0);
    s = four_rounds(s, w1, 1);
    s = four_rounds(s, w2, 2);
    s = four_rounds(s, w3, 3);
    for (size_t group = 4; group < 16; group++) {
        uint32x4_t next = vsha256su1q_u32(vsha256su0q_u32(w0, w1), w2, w3);
        s = four_rounds(s, next, group);
        w0 = w1;
        w1 = w2;
        w2 = w3;
        w3 = next;
    }
    return s;
}

NATIVE static void mix_native(uint32_t state[8], const uint8_t *p, size_t blocks)
{
    struct halves s = {vld1q_u32(state), vld1q_u32(state + 4)};
    for (; blocks > 0; blocks--, p += BLOCK) {
        struct halves after = mix_block(s, p);
        s.abcd = vaddq_u32(s.abcd, after.abcd);
        s.efgh = vaddq_u32(s.efgh, after.efgh);
    }
    vst1q_u32(state, s.abcd);
    vst1q_u32(state + 4, s.efgh);
}

static const struct engine native = {"armv8", mix_native};

#else

static const struct engine native = {"none", NULL};

#endif

/* NULL: mbedTLS does the whole digest. */
static const struct engine *engine(void)
{
    return instructions_have(INSTRUCTIONS_SHA) ? &native : NULL;
}

const char *sha256_engine(void)
{
    return engine() ? engine()->name : "mbedtls";
}

/* One context for the life of the process: setting it up allocates. */
static mbedtls_md_context_t *mbedtls_context(void)
{
    static mbedtls_md_context_t context;
    static bool ready;
    if (!ready) {
        mbedtls_md_init(&context);
        int rc = mbedtls_md_setup(&context, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 0);
        assert(rc == 0);
        ready = true;
    }
    return &context;
}

static void digest_mbedtls(struct str head, struct str body, uint8_t out[SHA256_SIZE])
{
    mbedtls_md_context_t *context = mbedtls_context();
    int rc = mbedtls_md_starts(context);
    rc |= mbedtls_md_update(context, (const uint8_t *)head.p, head.n);
    rc |= mbedtls_md_update(context, (const uint8_t *)body.p, body.n);
    rc |= mbedtls_md_finish(context, out);
    assert(rc == 0);
}

static void put_be32(uint8_t *out, uint32_t word)
{
    out[0] = (uint8_t)(word >> 24);
    out[1] = (uint8_t)(word >> 16);
    out[2] = (uint8_t)(word >> 8);
    out[3] = (uint8_t)word;
}

/* FIPS 180-4, 5.1.1: a one bit, zeroes, and the length in bits as the last eight bytes of
 * a block. */
static void mix_last(const struct engine *e, uint32_t state[8], struct str rest, size_t total)
{
    uint8_t last[2 * BLOCK] = {0};
    size_t blocks = rest.n + 9 > BLOCK ? 2 : 1;
    uint64_t bits = (uint64_t)total * 8;
    if (rest.n > 0) {
        memcpy(last, rest.p, rest.n);
    }
    last[rest.n] = 0x80;
    put_be32(last + blocks * BLOCK - 8, (uint32_t)(bits >> 32));
    put_be32(last + blocks * BLOCK - 4, (uint32_t)bits);
    e->mix(state, last, blocks);
    text_wipe(last, sizeof(last));
}

/* head is empty or one whole block: HMAC's padded key. */
static void digest_native(const struct engine *e, struct str head, struct str body,
                          uint8_t out[SHA256_SIZE])
{
    /* FIPS 180-4, 5.3.3: fractions of the square roots of the first eight primes. */
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    assert(head.n % BLOCK == 0);
    size_t whole = body.n / BLOCK;
    e->mix(state, (const uint8_t *)head.p, head.n / BLOCK);
    e->mix(state, (const uint8_t *)body.p, whole);
    mix_last(e, state, text_sub(body, whole * BLOCK, body.n), head.n + body.n);
    for (size_t i = 0; i < 8; i++) {
        put_be32(out + 4 * i, state[i]);
    }
}

static void digest(struct str head, struct str body, uint8_t out[SHA256_SIZE])
{
    const struct engine *e = engine();
    if (e) {
        digest_native(e, head, body, out);
    } else {
        digest_mbedtls(head, body, out);
    }
}

void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
    digest((struct str){0}, (struct str){p, n}, out);
}

void sha256_hex(const void *p, size_t n, char out[2 * SHA256_SIZE])
{
    uint8_t raw[SHA256_SIZE];
    sha256(p, n, raw);
    text_hex(raw, sizeof(raw), out);
}

/* RFC 2104: H(key ^ opad, H(key ^ ipad, text)); a long key is replaced by its digest. */
void sha256_hmac(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
    uint8_t inner[BLOCK] = {0};
    uint8_t outer[BLOCK];
    uint8_t middle[SHA256_SIZE];
    if (key_n > BLOCK) {
        sha256(key, key_n, inner);
    } else if (key_n > 0) {
        memcpy(inner, key, key_n);
    }
    for (size_t i = 0; i < BLOCK; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    digest((struct str){(const char *)inner, BLOCK}, (struct str){p, n}, middle);
    digest((struct str){(const char *)outer, BLOCK},
           (struct str){(const char *)middle, SHA256_SIZE}, out);
    text_wipe(inner, sizeof(inner));
    text_wipe(outer, sizeof(outer));
    text_wipe(middle, sizeof(middle));
}
