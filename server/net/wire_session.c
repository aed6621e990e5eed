/*
 * wire_session.c - TLS sessions of an origin: the next connection to it resumes the newest one, and
 * the certificates and signatures of a full handshake are spared.
 *
 * libcurl's own cache belongs to a multi or a share (wire_share.c has one for 32 connections), takes
 * a ticket of TLS 1.3 for one connection only (8.12 and later), and never asks for tickets of TLS
 * 1.2. So it is switched off, and we talk to its TLS library.
 *
 * A session is of one origin (scheme, host and port) of one net (one CA file, verification always
 * on), and of the CA bundle that verified it. What it leads to counts from the last full
 * verification: after VERIFIED_MS certificates are looked at again, whatever tickets say. A ticket
 * that the server does not know costs nothing but itself: TLS goes on with a full handshake. Where it
 * does not (mbedTLS with a session of TLS 1.3 speaks nothing older, and after a full handshake of TLS
 * 1.2 without a ticket it has the old one with the new keys), we connect once more, without. OpenSSL
 * keeps the certificate, and libcurl checks its name each time. Sessions stay on the heap of the
 * process that made them. Through a proxy libcurl's own cache works: a proxy may speak TLS, too.
 *
 * A ticket serves many connections. RFC 8446 C.4 advises against that for clients who do not want
 * to be recognised; we sign each request. Servers that take it once refuse it (RFC 8446 8.1).
 */
#include <string.h>

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/net/wire_private.h"

#if defined(HAVE_CURL_MBEDTLS)

#include <mbedtls/ssl.h>

typedef mbedtls_ssl_session tls_session;

#elif defined(HAVE_CURL_OPENSSL)

#include <openssl/ssl.h>

typedef SSL_SESSION *tls_session;

#else

typedef char tls_session;

#endif

enum { VERIFIED_MS = 3600 * 1000 };

struct wire_session {
    tls_session tls;
    uint64_t verified_ms; /* when the certificates were */
};

/* ---- mbedTLS (the release build; 3.6) ------------------------------------------------------ */

#if defined(HAVE_CURL_MBEDTLS)

static void tls_free(tls_session *s)
{
    mbedtls_ssl_session_free(s);
}

static mbedtls_ssl_context *context_of(const struct wire *w)
{
    struct curl_tlssessioninfo *tls = NULL;
    bool known = curl_easy_getinfo(w->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls &&
                 tls->backend == CURLSSLBACKEND_MBEDTLS;
    return known ? tls->internals : NULL;
}

static bool tls_supported(void)
{
    return true;
}

/* libcurl has no tickets of TLS 1.2. */
static void tls_prepare(struct wire *w, void *config)
{
    const struct wire_session *s = w->origin->session;
    mbedtls_ssl_context *ssl = w->offered ? context_of(w) : NULL;
    mbedtls_ssl_conf_session_tickets(config, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    if (ssl && mbedtls_ssl_set_session(ssl, &s->tls) == 0) {
        w->verified_ms = s->verified_ms;
    }
}

/* TLS 1.3: a ticket has come that nobody has taken yet. TLS 1.2: what the handshake has made; the
 * session that was offered, when that was resumed. */
static bool is_new(const struct wire_session *old, mbedtls_ssl_context *ssl)
{
    const mbedtls_ssl_session *now = ssl->MBEDTLS_PRIVATE(session);
    if (!now || now->MBEDTLS_PRIVATE(exported)) {
        return false;
    }
    if (mbedtls_ssl_get_version_number(ssl) == MBEDTLS_SSL_VERSION_TLS1_3) {
        return now->MBEDTLS_PRIVATE(ticket_len) > 0;
    }
    return (now->MBEDTLS_PRIVATE(ticket_len) > 0 || now->MBEDTLS_PRIVATE(id_len) > 0) &&
           !(old && memcmp(old->tls.MBEDTLS_PRIVATE(master), now->MBEDTLS_PRIVATE(master),
                           sizeof old->tls.MBEDTLS_PRIVATE(master)) == 0);
}

void wire_session_look(struct wire *w)
{
    mbedtls_ssl_context *ssl = w->tickets ? context_of(w) : NULL;
    struct wire_session *fresh =
        ssl && w->ca == w->origin->net->ca && is_new(w->origin->session, ssl)
            ? heap_new(sizeof *fresh)
            : NULL;
    if (!fresh) {
        return;
    }
    fresh->verified_ms = w->verified_ms;
    mbedtls_ssl_session_init(&fresh->tls);
    if (mbedtls_ssl_get_session(ssl, &fresh->tls) != 0) {
        tls_free(&fresh->tls);
        heap_drop(fresh);
        return;
    }
    wire_session_drop(w->origin);
    w->origin->session = fresh;
}

/* ---- OpenSSL (Debian's libcurl) ------------------------------------------------------------- */

#elif defined(HAVE_CURL_OPENSSL)

/* Hangs on the SSL_CTX, of which libcurl makes one for each connection. */
struct ticket_owner {
    struct wire_origin *origin; /* outlives all connections */
    uint64_t verified_ms;
    bool offer;
};

static int owner_index = -1;

static void tls_free(tls_session *s)
{
    SSL_SESSION_free(*s);
}

static void owner_free(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
                       void *argp)
{
    (void)parent, (void)data, (void)index, (void)argl, (void)argp;
    heap_drop(ptr);
}

/* Only the library that we are linked with: a libcurl of one's own making may have another in it. */
static bool tls_supported(void)
{
    static const char kind[] = "OpenSSL/";
    const char *library = curl_version_info(CURLVERSION_NOW)->ssl_version;
    if (!library || strncmp(library, kind, sizeof kind - 1) != 0 ||
        strcmp(library + sizeof kind - 1, OpenSSL_version(OPENSSL_VERSION_STRING)) != 0) {
        return false;
    }
    if (owner_index < 0) {
        owner_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, owner_free);
    }
    return owner_index >= 0;
}

static struct ticket_owner *owner_of(const SSL *ssl)
{
    return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), owner_index);
}

