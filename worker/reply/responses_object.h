/*
 * responses_object.h - the response object of each lifecycle event and of a whole answer. Pure; worker.
 */
#ifndef WORKER_REPLY_RESPONSES_OBJECT_H
#define WORKER_REPLY_RESPONSES_OBJECT_H

#include "worker/reply/responses_reply.h"

struct responses_ending {
    const char *status;       /* in_progress, completed, incomplete, failed */
    const char *incomplete;   /* the reason, or NULL */
    struct str code, message; /* of failed; code.p NULL: none */
    bool last;                /* with output, usage, and all that the request said */
};
/* What never changes of it. false: no memory. */
MUST_CHECK bool responses_object_init(struct responses_reply *r);
void responses_object_put(const struct responses_reply *r, const struct responses_ending *e,
                          struct buf *out);
/* The event of that name with the object. */
void responses_object_event(struct responses_reply *r, struct str type,
                            const struct responses_ending *e, struct buf *out);

#endif
