/*
 * wire_ca.c - the CA bundle is read once a day, not once a connection.
 *
 * libcurl keeps it by itself where it has OpenSSL. With mbedTLS (the release build; 8.14) it parses
 * the file for each connection: some 140 certificates, 400 KB and 10 ms. There the bundle is ours,
 * and libcurl is told to take it; it verifies as before, and without the bundle nothing is trusted.
 */
#include "server/net/wire_private.h"

#ifdef HAVE_CURL_MBEDTLS

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "server/base/arena.h"
#include "server/base/clock.h"

enum { READ_AGAIN_MS = 24 * 3600 * 1000 }; /* as libcurl's CURLOPT_CA_CACHE_TIMEOUT */

struct wire_ca {
    mbedtls_x509_crt chain;
    uint64_t read_ms;
    unsigned users; /* wires, and the net */
};

static struct wire_ca *ca_read(const char *file)
{
    struct wire_ca *ca = heap_new(sizeof *ca);
    if (!ca) {
        return NULL;
    }
    mbedtls_x509_crt_init(&ca->chain);
    ca->read_ms = clock_mono_ms();
    ca->users = 1;
    /* More than 0: so many certificates of the file are of a kind it does not know. */
    if (mbedtls_x509_crt_parse_file(&ca->chain, file) < 0) {
        wire_ca_drop(ca);
        return NULL;
    }
    return ca;
}

void wire_ca_drop(struct wire_ca *ca)
{
    if (ca && --ca->users == 0) {
        mbedtls_x509_crt_free(&ca->chain);
        heap_drop(ca);
    }
}

void wire_ca_prepare(const struct wire *w, void *context)
{
    if (w->ca) {
        mbedtls_ssl_conf_ca_chain(context, &w->ca->chain, NULL);
    }
}

/* A bundle that cannot be read is named to libcurl, which says what is wrong. */
bool wire_ca_set(struct wire *w, const char *file)
{
    struct wire_net *net = w->origin->net;
    if (!net->ca || clock_mono_ms() - net->ca->read_ms >= READ_AGAIN_MS) {
        struct wire_ca *fresh = ca_read(file);
        if (fresh) {
            wire_session_drop_all(net);
            wire_ca_drop(net->ca);
            net->ca = fresh;
        }
    }
    if (!net->ca) {
        return curl_easy_setopt(w->easy, CURLOPT_CAINFO, file) == CURLE_OK;
    }
    w->ca = net->ca;
    w->ca->users++;
    return curl_easy_setopt(w->easy, CURLOPT_CAINFO, NULL) == CURLE_OK;
}

#else

void wire_ca_drop(struct wire_ca *ca)
{
    (void)ca;
}

void wire_ca_prepare(const struct wire *w, void *context)
{
    (void)w, (void)context;
}

bool wire_ca_set(struct wire *w, const char *file)
{
    return curl_easy_setopt(w->easy, CURLOPT_CAINFO, file) == CURLE_OK;
}

#endif
