#include "worker/exchange/head.h"

#include <string.h>

#include "server/http/forwarded.h"
#include "worker/door/page.h"
#include "worker/exchange/routes.h"

#define BETAS_MAX    4096    /* anthropic-beta values of one request, joined */
#define AGENT_MAX    80      /* user-agent in the log */
#define SESSION_MAX  64      /* a session's id, too */
#define PATIENCE_MAX 100000u /* seconds: for ever */

/* The first API version without sampling members.
 * platform.claude.com/docs/en/api/versioning */
#define NO_SAMPLING_SINCE STR("2026-10-21")

/* Inflating bodies would be a bomb's fuse; no client compresses them. */
enum status head_check_coding(const struct http_request *r, struct err *err)
{
    struct str coding;
    if (http_request_header(r, STR("content-encoding"), &coding) && coding.n &&
        !text_ieq(coding, STR("identity"))) {
        return err_set(err, STATUS_BODY_CODED, "send the body without content-encoding");
    }
    return STATUS_OK;
}

/* Several anthropic-beta headers count as one list. */
static enum status join_betas(struct exchange *x, const struct http_request *r, struct err *err)
{
    enum status st = STATUS_OK;
    size_t n = 0;
    struct buf joined;
    buf_init(&joined, BETAS_MAX);
    for (size_t i = 0; i < r->header_count; i++) {
        if (text_ieq(r->headers[i].name, STR("anthropic-beta"))) {
            if (buf_len(&joined)) {
                buf_put_char(&joined, ',');
            }
            buf_put_str(&joined, r->headers[i].value);
            n += r->headers[i].value.n + 1;
        }
    }
    if (buf_len(&joined)) {
        x->asked.betas = arena_dup(x->arena, buf_str(&joined));
    }
    if (n > BETAS_MAX) {
        st = err_set(err, STATUS_HEADERS_LARGE, "anthropic-beta: more than %d bytes", BETAS_MAX);
    } else if (!buf_ok(&joined) || (buf_len(&joined) && !x->asked.betas.p)) {
        st = err_no_memory(err);
    }
    buf_free(&joined);
    return st;
}

/* Versions are dates, so they sort as text. */
static bool has_no_sampling(struct str version)
{
    struct str first = NO_SAMPLING_SINCE;
    return version.n == first.n && memcmp(version.p, first.p, first.n) >= 0;
}

/* Claude Code since 2.1; Codex, whose thread is what it calls a session elsewhere. */
static struct str find_session(const struct http_request *r)
{
    static const char *const names[] = {"x-claude-code-session-id", "session-id", "thread-id"};
    struct str value = {NULL, 0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (http_request_header(r, text_from(names[i]), &value) && value.n) {
            return text_sub(value, 0, SESSION_MAX);
        }
    }
    return (struct str){NULL, 0};
}

/* Stainless's SDKs (Anthropic's and OpenAI's) tell their time-out: TypeScript to the headers of the answer,
 * Python between any two bytes. Whole seconds; a word ("NOT_GIVEN") is none. */
static uint32_t find_patience(const struct http_request *r)
{
    static const char *const names[] = {"x-stainless-timeout", "x-stainless-read-timeout"};
    struct str value = {NULL, 0};
    uint64_t s = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !value.n; i++) {
        (void)http_request_header(r, text_from(names[i]), &value);
    }
    for (size_t i = 0; i < value.n && value.p[i] != '.' && s < PATIENCE_MAX; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return 0;
        }
        s = s * 10 + (uint64_t)(value.p[i] - '0');
    }
    return (uint32_t)s;
}

void head_glance(struct exchange *x, const struct http_request *r, char id_out[ANSWER_ID_SIZE])
{
    struct str value, proxies = text_from(x->worker->config->trusted_proxies);
    answer_id(r, id_out);
    x->asked.id = text_from(id_out);
    x->asked.path = routes_understood(x->worker->config, r->path);
    x->asked.mantle = routes_is_mantle(x->worker->config, r->path);
    x->asked.query = r->query;
    if (http_request_header(r, STR("origin"), &value)) {
        x->asked.origin = answer_origin(x->worker->config, value);
    }
    if (http_request_header(r, STR("user-agent"), &value)) {
        x->asked.client.agent = text_sub(value, 0, AGENT_MAX);
    }
    x->asked.client.session = find_session(r);
    x->asked.client.patience_s = find_patience(r);
    if (http_request_header(r, STR("thread-id"), &value)) {
        x->asked.client.thread = text_sub(value, 0, SESSION_MAX);
    }
    if (proxies.n) {
        x->asked.client.address = forwarded_client(proxies, http_conn_peer(x->conn), r);
    }
}

static bool keep_one(struct exchange *x, struct str name, struct str value)
{
    for (unsigned i = 0; i < ASKED_PASSED_COUNT; i++) {
        if (text_ieq(name, text_from(asked_passed_header(i)))) {
            x->asked.passed.head[i] = arena_dup(x->arena, value);
            return x->asked.passed.head[i].p != NULL;
        }
    }
    return true;
}

/* Only what has a meaning on the way on, and only InvokeModel has it in its head. */
static bool keep_passed(struct exchange *x, const struct http_request *r)
{
    bool ok = true;
    if (!text_starts(x->asked.path, STR("/model/"))) {
        return true;
    }
    for (size_t i = 0; ok && i < r->header_count; i++) {
        const struct http_header *h = &r->headers[i];
        if (h->value.n > 0 && text_istarts(h->name, STR("x-amzn-bedrock-"))) {
            ok = keep_one(x, h->name, h->value);
        }
    }
    return ok;
}

enum status head_keep(struct exchange *x, const struct http_request *r, struct err *err)
{
    char id[ANSWER_ID_SIZE];
    struct str value = {NULL, 0};
    head_glance(x, r, id);
    x->asked.id = arena_dup(x->arena, x->asked.id);
    x->asked.path = arena_dup(x->arena, x->asked.path);
    x->asked.query = arena_dup(x->arena, x->asked.query);
    x->asked.origin = arena_dup(x->arena, x->asked.origin);
    x->asked.client.agent = arena_dup(x->arena, x->asked.client.agent);
    x->asked.client.session = arena_dup(x->arena, x->asked.client.session);
    x->asked.client.thread = arena_dup(x->arena, x->asked.client.thread);
    x->asked.client.address = arena_dup(x->arena, x->asked.client.address);
    page_keep(x, r);
    if (http_request_header(r, STR("anthropic-version"), &value)) {
        x->asked.no_sampling = has_no_sampling(value);
    }
    return x->asked.id.p && x->asked.path.p && keep_passed(x, r) ? join_betas(x, r, err)
                                                                 : err_no_memory(err);
}
