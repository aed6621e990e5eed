/*
 * splice_job.h - what the parts of the request splice share: splice.c (top-level fields),
 * splice_betas.c, splice_tools.c, splice_messages.c, splice_fold.c, splice_format.c. Only those
 * include it.
 *
 * Each part looks at its subtree of the scan and adds edits; none copies the body. Pure.
 */
#ifndef WORKER_SPLICE_SPLICE_JOB_H
#define WORKER_SPLICE_SPLICE_JOB_H

#include "worker/dialect/edits.h"
#include "worker/dialect/messages.h"
#include "worker/splice/splice_options.h"

#define SPLICE_BETAS_MAX 32

struct splice_job {
    const struct messages_request *r;
    const struct splice_options *o;
    const struct scan *s;
    struct edits edits;
    struct buf *changes;
    struct str beta[SPLICE_BETAS_MAX]; /* values that go into anthropic_beta */
    uint32_t beta_count;
    const char *rejected; /* kind of block that the model cannot take; NULL: none */
    bool no_tools;        /* none is left: `tools` and `tool_choice` go */
    scan_ref cache_spot; /* block or string that gets the top-level cache_control, or SCAN_ABSENT */
    struct str cache_json; /* its value */
    int64_t budget;        /* thinking.budget_tokens of the result, 0: none */
    struct str tier;
    struct str schema; /* of the answer, when it must be asked for in words; else empty */
    struct str lost;   /* the first thing dropped: STRICT_FIELDS refuses it by name */
};

static inline bool splice_takes(const struct splice_job *j, uint32_t flag)
{
    return (j->o->model->caps->flags & flag) != 0;
}

/* Adds "drop:" or "map:" and what; the same words once only. */
void splice_note(struct splice_job *j, const char *verb, struct str what);

/* --- splice_betas.c --- */
void splice_betas(struct splice_job *j); /* header, body members and "[1m]" into j->beta */
bool splice_has_beta(const struct splice_job *j, struct str value);
void splice_want_beta(struct splice_job *j, struct str value); /* added when the model takes it */

/* --- splice_tools.c --- */
MUST_CHECK enum status splice_tools(struct splice_job *j, struct err *err);

/* --- splice_messages.c --- */
/* `system` and `messages`. */
MUST_CHECK enum status splice_messages(struct splice_job *j, struct err *err);
/* A member of a tool or block: true when it has to go. Edits inside the value otherwise. */
bool splice_drops_cache_control(struct splice_job *j, scan_ref value);

/* --- splice_format.c --- */
MUST_CHECK enum status splice_format(struct splice_job *j, struct err *err); /* after j->schema */

/* --- splice_fold.c --- */
MUST_CHECK enum status splice_fold(struct splice_job *j, struct err *err);

#endif
