/*
 * head.h - what an exchange keeps of the request's head, which is gone when the body has come.
 * Worker.
 */
#ifndef WORKER_EXCHANGE_HEAD_H
#define WORKER_EXCHANGE_HEAD_H

#include "worker/turn/answer.h"

/* Fills id, path, query, origin, agent, betas, no_sampling and page. */
MUST_CHECK enum status head_keep(struct exchange *x, const struct http_request *r, struct err *err);
/* The same for a request that is answered at once, without an arena: what x gets points into r and
 * id_out. */
void head_glance(struct exchange *x, const struct http_request *r, char id_out[ANSWER_ID_SIZE]);
/* BODY_CODED for a body that is not sent plain. */
MUST_CHECK enum status head_check_coding(const struct http_request *r, struct err *err);

#endif
