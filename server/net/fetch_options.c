/*
 * fetch_options.c - what an easy handle is told. Whatever never changes is told once; a request
 * changes only its method, URL, headers and body, and the rest only when it differs from the last
 * time.
 *
 * Debian's built-in CURLOPT_CAPATH switches libcurl's CA cache off: 19 ms for each handshake, hence
 * NULL.
 */
#include "server/net/fetch_private.h"

#include <string.h>

#include "server/base/log.h"
#include "server/base/url.h"

/* What libcurl keeps for each transfer: what it reads at once (and as much again when paused), and,
 * with TLS, what it writes at once. Half as much to read costs a tenth more CPU in a burst. */
enum { RECEIVE_BYTES = 8 * 1024, SEND_BYTES = 16 * 1024 };

#define SET(option, value) (ok = curl_easy_setopt(f->easy, (option), (value)) == CURLE_OK && ok)

/* A libcurl of one's own making may know none. */
const char *fetch_ca_file(void)
{
    const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
    return built_in ? built_in : "/etc/ssl/certs/ca-certificates.crt";
}

static bool set_tls(struct fetch *f)
{
    bool ok = true;
    const char *own = f->client->options.ca_file;
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CAINFO, own ? own : fetch_ca_file());
    return ok;
}

/* Only libcurl's notes ("Connected to"): headers and bodies hold keys and prompts. */
static int on_note(CURL *easy, curl_infotype type, char *p, size_t n, void *owner)
{
    (void)easy, (void)owner;
    if (type == CURLINFO_TEXT) {
        log_line(LOG_DEBUG, "fetch", "%.*s", STR_ARG(text_trim((struct str){p, n ? n - 1 : 0})));
    }
    return 0;
}

bool fetch_options_constant(struct fetch *f)
{
    bool ok = set_tls(f);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, (long)SEND_BYTES);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_PROXY, ""); /* "": not even the environment's */
    ok = fetch_sockets_options(f) && ok;
    if (f->client->options.verbose) {
        SET(CURLOPT_DEBUGFUNCTION, on_note);
        SET(CURLOPT_VERBOSE, 1L);
    }
    return ok;
}

static bool set_method(struct fetch *f, const struct fetch_request *r)
{
    bool ok = true;
    bool custom = strcmp(r->method, "GET") != 0 && strcmp(r->method, "POST") != 0;
    if (custom || f->set.method_custom) {
        SET(CURLOPT_CUSTOMREQUEST, custom ? r->method : NULL);
    }
    f->set.method_custom = custom;
    if (strcmp(r->method, "GET") == 0) {
        SET(CURLOPT_HTTPGET, 1L);
        return ok;
    }
    /* The size first: libcurl must neither measure the body nor choose chunked coding. */
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    SET(CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "");
    return ok;
}

/*
 * The origin is taken apart here and once: libcurl would do it, and print it again, for each
 * transfer. CURLOPT_URL would win over it, and what libcurl printed of the last one would stay
 * what it calls the URL: hence the NULL.
 */
static bool set_origin(struct fetch *f, struct str origin)
{
    bool ok = true;
    struct str known = buf_str(&f->request.origin);
    if (known.n == origin.n + 1 && text_starts(known, origin)) {
        return true;
    }
    buf_clear(&f->request.origin);
    buf_put_str(&f->request.origin, origin);
    buf_put_char(&f->request.origin, '\0');
    if (!buf_ok(&f->request.origin) ||
        curl_url_set(f->request.parsed, CURLUPART_URL, buf_data(&f->request.origin),
                     CURLU_DISALLOW_USER) != CURLUE_OK) {
        buf_clear(&f->request.origin); /* it is not what is set */
        return false;
    }
    SET(CURLOPT_URL, NULL);
    SET(CURLOPT_CURLU, f->request.parsed);
    return ok;
}

/* libcurl may change the path, which was signed as it is. So the URL it sees is only the origin,
 * and what follows is the request target as it stands. */
static bool set_url(struct fetch *f, struct str url, struct str target)
{
    bool ok = target.n == 0 || target.p[0] == '/';
    ok = set_origin(f, text_sub(url, 0, url.n - target.n)) && ok;
    SET(CURLOPT_REQUEST_TARGET, target.n ? target.p : "/");
    return ok;
}

/* The few options that a request may change. */
static bool set_variables(struct fetch *f, const struct fetch_request *r)
{
    bool ok = set_method(f, r);
    struct url u;
    if (!url_cut(text_from(r->url), &u)) {
        return false;
    }
    f->secure = !u.plain_http;
    /* Metadata and container addresses are plain http and must never go through a proxy. */
    bool proxy = f->client->options.use_proxy && f->secure;
    if (r->allow_http != f->set.http_allowed) {
        SET(CURLOPT_PROTOCOLS_STR, r->allow_http ? "https,http" : "https");
    }
    f->set.http_allowed = r->allow_http;
    if (proxy != f->set.proxy_allowed) {
        SET(CURLOPT_PROXY, proxy ? NULL : "");
    }
    f->set.proxy_allowed = proxy;
    if (r->connect_ms != f->set.connect_ms) {
        SET(CURLOPT_CONNECTTIMEOUT_MS, (long)r->connect_ms);
    }
    f->set.connect_ms = r->connect_ms;
    if (f->set.fresh_only) { /* the last request was repeated */
        SET(CURLOPT_FRESH_CONNECT, 0L);
    }
    f->set.fresh_only = false;
    SET(CURLOPT_HTTPHEADER, f->request.list);
    return set_url(f, text_from(r->url), u.path) && ok;
}

static bool has_header(const struct fetch_request *r, struct str name_colon)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (text_istarts(text_from(r->headers[i].line), name_colon)) {
            return true;
        }
    }
    return false;
}

static bool put_line(struct fetch *f, const char *line)
{
    if (strpbrk(line, "\r\n")) {
        return false;
    }
    buf_put(&f->request.lines, line, strlen(line) + 1);
    return true;
}

/*
 * libcurl only reads the list (it takes it as it is, also for a second attempt on a fresh
 * connection), so its nodes may be ours. An empty header switches off what libcurl would send by
 * itself: Expect with large bodies costs up to a second, a Content-Type that the caller did not
 * choose is wrong.
 */
static bool set_headers(struct fetch *f, const struct fetch_request *r)
{
    size_t count = r->header_count;
    bool ok = count <= FETCH_HEADERS_MAX;
    buf_clear(&f->request.lines);
    for (size_t i = 0; ok && i < r->header_count; i++) {
        ok = put_line(f, r->headers[i].line);
    }
    if (!ok) {
        return false;
    }
    static const char *const own[FETCH_OWN_HEADERS] = {"Expect:", "Accept:", "Content-Type:"};
    for (size_t i = 0; i < FETCH_OWN_HEADERS; i++) {
        if (!has_header(r, text_from(own[i])) && put_line(f, own[i])) {
            count++;
        }
    }
    char *at = buf_data(&f->request.lines);
    for (size_t i = 0; buf_ok(&f->request.lines) && i < count; i++) {
        f->request.list[i] =
            (struct curl_slist){at, i + 1 < count ? &f->request.list[i + 1] : NULL};
        at += strlen(at) + 1;
    }
    return buf_ok(&f->request.lines);
}

bool fetch_options_request(struct fetch *f, const struct fetch_request *r)
{
    return set_headers(f, r) && set_variables(f, r);
}
