/* fetch_error.c - what libcurl's result codes mean to the owner of a transfer. */
#include "server/net/fetch_private.h"

struct curl_text {
    CURLcode code;
    enum fetch_trouble trouble;
    enum status status;
    const char *before, *after; /* the peer's name stands between them */
};

static const struct curl_text curl_texts[] = {
    {CURLE_COULDNT_RESOLVE_HOST, FETCH_TROUBLE_CONNECT, STATUS_UPSTREAM,
     "could not find the address of ", ""},
    {CURLE_COULDNT_RESOLVE_PROXY, FETCH_TROUBLE_CONNECT, STATUS_UPSTREAM,
     "could not find the address of the proxy to ", ""},
    {CURLE_COULDNT_CONNECT, FETCH_TROUBLE_CONNECT, STATUS_UPSTREAM, "could not connect to ", ""},
    {CURLE_UNSUPPORTED_PROTOCOL, FETCH_TROUBLE_OTHER, STATUS_UPSTREAM,
     "plain http is not allowed to ", ""},
    {CURLE_URL_MALFORMAT, FETCH_TROUBLE_OTHER, STATUS_UPSTREAM, "the address of ", " is malformed"},
    {CURLE_PEER_FAILED_VERIFICATION, FETCH_TROUBLE_TLS, STATUS_UPSTREAM, "TLS verification of ",
     " failed"},
    {CURLE_SSL_CACERT_BADFILE, FETCH_TROUBLE_TLS, STATUS_UPSTREAM, "cannot read the CA bundle for ",
     ""},
    {CURLE_SSL_CONNECT_ERROR, FETCH_TROUBLE_TLS, STATUS_UPSTREAM, "TLS handshake with ", " failed"},
    {CURLE_OPERATION_TIMEDOUT, FETCH_TROUBLE_CONNECT, STATUS_UPSTREAM, "could not connect to ",
     " in time"},
    {CURLE_SEND_ERROR, FETCH_TROUBLE_CUT, STATUS_UPSTREAM, "connection to ", " was cut"},
    {CURLE_RECV_ERROR, FETCH_TROUBLE_CUT, STATUS_UPSTREAM, "connection to ", " was cut"},
    {CURLE_PARTIAL_FILE, FETCH_TROUBLE_CUT, STATUS_UPSTREAM, "connection to ", " was cut"},
    {CURLE_ABORTED_BY_CALLBACK, FETCH_TROUBLE_CUT, STATUS_UPSTREAM, "connection to ", " was cut"},
    {CURLE_GOT_NOTHING, FETCH_TROUBLE_CUT, STATUS_UPSTREAM, "connection to ",
     " was cut before an answer"},
    {CURLE_WEIRD_SERVER_REPLY, FETCH_TROUBLE_ANSWER, STATUS_UPSTREAM, "no HTTP answer from ", ""},
    {CURLE_OUT_OF_MEMORY, FETCH_TROUBLE_OTHER, STATUS_BUSY, "no memory to call ", ""},
};

/* libcurl's own texts name hosts, so only its number is passed on. */
void fetch_error_explain(struct fetch *f, CURLcode code)
{
    if (code == CURLE_UNSUPPORTED_PROTOCOL &&
        f->connection.sent) { /* libcurl took it for HTTP/0.9 */
        code = CURLE_WEIRD_SERVER_REPLY;
    }
    for (size_t i = 0; i < COUNT_OF(curl_texts); i++) {
        const struct curl_text *t = &curl_texts[i];
        if (t->code == code) {
            f->trouble = t->trouble;
            err_set(&f->err, t->status, "%s%s%s (curl %d)", t->before, f->peer, t->after,
                    (int)code);
            return;
        }
    }
    err_set(&f->err, STATUS_UPSTREAM, "the call to %s failed (curl %d)", f->peer, (int)code);
}
