/*
 * worker.h - the body of a worker process: one loop, one listener, many exchanges. Called by the
 * master after fork. See exchange.h for the life of a request.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "server/config.h"
#include "shm/segment.h"

/* slot: 1..workers. listen_fd: the shared listener, non-blocking. dead_fd: read end of the master's
 * pipe. Returns the exit code: 0 drained, 1 again, 2 hopeless. */
int worker_run(const struct config *c, struct segment *s, uint32_t slot, int listen_fd,
               int dead_fd);

#endif
