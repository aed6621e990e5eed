/*
 * wire_rest.c - what a connection that only listens can do without.
 *
 * mbedTLS (the release build; 3.6) keeps two buffers of a whole record each for as long as a
 * connection lives, and both have been full: of the request, of certificates. It also keeps the
 * other side's certificates, as bytes and as what was read in them, for a renegotiation that is
 * compiled out. The events of a stream fill a page: the buffers get pages of their own, and what is
 * behind the first goes back to the system, and comes again, zeroed, when a record needs it.
 * OpenSSL frees its buffers by itself (SSL_MODE_RELEASE_BUFFERS, which libcurl sets).
 */
#include "server/net/wire_private.h"

#ifdef HAVE_CURL_MBEDTLS

#include <mbedtls/platform.h>
#include <mbedtls/ssl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/base/arena.h"

enum {
    HEAD_BYTES = 256,         /* counter, header and nonce of a record */
    RECORD_BYTES = 16 * 1024, /* RFC 8446 5.1: a buffer has some more */
    PAGE_BYTES = 4096         /* where pages are larger, none of its own is worth it */
};

#ifdef MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH
#error "buffers that shrink cannot be given back by their first size"
#endif
#ifdef MBEDTLS_SSL_RENEGOTIATION
#error "the certificates are needed for a renegotiation"
#endif
_Static_assert(MBEDTLS_SSL_IN_CONTENT_LEN == RECORD_BYTES &&
                   MBEDTLS_SSL_OUT_CONTENT_LEN == RECORD_BYTES,
               "the buffers are that large");

static bool has_small_pages(void)
{
    return sysconf(_SC_PAGESIZE) == PAGE_BYTES;
}

/* A page of a buffer that is shared with something else would stay. */
static void *allocate(size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        return NULL;
    }
    return n > RECORD_BYTES && has_small_pages() ? heap_pages(n) : heap_new(n);
}

void wire_rest_begin(void)
{
    mbedtls_platform_set_calloc_free(allocate, heap_drop);
}

/* But the first kept bytes. A buffer ends within the page behind a record. */
static void give_back(unsigned char *buffer, size_t kept)
{
    size_t from = (kept + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (buffer && (uintptr_t)buffer % PAGE_BYTES == 0 && has_small_pages()) {
        (void)madvise(buffer + from, RECORD_BYTES + PAGE_BYTES - from, MADV_DONTNEED);
    }
}

static void forget_certificates(mbedtls_ssl_session *session)
{
    mbedtls_x509_crt *chain = session ? session->MBEDTLS_PRIVATE(peer_cert) : NULL;
    if (chain) {
        session->MBEDTLS_PRIVATE(peer_cert) = NULL; /* as in a session that was stored without */
        mbedtls_x509_crt_free(chain);
        heap_drop(chain);
    }
}

void wire_rest(struct wire *w)
{
    struct curl_tlssessioninfo *tls = NULL;
    if (!w->secure || curl_easy_getinfo(w->easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || !tls ||
        tls->backend != CURLSSLBACKEND_MBEDTLS || !tls->internals) {
        return;
    }
    mbedtls_ssl_context *ssl = tls->internals;
    forget_certificates(ssl->MBEDTLS_PRIVATE(session));
    /* A record is made from its header on; the counter is elsewhere (cur_out_ctr). */
    if (ssl->MBEDTLS_PRIVATE(out_left) == 0) {
        give_back(ssl->MBEDTLS_PRIVATE(out_buf), 0);
    }
    /* Nothing half read: no record, no data of one, no message of the handshake (a session ticket). */
    if (ssl->MBEDTLS_PRIVATE(in_left) == 0 && ssl->MBEDTLS_PRIVATE(in_hslen) == 0 &&
        !mbedtls_ssl_check_pending(ssl)) {
        give_back(ssl->MBEDTLS_PRIVATE(in_buf), HEAD_BYTES);
    }
}

#else

void wire_rest_begin(void)
{
}

void wire_rest(struct wire *w)
{
    (void)w;
}

#endif
