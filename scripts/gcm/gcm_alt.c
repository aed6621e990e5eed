/*
 * gcm_alt.c - the functions of <mbedtls/gcm.h> by BearSSL. What they refuse, and with which code, is as
 * in mbedTLS's own gcm.c; check.c compares the two.
 */
#include <mbedtls/gcm.h>

#include <mbedtls/constant_time.h>
#include <mbedtls/platform_util.h>
#include <string.h>

#define MOST_DATA 0xFFFFFFFE0u /* SP 800-38D 5.2.1.1: 2^39 - 256 bits */

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
    memset(ctx, 0, sizeof *ctx);
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
    if (ctx) {
        mbedtls_platform_zeroize(ctx, sizeof *ctx);
    }
}

/* CPUID leaves a virtual machine, which takes microseconds: asked once. Whoever writes writes the same. */
static int is_fast(void)
{
    static int known;
    if (!known) {
        known = br_aes_x86ni_ctr_get_vtable() && br_ghash_pclmul_get() ? 1 : -1;
    }
    return known > 0;
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
                       const unsigned char *key, unsigned int keybits)
{
    if (cipher != MBEDTLS_CIPHER_ID_AES || (keybits != 128 && keybits != 192 && keybits != 256)) {
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    mbedtls_platform_zeroize(ctx, sizeof *ctx);
    if (is_fast()) {
        br_aes_x86ni_ctr_init(&ctx->key.fast, key, keybits / 8);
    } else {
        br_aes_ct64_ctr_init(&ctx->key.plain, key, keybits / 8);
    }
    br_gcm_init(&ctx->gcm, &ctx->key.vtable, is_fast() ? br_ghash_pclmul : br_ghash_ctmul64);
    return 0;
}

/* ---- piece by piece ------------------------------------------------------------------------ */

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len)
{
    if (!ctx->key.vtable || iv_len == 0 || (uint64_t)iv_len >> 61 != 0) {
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    ctx->mode = mode;
    ctx->flipped = 0;
    ctx->length = ctx->extra = 0;
    br_gcm_reset(&ctx->gcm, iv, iv_len);
    return 0;
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context *ctx, const unsigned char *add, size_t add_len)
{
    uint64_t extra = ctx->extra + add_len;
    if (!ctx->key.vtable || extra < ctx->extra || extra >> 61 != 0) {
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    ctx->extra = extra;
    if (add_len > 0) {
        br_gcm_aad_inject(&ctx->gcm, add, add_len);
    }
    return 0;
}

/* Once, before the first data or the tag. */
static void flip(mbedtls_gcm_context *ctx)
{
    if (!ctx->flipped) {
        ctx->flipped = 1;
        br_gcm_flip(&ctx->gcm);
    }
}

int mbedtls_gcm_update(mbedtls_gcm_context *ctx, const unsigned char *input, size_t input_length,
                       unsigned char *output, size_t output_size, size_t *output_length)
{
    if (output_size < input_length) {
        return MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL;
    }
    *output_length = input_length;
    if (input_length == 0) {
        return 0;
    }
    uint64_t length = ctx->length + input_length;
    if (!ctx->key.vtable || length < ctx->length || length > MOST_DATA ||
        (output > input && (size_t)(output - input) < input_length)) {
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    ctx->length = length;
    if (output != input) {
        memmove(output, input, input_length);
    }
    flip(ctx);
    br_gcm_run(&ctx->gcm, ctx->mode == MBEDTLS_GCM_ENCRYPT, output, input_length);
    return 0;
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *output, size_t output_size,
                       size_t *output_length, unsigned char *tag, size_t tag_len)
{
    (void)output, (void)output_size;
    *output_length = 0;
    if (!ctx->key.vtable || tag_len < 4 || tag_len > 16) {
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    flip(ctx);
    br_gcm_get_tag_trunc(&ctx->gcm, tag, tag_len);
    return 0;
}

/* ---- at once ------------------------------------------------------------------------------- */

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
                              const unsigned char *iv, size_t iv_len, const unsigned char *add,
                              size_t add_len, const unsigned char *input, unsigned char *output,
                              size_t tag_len, unsigned char *tag)
{
    size_t n;
    int ret = mbedtls_gcm_starts(ctx, mode, iv, iv_len);
    ret = ret ? ret : mbedtls_gcm_update_ad(ctx, add, add_len);
    ret = ret ? ret : mbedtls_gcm_update(ctx, input, length, output, length, &n);
    return ret ? ret : mbedtls_gcm_finish(ctx, NULL, 0, &n, tag, tag_len);
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv,
                             size_t iv_len, const unsigned char *add, size_t add_len,
                             const unsigned char *tag, size_t tag_len, const unsigned char *input,
                             unsigned char *output)
{
    unsigned char own[16];
    int ret = mbedtls_gcm_crypt_and_tag(ctx, MBEDTLS_GCM_DECRYPT, length, iv, iv_len, add, add_len,
                                        input, output, tag_len, own);
    if (ret == 0 && mbedtls_ct_memcmp(tag, own, tag_len) != 0) {
        if (length > 0) {
            mbedtls_platform_zeroize(output, length);
        }
        ret = MBEDTLS_ERR_GCM_AUTH_FAILED;
    }
    return ret;
}
