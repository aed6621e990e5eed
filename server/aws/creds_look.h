/*
 * creds_look.h - one look-up of credentials under way: what the sources write into, and the HTTP call
 * that some of them need. Made by creds.c, which asks the sources (creds_sources.h) in turn.
 *
 * A source answers at once (environment, files) or calls creds_look_call and says WAIT; the answer
 * then goes to a creds_look_answer, which says FOUND (l->next is filled), FAILED (l->err is) or WAIT
 * again (it has made the next call). After a WAIT, `ended` is told what came of it.
 */
#ifndef SERVER_AWS_CREDS_LOOK_H
#define SERVER_AWS_CREDS_LOOK_H

#include "server/aws/creds_value.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/net/fetch.h"

enum creds_verdict {
    CREDS_NONE,   /* this source is not configured: the next one */
    CREDS_FOUND,  /* l->next has what it gave */
    CREDS_FAILED, /* configured but of no use: the look-up ends, l->err says why */
    CREDS_WAIT    /* a call is under way */
};

struct creds_look;
typedef enum creds_verdict creds_look_answer(struct creds_look *l, int http, struct str body);

enum { CREDS_SESSION_TOKEN_MAX = 1024, CREDS_ROLE_MAX = 65 };

struct creds_look {
    struct fetch_client *fetch;
    const struct creds_options *options;
    const char *source; /* that is being asked, in error texts */
    void (*ended)(void *owner, enum creds_verdict verdict);
    void *owner;

    struct creds_value next;
    struct err err;
    struct fetch *call;
    creds_look_answer *answer;
    const char *url_of; /* whose address failed, for error texts */
    struct buf request; /* form bodies; lives until the call is done */
    struct buf reply;
    char session[CREDS_SESSION_TOKEN_MAX]; /* IMDSv2 */
    char role[CREDS_ROLE_MAX];             /* IMDS */
};

void creds_look_init(struct creds_look *l, struct fetch_client *fetch,
                     const struct creds_options *options,
                     void (*ended)(void *owner, enum creds_verdict verdict), void *owner);
void creds_look_wipe(struct creds_look *l); /* what was found and sent; err stays */
void creds_look_free(struct creds_look *l); /* the same, and a call under way is cancelled */

struct creds_look_call {
    const char *method, *url, *peer; /* peer: in error texts */
    const struct fetch_header *headers;
    size_t header_count;
    bool post_request; /* l->request is the body */
    uint32_t seconds;  /* for the whole answer */
};

/* WAIT, or FAILED with l->err. */
enum creds_verdict creds_look_call(struct creds_look *l, const struct creds_look_call *call,
                                   creds_look_answer *answer);
/* Sets l->err to "<source>: text" and gives FAILED. Texts may reach clients and logs: no values. */
enum creds_verdict creds_look_fail(struct creds_look *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
