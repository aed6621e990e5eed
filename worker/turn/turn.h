/*
 * turn.h - one client request on its way through a worker: what every step of it may see, and what
 * a step may say.
 *
 * A step is a function that gets the exchange and returns a verdict to the driver (exchange.c); it
 * never calls the next step. A step that says WAIT has arranged that somebody calls turn_wake. Who
 * makes and ends what: exchange.h. Worker only, one loop, no threads.
 */
#ifndef WORKER_TURN_TURN_H
#define WORKER_TURN_TURN_H

#include "server/aws/eventstream.h"
#include "server/base/sha256.h"
#include "server/json/scan.h"
#include "server/net/fetch.h"
#include "server/http/http_out.h"
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"
#include "shm/memory/holds.h"
#include "worker/dialect/chat.h"
#include "worker/dialect/messages.h"
#include "worker/dialect/relay.h"
#include "worker/dialect/usage_record.h"
#include "worker/model/models.h"
#include "worker/turn/complaint.h"
#include "worker/turn/context.h"

/* X(name, step function or NULL, meaning) in the order of a good life */
#define EXCHANGE_STATES(X)                                                      \
    X(OPEN, open_step, "headers are in, the body is arriving")                  \
    X(AUTH, auth_step, "who is it, and is there room under the limit")          \
    X(ROUTE, route_step, "routes that answer by themselves")                    \
    X(READ, read_step, "the body is checked, the model chosen")                 \
    X(ADMIT, admit_step, "may the key use it, is there money, is it on record") \
    X(CONVERT, convert_step, "the upstream body is made")                       \
    X(SEND, bedrock_send, "signed and handed to libcurl")                       \
    X(RELAY, stream_step, "the answer is on its way to the client")             \
    X(PAUSE, NULL, "waiting a moment before the second attempt")                \
    X(DONE, NULL, "settled; nothing may happen any more")

enum exchange_state {
#define EXCHANGE_ENUM(name, step, meaning) EXCHANGE_##name,
    EXCHANGE_STATES(EXCHANGE_ENUM)
#undef EXCHANGE_ENUM
};

/* X(NAME, meaning): how an attempt to get an answer stands. Set by the transfer's callbacks in
 * stream.c, acted upon by its step. */
#define EXCHANGE_ATTEMPTS(X)                             \
    X(RUNNING, "bytes may come")                         \
    X(DONE, "the answer is complete")                    \
    X(FAILED, "x->err says why, and that is the answer") \
    X(AGAIN, "x->err says why, and another attempt is right")

enum exchange_attempt {
#define EXCHANGE_ENUM(name, meaning) EXCHANGE_ATTEMPT_##name,
    EXCHANGE_ATTEMPTS(EXCHANGE_ENUM)
#undef EXCHANGE_ENUM
};

enum verdict {
    VERDICT_NEXT,  /* go on with the next state of the table */
    VERDICT_WAIT,  /* turn_wake will be called */
    VERDICT_RETRY, /* RELAY only: once more from SEND, after x->pause_ms */
    VERDICT_DONE,  /* the answer is complete */
    VERDICT_FAIL   /* x->err says why; the driver answers */
};

enum exchange_who {
    EXCHANGE_NOBODY,
    EXCHANGE_ANONYMOUS,
    EXCHANGE_SCRAPER, /* METRICS_TOKEN: /metrics alone */
    EXCHANGE_MASTER,
    EXCHANGE_KEY
};

struct route;
struct journal_record;

struct exchange {
    struct worker *worker;
    struct http_conn *conn;
    struct arena *arena;
    enum exchange_state state;
    const struct route *route;
    enum dialect dialect;
    struct err err;
    enum counter refused; /* COUNTER_REFUSED_x where err alone does not tell; 0: it does */

    /* what came in */
    struct str id;     /* request-id: the client's own if legal, else ours */
    struct str path;   /* copied: for the log */
    unsigned allowed;  /* methods of all routes with that path, for a 405 */
    struct str query;  /* copied: after '?' */
    struct str origin; /* Origin header, empty if none or not allowed */
    struct str betas;  /* anthropic-beta values, joined by ',' */
    bool no_sampling;  /* its anthropic-version has no temperature, top_p, top_k */
    struct str body;   /* the connection's; valid until the answer ends */
    struct str agent;  /* user-agent, cut */
    struct {           /* of what is no POST: see page.h */
        bool wanted, https;
        struct str host;
    } page;

    /* who it is */
    enum exchange_who who;
    uint8_t digest[32];
    struct directory_key key; /* who == EXCHANGE_KEY */
    uint64_t ticket;          /* question to the refresher, 0: none */
    uint64_t ticket_due_ms;   /* it is not waited for any longer */
    bool limited;             /* limit holds figures for the rate headers */
    struct bucket_answer limit;
    struct bucket_answer tokens; /* limit 0: the key has no tpm_limit */
    struct holds held;           /* of the key, by this request; limits_leave gives it back */

    /* what is asked, of whom */
    struct scan scan;
    struct messages_request request; /* Anthropic dialect */
    struct chat_request chat;        /* OpenAI dialect */
    struct str client_model;
    bool stream;
    bool counting; /* count_tokens: nothing is generated */
    struct models_choice model;
    struct buf changes; /* for x-converter-changes */
    struct str tier;
    bool tier_asked;   /* the request names a tier other than the default */
    bool tier_refused; /* the model does not offer it: converted once more without */
    bool reconvert;    /* the next attempt begins with CONVERT: nothing of the last one stays */

    /* what it costs */
    struct price price;
    struct journal_record *record; /* OPEN in the journal; NULL: none */
    uint64_t record_number;        /* its own: says whether it still is this request's */
    bool billed;                   /* from usage_begin to usage_end */
    int64_t started_ms;            /* of usage_begin, real time */
    struct usage usage;            /* at the end */
    uint64_t cost_micro;

    /* upstream */
    struct buf upstream; /* the body that is sent */
    char upstream_sha256[2 * SHA256_SIZE];
    bool upstream_hashed;
    const struct fetch_ops *transfer; /* who hears of the transfer: stream_ops */
    struct fetch *fetch;
    int attempts;
    bool skew_tried;
    uint64_t keys_until_ms; /* it waits so long for signing keys of its date; 0: never waited */
    int64_t skew_ms;        /* what this attempt's signature added to our clock */
    uint32_t pause_ms;
    struct eventstream frames;
    const struct relay *relay;
    struct reply *reply; /* what the relay has seen; never NULL from CONVERT on */
    struct buf answer;   /* a whole answer, or an error body */
    bool framed;         /* the answer is an event stream */
    enum exchange_attempt attempt;
    int refusal; /* HTTP status of it, an exception's own in a stream; 0: no answer, or a bad one */
    enum complaint complaint; /* what it was refused for */
    bool answered;            /* the status line to the client was put */
    char upstream_id[72];     /* x-amzn-requestid: for the log */

    /* time */
    struct loop_timer timer_ping, timer_deadline, timer_pause;
    uint64_t began_ns, sent_ns, first_ns;
    int status; /* what the client got */

    struct exchange *prev, *next; /* all exchanges of the worker */
};

void turn_wake(struct exchange *x);   /* what a step waited for has happened */
void turn_link(struct exchange *x);   /* among the worker's open ones */
void turn_unlink(struct exchange *x); /* and out of them */

#endif
