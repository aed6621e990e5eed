/*
 * splice_job.h - what the parts of the request splice share: splice.c (top-level fields),
 * splice_tools.c, splice_messages.c, splice_fold.c, splice_words.c. Only those include it.
 *
 * Each part looks at its subtree of the scan and adds edits; none copies the body. Pure.
 */
#ifndef WORKER_SPLICE_SPLICE_JOB_H
#define WORKER_SPLICE_SPLICE_JOB_H

#include "worker/dialect/edits.h"
#include "worker/dialect/messages.h"
#include "worker/plan/plan.h"
#include "worker/plan/plan_ids.h"

struct splice_job {
    const struct messages_request *r;
    struct plan *plan;
    const struct scan *s;
    struct edits edits;
    struct plan_ids ids;
    const char *rejected; /* kind of block that the model cannot take; NULL: none */
    bool no_tools;        /* none is left: `tools` goes */
    scan_ref last_tool;   /* of those that are left, or SCAN_ABSENT */
    scan_ref cache_spot; /* block or string that gets the top-level cache_control, or SCAN_ABSENT */
    struct str cache_json; /* its value */
};

static inline bool splice_takes(const struct splice_job *j, uint32_t ability)
{
    return plan_takes(j->plan, ability);
}

static inline void splice_note(struct splice_job *j, enum plan_verdict verdict, const char *what)
{
    plan_note(j->plan, verdict, what, (struct str){NULL, 0});
}

/* --- splice_tools.c --- */
MUST_CHECK enum status splice_tools(struct splice_job *j, struct err *err);

/* --- splice_messages.c --- */
/* `system` and `messages`. */
MUST_CHECK enum status splice_messages(struct splice_job *j, struct err *err);
/* A member of a tool or block: true when it has to go. Edits inside the value otherwise. */
bool splice_drops_cache_control(struct splice_job *j, scan_ref value);

/* --- splice_words.c --- */
MUST_CHECK enum status splice_words(struct splice_job *j, struct err *err);

/* --- splice_fold.c --- */
MUST_CHECK enum status splice_fold(struct splice_job *j, struct err *err);

#endif
