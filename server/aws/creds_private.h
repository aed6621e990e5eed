/*
 * creds_private.h - what the creds_*.c files share. Nobody else includes it.
 *
 * A look-up asks the sources of the table in creds.c one after the other. A source answers at once
 * (environment, files) or calls creds_call and says WAIT; the answer then goes to a
 * creds_answer_fn, which says FOUND (c->next is filled), FAILED (c->err is) or WAIT again (it has
 * made the next call).
 */
#ifndef SERVER_AWS_CREDS_PRIVATE_H
#define SERVER_AWS_CREDS_PRIVATE_H

#include "server/base/buf.h"
#include "server/aws/creds.h"

enum creds_verdict {
    CREDS_NONE,   /* this source is not configured: the next one */
    CREDS_FOUND,  /* c->next has what it gave */
    CREDS_FAILED, /* configured but of no use: the look-up ends, c->err says why */
    CREDS_WAIT    /* a call is under way */
};

typedef enum creds_verdict creds_answer_fn(struct creds *c, int http, struct str body);

enum { CREDS_SESSION_TOKEN_MAX = 1024, CREDS_ROLE_MAX = 65 };

struct creds {
    struct loop *loop;
    struct fetch_client *fetch;
    struct creds_options options;
    creds_fn *fn;
    void *owner;

    struct creds_value now; /* access_key_id "": none */
    struct loop_timer timer;
    int64_t renew_real_ms;    /* 0: never */
    uint64_t retry_mono_ms;   /* 0: not after a failure */
    uint64_t hurried_mono_ms; /* last creds_hurry that was followed; 0: none */
    unsigned failures;        /* in a row */

    /* The look-up that is running. */
    bool looking;
    size_t source; /* row of the table in creds.c */
    struct creds_value next;
    struct err err;
    struct fetch *call;
    creds_answer_fn *answer;
    const char *url_of; /* whose address failed, for error texts */
    struct buf request; /* form bodies; lives until the call is done */
    struct buf reply;
    char session[CREDS_SESSION_TOKEN_MAX]; /* IMDSv2 */
    char role[CREDS_ROLE_MAX];             /* IMDS */
};

/* --- creds.c --- */

struct creds_call {
    const char *method, *url, *peer; /* peer: in error texts */
    const struct fetch_header *headers;
    size_t header_count;
    bool post_request; /* c->request is the body */
    uint32_t seconds;  /* for the whole answer */
};

/* WAIT, or FAILED with c->err. */
enum creds_verdict creds_call(struct creds *c, const struct creds_call *call,
                              creds_answer_fn *answer);
/* Sets c->err to "<source>: text" and gives FAILED. Texts may reach clients and logs: no values. */
enum creds_verdict creds_fail(struct creds *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* --- creds_local.c --- */

/* NULL when unset or blank. */
const char *creds_env(const char *name);
/* Printable ASCII without blanks, 1 to max bytes: fit for a header and a signature. */
bool creds_clean(struct str s, size_t max);
/* Copies if clean and shorter than size. */
bool creds_copy(struct str s, char *out, size_t size);
void creds_wipe_buf(struct buf *b); /* wipes and frees */

enum creds_file_result {
    CREDS_FILE_READ,
    CREDS_FILE_MISSING,
    CREDS_FILE_CLOSED, /* a directory above it is closed to us: whether it is there cannot be seen
                        */
    CREDS_FILE_BAD
};
enum creds_file_result creds_file_read(const char *path, size_t max, struct buf *out);
/* A token from a file, blanks around it cut. False: unreadable, empty, not clean. */
bool creds_file_token(const char *path, struct buf *out);

/* --- sources --- */

bool creds_environment_likely(void);
enum creds_verdict creds_environment_look(struct creds *c);
bool creds_profile_likely(void);
enum creds_verdict creds_profile_look(struct creds *c);

/* creds_http.c */
bool creds_container_likely(void);
enum creds_verdict creds_container_look(struct creds *c);
/* Where AWS_CONTAINER_CREDENTIALS_FULL_URI may point: https, or one of the known local addresses.
 */
bool creds_container_allowed(struct str url);
bool creds_instance_likely(void);
enum creds_verdict creds_instance_look(struct creds *c);

/* creds_sts.c */
struct creds_profile;
bool creds_web_identity_likely(void);
enum creds_verdict creds_web_identity_look(struct creds *c);
/* The same from a profile that has web_identity_token_file, or role_arn and source_profile. */
enum creds_verdict creds_sts_profile(struct creds *c, const struct creds_profile *p);

#endif
