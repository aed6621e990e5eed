/*
 * answer.h - answers that are not a relayed stream: JSON bodies, errors in the caller's dialect,
 * the headers that every answer carries (request ids, CORS, limits, changes). Worker.
 */
#ifndef WORKER_TURN_ANSWER_H
#define WORKER_TURN_ANSWER_H

#include "worker/turn/turn.h"

#define ANSWER_ID_SIZE 72
/* The client's x-request-id or x-trace-id if it is [A-Za-z0-9_-]{1,64}, else a new "req_...". */
void answer_id(const struct http_request *r, char out[ANSWER_ID_SIZE]);

/* Status line and the common headers. The caller adds its own and the body. */
void answer_begin(struct exchange *x, int status);
void answer_json(struct exchange *x, int status, struct str body);
void answer_error(struct exchange *x, const struct err *err);
/* For a step that has made a body: freed here. FAIL where there was no memory for all of it: half a
 * document must not be sent as a whole one. */
enum verdict answer_built(struct exchange *x, int status, struct buf *body);
/* The same test for answers of other types: STATUS_OK, or outcome.err says it. */
MUST_CHECK enum status answer_whole(struct exchange *x, const struct buf *body);
/* The error body of a dialect into out: {"type":"error",...} or {"error":{...}}. */
void answer_error_body(enum dialect dialect, const struct err *err, struct str request_id,
                       struct buf *out);
/* Origin if CORS_ORIGINS names it, else empty. */
struct str answer_origin(const struct config *c, struct str origin);

#endif
