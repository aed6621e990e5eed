#include "server/base/seal.h"

#include <mbedtls/gcm.h>
#include "server/base/base64.h"

#define FORM       "1." /* of the form; a later one has another key length, cipher or layout */
#define NONCE_SIZE 12
#define TAG_SIZE   16

/* Layout under the base64url: nonce, tag, cipher text. A key seals far fewer texts than the 2^32 for
 * which random nonces of 96 bits are thought safe (SP 800-38D, 8.3). */

static bool open_gcm(mbedtls_gcm_context *gcm, const struct sealer *s)
{
    mbedtls_gcm_init(gcm);
    return mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, s->key, 8 * SEAL_KEY_SIZE) == 0;
}

static const uint8_t *bytes_of(struct str s)
{
    return (const uint8_t *)(s.p ? s.p : "");
}

static bool encrypt(const struct sealer *s, struct str plain, uint8_t *sealed)
{
    mbedtls_gcm_context gcm;
    text_random(sealed, NONCE_SIZE);
    bool ok = open_gcm(&gcm, s) &&
              mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.n, sealed, NONCE_SIZE,
                                        bytes_of(s->bound), s->bound.n, bytes_of(plain),
                                        sealed + NONCE_SIZE + TAG_SIZE, TAG_SIZE,
                                        sealed + NONCE_SIZE) == 0;
    mbedtls_gcm_free(&gcm);
    return ok;
}

/* RFC 4648 section 5, without padding. */
static void to_url_form(struct buf *out, size_t from)
{
    char *p = buf_data(out) + from;
    size_t n = buf_len(out) - from;
    while (n && p[n - 1] == '=') {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(p[i] == '+' ? '-' : p[i] == '/' ? '_' : p[i]);
    }
    buf_truncate(out, from + n);
}

void seal_put(const struct sealer *s, struct str plain, struct buf *out)
{
    struct buf raw;
    size_t n = NONCE_SIZE + TAG_SIZE + plain.n;
    buf_init(&raw, n);
    uint8_t *sealed = (uint8_t *)buf_reserve(&raw, n);
    BUF_LIT(out, FORM);
    size_t from = buf_len(out);
    char *room = sealed && encrypt(s, plain, sealed) ? buf_reserve(out, base64_size(n)) : NULL;
    if (room) {
        buf_commit(out, base64_encode(sealed, n, room));
        to_url_form(out, from);
    } else {
        out->failed = true;
    }
    buf_free(&raw);
}

/* The reverse, in the arena; INVALID: no base64url. */
static enum status raw_of(struct str url, struct arena *arena, struct str *out)
{
    size_t n = (url.n + 3) / 4 * 4;
    char *p = url.n % 4 == 1 ? NULL : arena_alloc(arena, n);
    if (!p) {
        return url.n % 4 == 1 ? STATUS_INVALID : STATUS_BUSY;
    }
    for (size_t i = 0; i < n; i++) {
        char c = i < url.n ? url.p[i] : '=';
        if (i < url.n && (c == '+' || c == '/' || c == '=')) { /* one form only */
            return STATUS_INVALID;
        }
        p[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
    }
    out->p = p;
    return base64_decode((struct str){p, n}, (uint8_t *)p, &out->n) ? STATUS_OK : STATUS_INVALID;
}

static enum status decrypt(const struct sealer *s, struct str raw, uint8_t *plain, size_t n)
{
    const uint8_t *p = bytes_of(raw);
    mbedtls_gcm_context gcm;
    enum status st = open_gcm(&gcm, s) ? STATUS_OK : STATUS_BUSY;
    if (st == STATUS_OK &&
        mbedtls_gcm_auth_decrypt(&gcm, n, p, NONCE_SIZE, bytes_of(s->bound), s->bound.n,
                                 p + NONCE_SIZE, TAG_SIZE, p + NONCE_SIZE + TAG_SIZE, plain) != 0) {
        st = STATUS_INVALID;
    }
    mbedtls_gcm_free(&gcm);
    return st;
}

bool seal_is_form(struct str text)
{
    return text_starts(text, STR(FORM));
}

enum status seal_open(const struct sealer *s, struct str sealed, struct arena *arena,
                      struct str *plain_out)
{
    struct str raw = {NULL, 0};
    *plain_out = raw;
    if (!seal_is_form(sealed)) {
        return STATUS_INVALID;
    }
    enum status st = raw_of(text_sub(sealed, STR(FORM).n, sealed.n), arena, &raw);
    if (st != STATUS_OK || raw.n < NONCE_SIZE + TAG_SIZE) {
        return st == STATUS_OK ? STATUS_INVALID : st;
    }
    size_t n = raw.n - NONCE_SIZE - TAG_SIZE;
    uint8_t *plain = arena_alloc(arena, n + 1); /* also for no text at all */
    st = plain ? decrypt(s, raw, plain, n) : STATUS_BUSY;
    if (st == STATUS_OK) {
        *plain_out = (struct str){(char *)plain, n};
    }
    return st;
}
