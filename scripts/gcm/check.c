/*
 * check.c - that the AES-GCM which a program is linked with is AES-GCM: some thousand texts of all lengths
 * at the borders of a block and of four, keys, nonces, tags; in place and beside; whole and in pieces; and
 * that nothing wrong is opened. Prints one digest of all results. It is DIGEST with the gcm.c of mbedTLS 2.28 and
 * of 3.6; scripts/release-libs.sh runs it, and a system test with the mbedTLS that is installed.
 */
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if MBEDTLS_VERSION_MAJOR < 3
#define mbedtls_sha256_starts mbedtls_sha256_starts_ret
#define mbedtls_sha256_update mbedtls_sha256_update_ret
#define mbedtls_sha256_finish mbedtls_sha256_finish_ret
#endif

#define DIGEST "7da6f19fb9b356872bb75397c3d6a31ff88297e5c1075f00ad2f598a80cef63e"

enum { MOST = 17000 };

static unsigned char plain[MOST], sealed[MOST], again[MOST];
static mbedtls_sha256_context all;
static uint32_t seed = 1;

static void fill(unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        p[i] = (unsigned char)(seed >> 24);
    }
}

static void must(int right, const char *what, size_t n)
{
    if (!right) {
        fprintf(stderr, "AES-GCM of %zu bytes: %s\n", n, what);
        exit(1);
    }
}

struct text {
    unsigned char iv[40], extra[80], tag[16];
    size_t iv_len, extra_len, tag_len, n;
};

/* Whatever the pieces, the result is the same. */
static void in_pieces(mbedtls_gcm_context *gcm, const struct text *t, size_t piece)
{
#if MBEDTLS_VERSION_MAJOR >= 3
    unsigned char tag[16];
    size_t done = 0, n = 0, extra = t->extra_len / 3;
    must(!mbedtls_gcm_starts(gcm, MBEDTLS_GCM_ENCRYPT, t->iv, t->iv_len), "starts", t->n);
    must(!mbedtls_gcm_update_ad(gcm, t->extra, extra), "update_ad", t->n);
    must(!mbedtls_gcm_update_ad(gcm, t->extra + extra, t->extra_len - extra), "update_ad", t->n);
    while (done < t->n) {
        size_t now = piece < t->n - done ? piece : t->n - done;
        must(!mbedtls_gcm_update(gcm, plain + done, now, again + done, now, &n) && n == now,
             "update", t->n);
        done += now;
        piece = piece % 67 + 1;
    }
    must(!mbedtls_gcm_finish(gcm, NULL, 0, &n, tag, t->tag_len) && n == 0, "finish", t->n);
    must(!memcmp(again, sealed, t->n) && !memcmp(tag, t->tag, t->tag_len),
         "in pieces it is another", t->n);
#else
    (void)gcm, (void)t, (void)piece;
#endif
}

static int opens(mbedtls_gcm_context *gcm, const struct text *t)
{
    memset(again, 0xaa, t->n);
    return mbedtls_gcm_auth_decrypt(gcm, t->n, t->iv, t->iv_len, t->extra, t->extra_len, t->tag,
                                    t->tag_len, sealed, again);
}

/* A bit of the tag, of what is authenticated, of the text. */
static void nothing_wrong_opens(mbedtls_gcm_context *gcm, struct text *t)
{
    unsigned char *bytes[] = {t->tag + seed % t->tag_len,
                              t->extra_len ? t->extra + t->extra_len - 1 : NULL,
                              t->n ? sealed + t->n - 1 : NULL, t->iv};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        if (bytes[i]) {
            *bytes[i] ^= (unsigned char)(1 << seed % 8);
            must(opens(gcm, t) == MBEDTLS_ERR_GCM_AUTH_FAILED, "a wrong one opens", t->n);
            *bytes[i] ^= (unsigned char)(1 << seed % 8);
            for (size_t k = 0; k < t->n; k++) {
                must(again[k] == 0, "a wrong one leaves text", t->n);
            }
        }
    }
}

static void one(size_t n, unsigned bits, size_t iv_len, size_t extra_len, size_t tag_len)
{
    struct text t = {.n = n, .iv_len = iv_len, .extra_len = extra_len, .tag_len = tag_len};
    unsigned char key[32];
    mbedtls_gcm_context gcm;
    fill(key, sizeof key);
    fill(t.iv, iv_len);
    fill(t.extra, extra_len);
    fill(plain, n);
    mbedtls_gcm_init(&gcm);
    must(!mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, bits), "setkey", n);
    must(!mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, n, t.iv, iv_len, t.extra, extra_len,
                                    plain, sealed, tag_len, t.tag),
         "seal", n);
    mbedtls_sha256_update(&all, sealed, n);
    mbedtls_sha256_update(&all, t.tag, tag_len);
    must(!opens(&gcm, &t) && !memcmp(again, plain, n), "it does not open", n);
    nothing_wrong_opens(&gcm, &t);
    in_pieces(&gcm, &t, seed % 67 + 1);
    memcpy(again, plain, n);
    must(!mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, n, t.iv, iv_len, t.extra, extra_len,
                                    again, again, tag_len, t.tag) &&
             !memcmp(again, sealed, n),
         "in place it is another", n);
    mbedtls_gcm_free(&gcm);
}

static void refuses(void)
{
    unsigned char p[16] = {0};
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    must(mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, plain, 120) != 0, "a key of 120 bits", 0);
    must(!mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, plain, 128), "setkey", 0);
    must(mbedtls_gcm_crypt_and_tag(&gcm, 1, 16, p, 0, p, 0, p, p, 16, p) ==
             MBEDTLS_ERR_GCM_BAD_INPUT,
         "no nonce", 16);
    must(mbedtls_gcm_crypt_and_tag(&gcm, 1, 16, p, 12, p, 0, p, p, 3, p) ==
             MBEDTLS_ERR_GCM_BAD_INPUT,
         "tag of 3", 16);
    must(mbedtls_gcm_crypt_and_tag(&gcm, 1, 16, p, 12, p, 0, p, p, 17, p) ==
             MBEDTLS_ERR_GCM_BAD_INPUT,
         "tag of 17", 16);
    mbedtls_gcm_free(&gcm);
}

int main(void)
{
    static const size_t ivs[] = {12, 12, 12, 1, 8, 16, 17, 40}, tags[] = {16, 16, 12, 4, 13};
    unsigned char digest[32];
    char text[65];
    mbedtls_sha256_init(&all);
    mbedtls_sha256_starts(&all, 0);
    for (size_t n = 0; n < 600; n++) {
        one(n, 128 + 64 * (unsigned)(n % 3), ivs[n % 8], n * 7 % 80, tags[n % 5]);
    }
    for (size_t n = 16300; n < 16420; n += 7) { /* as long as a record */
        one(n, n % 2 ? 128 : 256, 12, n % 2 ? 5 : 13, 16);
    }
    refuses();
    mbedtls_sha256_finish(&all, digest);
    for (size_t i = 0; i < 32; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    puts(text);
    must(!strcmp(text, DIGEST), "the results are not those of mbedTLS", 0);
    return 0;
}
