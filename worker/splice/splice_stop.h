/*
 * splice_stop.h - why the model stopped, as the client is to hear it. Pure; worker.
 */
#ifndef WORKER_SPLICE_SPLICE_STOP_H
#define WORKER_SPLICE_SPLICE_STOP_H

#include "worker/dialect/edits.h"

struct splice_stop { /* what the answer has shown so far; zero: nothing */
    bool called;     /* a call has come that the client is to answer */
    bool intervened; /* a guardrail has stepped in */
};

void splice_stop_block(struct splice_stop *t, const struct scan *s, scan_ref block);
void splice_stop_look(struct splice_stop *t, const struct scan *s); /* an event, a whole answer */
/* The stop_reason of holder (0: of the answer), mended in e where it is not the whole truth; p NULL:
 * it has none. */
struct str splice_stop_read(const struct splice_stop *t, struct edits *e, scan_ref holder);

#endif
