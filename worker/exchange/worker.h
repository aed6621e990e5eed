/*
 * worker.h - the body of a worker process: one loop, one listener, many exchanges. Called by the
 * master after fork. See exchange.h for the life of a request.
 */
#ifndef WORKER_EXCHANGE_WORKER_H
#define WORKER_EXCHANGE_WORKER_H

#include "server/config/config.h"
#include "server/http/http_conn.h"
#include "shm/memory/segment.h"

struct worker;

/* slot: 1..workers. listen_fd: the shared listener, non-blocking. dead_fd: read end of the master's
 * pipe. Returns the exit code: 0 drained, 1 again, 2 hopeless. */
int worker_run(const struct config *c, struct segment *s, uint32_t slot, int listen_fd,
               int dead_fd);

/* What worker_run puts together, for tests that have a loop of their own: what a connection calls
 * (its ctx is the struct worker), the limits and digests that follow from w->config, and what is
 * done when the refresher has answered questions about keys. */
extern const struct http_conn_ops worker_conn_ops;
void worker_configure(struct worker *w);
void worker_wake(struct worker *w);

#endif
