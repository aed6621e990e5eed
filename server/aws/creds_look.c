#include "server/aws/creds_look.h"

#include <stdarg.h>
#include <stdio.h>

#include "server/aws/creds_local.h"
#include "server/base/url.h"

enum {
    REQUEST_MAX = 64 * 1024, /* a web identity token of 20 000 characters, escaped */
    REPLY_MAX = 16 * 1024,
    CONNECT_MS = 2000
};

void creds_look_init(struct creds_look *l, struct fetch_client *fetch,
                     const struct creds_options *options,
                     void (*ended)(void *owner, enum creds_verdict verdict), void *owner)
{
    *l = (struct creds_look){
        .fetch = fetch, .options = options, .source = "", .ended = ended, .owner = owner};
    buf_init(&l->request, REQUEST_MAX);
    buf_init(&l->reply, REPLY_MAX);
}

void creds_look_wipe(struct creds_look *l)
{
    text_wipe(&l->next, sizeof l->next);
    text_wipe(l->session, sizeof l->session);
    creds_local_wipe(&l->request);
    creds_local_wipe(&l->reply);
}

void creds_look_free(struct creds_look *l)
{
    if (l->call) {
        fetch_cancel(l->call);
    }
    l->call = NULL;
    creds_look_wipe(l);
}

/* ---- a call ------------------------------------------------------------------------------- */

static void call_headers(void *owner, struct fetch *f, int status)
{
    (void)owner, (void)f, (void)status;
}

static bool call_data(void *owner, struct fetch *f, struct str bytes)
{
    (void)f;
    struct creds_look *l = owner;
    buf_put_str(&l->reply, bytes); /* body_max is what it holds */
    return true;
}

static void call_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct creds_look *l = owner;
    int http = fetch_status(f);
    l->call = NULL;
    enum creds_verdict verdict;
    if (status != STATUS_OK) {
        verdict = creds_look_fail(l, "%s", err->text);
    } else if (!buf_ok(&l->reply)) {
        verdict = creds_look_fail(l, "no memory for the answer");
    } else {
        verdict = l->answer(l, http, buf_str(&l->reply));
    }
    if (verdict != CREDS_WAIT) {
        l->ended(l->owner, verdict);
    }
}

static const struct fetch_ops call_ops = {call_headers, call_data, call_done};

enum creds_verdict creds_look_call(struct creds_look *l, const struct creds_look_call *call,
                                   creds_look_answer *answer)
{
    uint32_t total_ms = call->seconds * l->options->second_ms;
    struct url url;
    struct fetch_request r = {
        .method = call->method,
        .url = call->url,
        .headers = call->headers,
        .header_count = call->header_count,
        .body = call->post_request ? buf_str(&l->request) : STR(""),
        .allow_http = url_cut(text_from(call->url), &url) && url.plain_http,
        .connect_ms = CONNECT_MS,
        .first_byte_ms = total_ms,
        .total_ms = total_ms,
        .body_max = REPLY_MAX,
        .peer = call->peer,
    };
    struct err err = {.code = STATUS_OK};
    l->answer = answer;
    l->url_of = call->peer;
    /* The whole room at once: growing would leave copies of secrets behind. */
    buf_clear(&l->reply);
    if (!buf_reserve(&l->reply, REPLY_MAX)) {
        return creds_look_fail(l, "no memory for the answer");
    }
    l->call = fetch_start(l->fetch, &r, &call_ops, l, &err);
    return l->call ? CREDS_WAIT : creds_look_fail(l, "%s", err.text);
}

enum creds_verdict creds_look_fail(struct creds_look *l, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err_set(&l->err, STATUS_UNAVAILABLE, "AWS credentials, %s: %s", l->source, text);
    return CREDS_FAILED;
}
