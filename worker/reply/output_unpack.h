/*
 * output_unpack.h - the input of a call that is no function to the client. Pure; worker.
 */
#ifndef WORKER_REPLY_OUTPUT_UNPACK_H
#define WORKER_REPLY_OUTPUT_UNPACK_H

#include "worker/reply/responses_reply.h"

/* The gathered input of a call, escaped JSON, as what its kind has: the inside of a string for
 * CUSTOM, else a JSON value. false: no memory. */
MUST_CHECK bool output_unpack(enum output_kind kind, struct str escaped, struct buf *out);

#endif
