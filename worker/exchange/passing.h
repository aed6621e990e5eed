/*
 * passing.h - Bedrock's own routes: the model is in the path, the body and the answer pass as they
 * are. Read of the body is only what a limit needs to know; changed is it only where the key or the
 * settings have a guardrail, a project, metadata or a tier that Converse wants in it. Worker.
 */
#ifndef WORKER_EXCHANGE_PASSING_H
#define WORKER_EXCHANGE_PASSING_H

#include "worker/turn/turn.h"

/* READ, first: asked.client_model out of the path. NO_MODEL: it is no name. */
MUST_CHECK enum status passing_read(struct exchange *x);
/* READ, with the model known: the transport is the route's; what of tier and max_tokens can be told.
 * INVALID: it may name a tier, but not so that its price could be known. */
MUST_CHECK enum status passing_choose(struct exchange *x);
/* CONVERT: attempt.body, relay, reply, terms and tier. */
enum verdict passing_convert(struct exchange *x);

/* The head of Bedrock's answer: what goes on to the client is kept in the attempt. */
void passing_keep(struct exchange *x, const struct fetch *f);
/* And put, but for its content type. */
void passing_put(struct exchange *x);
/* An exception inside a stream, with outcome.err said of it. */
void passing_put_exception(struct exchange *x, const struct eventstream_frame *frame);
/* A whole answer. */
void passing_answer(struct exchange *x, struct str body);

/* What asked.scan names in S3 the operator has allowed (s3_address.h); else PERMISSION. */
enum status passing_check_s3(struct exchange *x);

#endif