/* A copy, since a connection that is cut spoils the session that it had. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    const struct ticket_owner *owner = owner_of(ssl);
    struct wire_session *fresh = SSL_SESSION_is_resumable(session) ? heap_new(sizeof *fresh) : NULL;
    if (fresh && (fresh->tls = SSL_SESSION_dup(session))) {
        fresh->verified_ms = owner->verified_ms;
        wire_session_drop(owner->origin);
        owner->origin->session = fresh;
    } else {
        heap_drop(fresh);
    }
    return 0; /* session stays theirs */
}

/* The one place where the connection is there, and its first message is not yet made. */
static void on_state(const SSL *ssl, int where, int value)
{
    (void)value;
    struct ticket_owner *owner = owner_of(ssl);
    const struct wire_session *s = owner->origin->session;
    if (!(where & SSL_CB_HANDSHAKE_START) || !SSL_in_before(ssl) || !owner->offer || !s) {
        return;
    }
    SSL_SESSION *copy = SSL_SESSION_dup(s->tls);
    if (copy && SSL_set_session((SSL *)(uintptr_t)ssl, copy)) {
        owner->verified_ms = s->verified_ms;
    }
    SSL_SESSION_free(copy);
}

/* libcurl switches tickets of TLS 1.2 off (SSL_OP_NO_TICKET). */
static void tls_prepare(struct wire *w, void *context)
{
    struct ticket_owner *owner = heap_new(sizeof *owner);
    if (!owner || !SSL_CTX_set_ex_data(context, owner_index, owner)) {
        heap_drop(owner);
        return;
    }
    *owner = (struct ticket_owner){w->origin, w->verified_ms, w->offered};
    SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
    SSL_CTX_set_info_callback(context, on_state);
}

void wire_session_look(struct wire *w)
{
    (void)w; /* on_ticket is told */
}

/* ---- neither ------------------------------------------------------------------------------- */

#else

static bool tls_supported(void)
{
    return false;
}

static void tls_free(tls_session *s)
{
    (void)s;
}

static void tls_prepare(struct wire *w, void *context)
{
    (void)w, (void)context;
}

void wire_session_look(struct wire *w)
{
    (void)w;
}

#endif

/* ---- an origin's ---------------------------------------------------------------------------- */

void wire_session_drop(struct wire_origin *o)
{
    if (o->session) {
        tls_free(&o->session->tls);
        heap_drop(o->session);
        o->session = NULL;
    }
}

void wire_session_drop_all(struct wire_net *net)
{
    struct wire_origin *o;
    LIST_FOREACH(o, &net->origins, in_net)
    {
        wire_session_drop(o);
    }
}

void wire_session_prepare(struct wire *w, void *context)
{
    struct wire_origin *o = w->origin;
    uint64_t now_ms = clock_mono_ms();
    if (o->session && now_ms - o->session->verified_ms >= VERIFIED_MS) {
        wire_session_drop(o);
    }
    w->verified_ms = now_ms;
    w->offered = w->tickets && o->session && !w->again;
    if (w->tickets) {
        tls_prepare(w, context);
    }
}

bool wire_session_blamed(const struct wire *w, CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR && w->offered;
}

bool wire_session_set(struct wire *w)
{
    w->tickets = !w->origin->net->options.use_proxy && tls_supported();
    return !w->tickets || curl_easy_setopt(w->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
}
