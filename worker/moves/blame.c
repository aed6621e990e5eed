#include "worker/moves/blame.h"

#include "server/net/fetch.h"

#define SECONDS(x) ((uint64_t)(x)*1000u)

/* 403 of ours: our credentials, signature or clock, which no client has a hand in (bedrock_error.c). */
static enum lanes_why forbidden(enum status st)
{
    return st == STATUS_INTERNAL ? LANES_FAILED : LANES_DENIED;
}

enum lanes_why blame_why(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    enum status st = x->outcome.err.code;
    if (st == STATUS_RATE) {
        return t->complaint == COMPLAINT_DAY ? LANES_QUOTA : LANES_THROTTLED;
    }
    if (t->refusal == 429) { /* the model is not ready */
        return LANES_THROTTLED;
    }
    if (t->refusal == 0) { /* of what was sent nobody knows whether it is paid for */
        return st == STATUS_UPSTREAM || st == STATUS_TIMEOUT ? LANES_FAILED : LANES_FINE;
    }
    if (t->refusal >= 500) {
        return LANES_FAILED;
    }
    if (t->refusal == 403) {
        return forbidden(st);
    }
    bool absent = st == STATUS_NOT_FOUND || t->complaint == COMPLAINT_MODEL;
    return absent ? LANES_ABSENT : LANES_FINE;
}

bool blame_needs_proof(enum lanes_why why)
{
    return why == LANES_DENIED || why == LANES_ABSENT;
}

/* Seconds; a date, which Bedrock does not send, is none. */
uint64_t blame_retry_ms(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    struct str value;
    uint64_t s = 0;
    if (!t->fetch || !fetch_header(t->fetch, STR("retry-after"), &value)) {
        return t->told_ms;
    }
    for (size_t i = 0; i < value.n && s < LANES_RETRY_MS_MAX; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return 0;
        }
        s = s * 10 + (uint64_t)(value.p[i] - '0');
    }
    return SECONDS(s);
}

bool blame_may_be_billed(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    return t->refusal == 0 && t->fetch && fetch_sent(t->fetch);
}
