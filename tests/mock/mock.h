/*
 * mock.h - the one object of the mock Bedrock, shared by its files. One thread, one process.
 *
 *   main.c      options, owns struct mock
 *   server.c    epoll, connections, time; owns each connection and its stream
 *   reader.c    HTTP request reader
 *   route.c     one request -> one answer: signature, faults, operation
 *   roles.c     AWS STS
 *   admin.c     /__ledger, /__body, /__reset, /__script, /health and the container credentials
 *   verify.c    signatures          fault.c   what goes wrong      ledger.c  what was seen
 *   invoke.c, converse.c  the two dialects (speaker.h) of the model in ask.c; play.c its demo
 *   mantle.c    Bedrock's other host      native.c  Bedrock's own Chat Completions
 *   native_responses.c, native_ask.c      and Responses
 *   stream.c, frame.c     streamed answers      refusals.c  what another year refuses
 */
#ifndef MOCK_MOCK_H
#define MOCK_MOCK_H

#include "tests/mock/ledger.h"
#include "tests/mock/refusals.h"
#include "tests/mock/speaker.h"
#include "tests/mock/stream.h"
#include "tests/mock/verify.h"

#define MOCK_KEYS \
    3 /* the operator's, the container's, the container's before its last rotation \
       */

#define SAID_MAX ((size_t)4 << 20)

struct key_text {
    char access_key[64], secret[128], token[256];
};

struct mock {
    /* options */
    const char *host;
    int port;
    bool verify, quiet;
    const char *bearer;      /* NULL: Bedrock API keys are refused */
    const char *play_folder; /* NULL: no play */
    struct rules rules;
    struct refusals *refusals; /* NULL: none but those of today */
    /* state */
    struct key_text key[MOCK_KEYS];
    uint32_t rotation;            /* of the container credentials */
    int64_t credentials_expire_s; /* life of those handed out */
    uint32_t credentials_status;  /* 0: good; else the endpoint answers with it */
    uint32_t credentials_delay_ms;
    struct ledger ledger;
    struct fault_memory *faults;
    int64_t bucket_ms;        /* until then the bucket has no token: fault "bucket" */
    struct buf body, scratch; /* of the answer being made; reused */
    struct buf said;          /* the newest answer to a model's request, as far as SAID_MAX */
};

/* What the server does with an answer; the bytes are already in out. */
struct answer {
    struct buf *out;       /* head and body, or the head before a stream */
    struct stream *stream; /* NULL: all is in out; the server drops it */
    uint32_t delay_ms;     /* before the first byte */
    uint32_t hang_up_ms;   /* deaf after it, FIN so long after; 0: never */
    bool close;            /* FIN after it */
    bool reset;            /* RST after it */
};

void route_request(struct mock *mock, const struct request *r, struct answer *out);

/* True when the request was for an admin route, and is answered. */
bool admin_request(struct mock *mock, const struct request *r, struct answer *out);
void admin_rotate_credentials(struct mock *mock);

/* POST /: AWS STS. */
void roles_assume(struct mock *mock, const struct request *r, struct answer *out);

/* --- answer.c: writing whole answers --- */

/* extra: further header lines, each with CRLF; or empty. Takes the body from mock->body. */
void answer_body(struct answer *a, int status, struct str content_type, struct str extra,
                 const struct buf *body);
void answer_error(struct mock *mock, struct answer *a, int status, const char *type,
                  const char *message);
void answer_stream_head(struct answer *a, struct str extra);
/* The Date header of the next answers is this much ahead: the clock-skew fault. */
void answer_skew_s(int64_t seconds);
void answer_retry_after_s(uint32_t seconds); /* of the next answers; 0: none */

/* --- server.c --- */

/* Binds, prints the line with the port, serves until SIGTERM or SIGINT. 0, or 1 when it cannot
 * bind. */
int server_run(struct mock *mock);

#endif
