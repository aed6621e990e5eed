/*
 * wire_options.c - what libcurl is told of a connection.
 *
 * Debian's built-in CURLOPT_CAPATH switches libcurl's CA cache off: 19 ms for each handshake, hence
 * NULL. Without a version of HTTP, ALPN would offer h2.
 */
#include "server/base/log.h"
#include "server/net/wire_private.h"

/* libcurl never reads more at once than that (7.88), and one TLS record has no more. */
enum { RECEIVE_BYTES = 16 * 1024 };

#define SET(option, value) (ok = curl_easy_setopt(w->easy, (option), (value)) == CURLE_OK && ok)

/* A libcurl of one's own making may know none. */
const char *wire_ca_file(void)
{
    const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
    return built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt";
}

/* Only libcurl's notes ("Connected to"): headers and bodies hold keys and prompts. */
static int on_note(CURL *easy, curl_infotype type, char *p, size_t n, void *owner)
{
    (void)easy, (void)owner;
    if (type == CURLINFO_TEXT) {
        log_line(LOG_DEBUG, "wire", "%.*s", STR_ARG(text_trim((struct str){p, n ? n - 1 : 0})));
    }
    return 0;
}

/* What a proxy says to CONNECT: the code is enough. */
static size_t on_bytes(char *p, size_t size, size_t n, void *owner)
{
    (void)p, (void)owner;
    return size * n;
}

static CURLcode on_context(CURL *easy, void *context, void *owner)
{
    struct wire *w = owner;
    (void)easy;
    wire_ca_prepare(w, context);
    wire_cipher_prepare(context);
    wire_session_prepare(w, context);
    return CURLE_OK;
}

/* A libcurl with another TLS library may have no such callback; then nothing needs it. */
static bool set_tls(struct wire *w)
{
    const char *own = w->origin->net->options.ca_file;
    bool ok = curl_easy_setopt(w->easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
              wire_ca_set(w, own ? own : wire_ca_file()) && wire_session_set(w);
    if (ok && (w->ca || w->tickets)) {
        ok = curl_easy_setopt(w->easy, CURLOPT_SSL_CTX_FUNCTION, on_context) == CURLE_OK &&
             curl_easy_setopt(w->easy, CURLOPT_SSL_CTX_DATA, (void *)w) == CURLE_OK;
    }
    return ok;
}

bool wire_options_set(struct wire *w, uint32_t connect_ms)
{
    const struct wire_options *o = &w->origin->net->options;
    bool ok = !w->secure || set_tls(w);
    SET(CURLOPT_PRIVATE, (void *)w);
    SET(CURLOPT_URL, buf_data(&w->origin->url));
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    SET(CURLOPT_PROTOCOLS_STR, w->secure ? "https" : "http");
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    /* "": not even the environment's. Metadata and container addresses are plain http and must
     * never go through a proxy. */
    SET(CURLOPT_PROXY, o->use_proxy && w->secure ? NULL : "");
    if (o->verbose) {
        SET(CURLOPT_DEBUGFUNCTION, on_note);
        SET(CURLOPT_VERBOSE, 1L);
    }
    return ok;
}
