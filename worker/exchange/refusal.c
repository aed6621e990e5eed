#include "worker/exchange/refusal.h"

#include "server/base/clock.h"
#include "shm/memory/counters.h"
#include "worker/exchange/access_log.h"
#include "worker/turn/answer.h"
#include "worker/exchange/head.h"
#include "worker/door/metrics.h"
#include "worker/exchange/routes.h"

_Static_assert(COUNTER_REFUSED_HTTP > 0, "0 in x->outcome.refused and in this table: none");

static const enum counter by_status[STATUS_COUNT] = {
    [STATUS_INVALID] = COUNTER_REFUSED_INVALID,
    [STATUS_CONTEXT] = COUNTER_REFUSED_INVALID,
    [STATUS_BODY_CODED] = COUNTER_REFUSED_HTTP,
    [STATUS_THREAD] = COUNTER_REFUSED_UNSUPPORTED,
    [STATUS_AUTH] = COUNTER_REFUSED_BAD_KEY,
    [STATUS_BUDGET] = COUNTER_REFUSED_BUDGET,
    [STATUS_PERMISSION] = COUNTER_REFUSED_MODEL,
    [STATUS_NO_ROUTE] = COUNTER_REFUSED_NO_ROUTE,
    [STATUS_NOT_FOUND] = COUNTER_REFUSED_NO_ROUTE,
    [STATUS_NO_MODEL] = COUNTER_REFUSED_NO_MODEL,
    [STATUS_METHOD] = COUNTER_REFUSED_NO_ROUTE,
    [STATUS_UPGRADE] = COUNTER_REFUSED_NO_ROUTE,
    [STATUS_NO_METHOD] = COUNTER_REFUSED_NO_ROUTE,
    [STATUS_CLIENT_SLOW] = COUNTER_REFUSED_SLOW,
    [STATUS_LENGTH_REQUIRED] = COUNTER_REFUSED_HTTP,
    [STATUS_TOO_LARGE] = COUNTER_REFUSED_TOO_LARGE,
    [STATUS_URI_LONG] = COUNTER_REFUSED_HTTP,
    [STATUS_MEDIA_TYPE] = COUNTER_REFUSED_HTTP,
    [STATUS_EXPECTATION] = COUNTER_REFUSED_HTTP,
    [STATUS_RATE] = COUNTER_REFUSED_RATE,
    [STATUS_HEADERS_LARGE] = COUNTER_REFUSED_HTTP,
    [STATUS_INTERNAL] = COUNTER_REFUSED_INTERNAL,
    [STATUS_NOT_SUPPORTED] = COUNTER_REFUSED_UNSUPPORTED,
    [STATUS_CODING] = COUNTER_REFUSED_HTTP,
    [STATUS_UPSTREAM] = COUNTER_REFUSED_INTERNAL,
    [STATUS_UNAVAILABLE] = COUNTER_REFUSED_KEY_STORE,
    [STATUS_BUSY] = COUNTER_REFUSED_BUSY,
    [STATUS_TIMEOUT] = COUNTER_REFUSED_DEADLINE,
    [STATUS_HTTP_VERSION] = COUNTER_REFUSED_HTTP,
    [STATUS_OVERLOADED] = COUNTER_REFUSED_DRAINING,
};

/* Once Bedrock was asked, a failure is Bedrock's (upstream_errors_total), unless x->outcome.refused says
 * otherwise. */
static enum counter reason(const struct exchange *x)
{
    /* The client left, or its answer was complete before something went wrong. */
    if (x->outcome.status == 499 || x->outcome.err.code == STATUS_OK) {
        return 0;
    }
    if (x->outcome.refused || x->attempt.number) {
        return x->outcome.refused;
    }
    if (x->outcome.err.code == STATUS_INVALID && x->state == EXCHANGE_OPEN) {
        return COUNTER_REFUSED_HTTP; /* the body never came, or not as HTTP wants it */
    }
    return by_status[x->outcome.err.code];
}

void refusal_count(const struct exchange *x)
{
    enum counter c = reason(x);
    if (c) {
        counters_add(c, 1);
    }
}

void refusal_answer(struct worker *w, struct http_conn *c, const struct http_request *r,
                    const struct err *err)
{
    char id[ANSWER_ID_SIZE];
    struct exchange x = {.worker = w, .conn = c, .began_ns = clock_now_ns(), .outcome.err = *err};
    head_glance(&x, r, id);
    x.asked.dialect =
        x.asked.path.n ? routes_dialect_near(w->config, x.asked.path) : DIALECT_ANTHROPIC;
    routes_find(w->config, x.asked.path, HTTP_OTHER, &x.asked.allowed);
    counters_add(COUNTER_REQUESTS, 1);
    answer_error(&x, err);
    metrics_count(&x);
    refusal_count(&x);
    access_log_put(&x);
}
