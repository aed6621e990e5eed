/*
 * wire_rest.c - what a connection that only listens can do without.
 *
 * mbedTLS (the release build; 3.6) keeps two buffers of a whole record each for as long as a
 * connection lives, and both have been full: of the request, of certificates. The events of a stream
 * fill a page. What is behind that goes back to the system, and comes again when a record needs it.
 * OpenSSL frees its buffers by itself (SSL_MODE_RELEASE_BUFFERS, which libcurl sets).
 */
#include "server/net/wire_private.h"

#ifdef HAVE_CURL_MBEDTLS

#include <mbedtls/ssl.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 256,        /* counter, header and nonce of a record, which stay */
    RECORD_BYTES = 16 * 1024 /* RFC 8446 5.1: a buffer has some more */
};

#ifdef MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH
#error "buffers that shrink cannot be given back by their first size"
#endif
_Static_assert(MBEDTLS_SSL_IN_CONTENT_LEN >= RECORD_BYTES &&
                   MBEDTLS_SSL_OUT_CONTENT_LEN >= RECORD_BYTES,
               "the buffers are that large");

static void give_back(unsigned char *buffer)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)buffer + HEAD_BYTES + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)buffer + RECORD_BYTES) / page * page;
    if (buffer && from < to) {
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
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
    if (ssl->MBEDTLS_PRIVATE(out_left) == 0) {
        give_back(ssl->MBEDTLS_PRIVATE(out_buf));
    }
    /* Nothing half read: no record, no data of one, no message of the handshake (a session ticket). */
    if (ssl->MBEDTLS_PRIVATE(in_left) == 0 && ssl->MBEDTLS_PRIVATE(in_hslen) == 0 &&
        !mbedtls_ssl_check_pending(ssl)) {
        give_back(ssl->MBEDTLS_PRIVATE(in_buf));
    }
}

#else

void wire_rest(struct wire *w)
{
    (void)w;
}

#endif
