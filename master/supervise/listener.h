/*
 * listener.h - the one listening socket, made by the master and shared by all workers: a worker
 * that dies takes none of the waiting connections with it (with a socket a worker, 108 of 200 were
 * reset).
 */
#ifndef MASTER_SUPERVISE_LISTENER_H
#define MASTER_SUPERVISE_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/base/err.h"

#define LISTENER_NAME_MAX 64

/* host: an IPv4 or IPv6 address (brackets allowed), no name: nothing is resolved. Non-blocking,
 * close-on-exec. name_out: "0.0.0.0:8000" or "[::]:8000". INVALID (one line that names HOST or
 * PORT) when the address is wrong, not ours, or still taken after wait_ms. Blocks that long. */
MUST_CHECK enum status listener_open(const char *host, uint16_t port, unsigned wait_ms, int *fd_out,
                                     char name_out[LISTENER_NAME_MAX], struct err *err);

/* Is it a socket that listens there? Arguments as above. */
MUST_CHECK bool listener_is_at(int fd, const char *host, uint16_t port,
                               char name_out[LISTENER_NAME_MAX]);

#endif
