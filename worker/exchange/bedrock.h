/*
 * bedrock.h - Bedrock as an HTTP service: endpoint, headers, signature, what its errors mean, when
 * a second attempt is right. Worker.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
 */
#ifndef WORKER_EXCHANGE_BEDROCK_H
#define WORKER_EXCHANGE_BEDROCK_H

#include "worker/turn/turn.h"

struct bedrock;

/* Endpoint by configuration and region; INVALID when BEDROCK_ENDPOINT_URL or the region is
 * unusable. */
struct bedrock *bedrock_new(struct worker *w, struct err *err);
void bedrock_drop(struct bedrock *b);

/* Bedrock's other host, which counts tokens for models that CountTokens does not. Where
 * BEDROCK_ENDPOINT_URL is set it is looked for there. */
bool bedrock_has_mantle(const struct worker *w);

/* State SEND: starts the transfer; worker->transfer hears of it. */
enum verdict bedrock_send(struct exchange *x);
/* Does it stream to us? A client's stream may be told from a whole answer.
 * attempt.reply is there. */
bool bedrock_asks_stream(const struct exchange *x);

/* An answer that is not 200: fills outcome.err and the transfer's refusal from status,
 * x-amzn-errortype and body. */
enum complaint bedrock_error(struct exchange *x, int status, struct str type_header,
                             struct str body);
/* An exception or error frame inside a stream: the same, by what it would be as an answer. */
enum complaint bedrock_exception(struct exchange *x, const struct eventstream_frame *frame);
/* After the relay has failed: where that was the model's own error (reply.error), and another attempt may
 * cure it, the same, and the transfer's complaint. False: it was not. */
bool bedrock_own_error(struct exchange *x);
/* An ARN or an account's number stands in it: the operator's, not the client's. Pure. */
bool bedrock_tells_account(struct str text);
/* After outcome.err and the transfer's refusal and complaint were filled, nothing sent to the client
 * yet: true when another transfer is right. Sets attempt.pause_ms, and what the next attempt is to
 * leave out. */
bool bedrock_retry(struct exchange *x);

#endif
