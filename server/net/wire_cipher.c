/*
 * wire_cipher.c - which cipher is offered first, and which keys are not.
 *
 * mbedTLS (the release build; 3.6) has ChaCha20 at the head of its list, for CPUs that know nothing of
 * AES, and most servers take the client's first. Where the CPU has AES, AES-128-GCM costs a tenth of it,
 * and goes first as it does with OpenSSL and in browsers. The list stays what it was otherwise.
 *
 * It would also resume a session without new keys (psk_ke): who stole those of a ticket could read what
 * comes of it. OpenSSL does not offer that, and neither do we.
 */
#include "server/net/wire_private.h"

#ifdef HAVE_CURL_MBEDTLS

#include <mbedtls/ssl.h>
#include <string.h>

#include "server/base/instructions.h"

enum { SUITES_MAX = 256 };

/* With forward secrecy: what has none does not get ahead of what has. */
static bool is_fast(int suite)
{
    const char *name = mbedtls_ssl_get_ciphersuite_name(suite);
    return strstr(name, "AES-128-GCM") && (strstr(name, "TLS1-3-") || strstr(name, "-ECDHE-"));
}

static size_t copy(const int *from, bool fast, int *to, size_t n)
{
    for (; *from && n < SUITES_MAX; from++) {
        if (is_fast(*from) == fast) {
            to[n++] = *from;
        }
    }
    return n;
}

void wire_cipher_prepare(void *context)
{
    static int suites[SUITES_MAX + 1]; /* mbedTLS keeps the pointer */
    const int *all = mbedtls_ssl_list_ciphersuites();
    mbedtls_ssl_conf_tls13_key_exchange_modes(context,
                                              MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ALL);
    if (!instructions_have(INSTRUCTIONS_AES)) {
        return;
    }
    if (suites[0] == 0) {
        copy(all, false, suites, copy(all, true, suites, 0));
    }
    mbedtls_ssl_conf_ciphersuites(context, suites);
}

#else

void wire_cipher_prepare(void *context)
{
    (void)context;
}

#endif
