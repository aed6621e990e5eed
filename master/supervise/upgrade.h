/*
 * upgrade.h - SIGUSR2: the program that lies on disk now takes over from the one that runs, without
 * a connection lost.
 *
 * The running master starts it as a child that inherits the listening socket. The new one starts
 * its workers when it has keys and AWS credentials; when they serve it sends its parent SIGTERM,
 * which drains as ever. A new program that ends, or is not ready in time, changes nothing. Master
 * only.
 */
#ifndef MASTER_SUPERVISE_UPGRADE_H
#define MASTER_SUPERVISE_UPGRADE_H

#include <stdint.h>
#include <sys/types.h>

#include "master/supervise/listener.h"
#include "server/base/err.h"

/* At the start, before settings are read: argv and the environment as they are now are what the
 * successor gets. argv: kept. */
void upgrade_remember(char **argv);

/* Starts the successor, with the environment of our start, secrets included; *pid_out is this
 * process's child. state_fd: STATE_DIR as in sandbox.h, or -1. NOT_SUPPORTED as process 1: the
 * container would end with us. */
MUST_CHECK enum status upgrade_start(int listen_fd, int state_fd, pid_t *pid_out, struct err *err);

/* The socket that the parent left us, if it listens there (host, port, name_out as in listener.h);
 * else -1, and one of another address is closed. Once. */
int upgrade_socket(const char *host, uint16_t port, char name_out[LISTENER_NAME_MAX]);
/* After upgrade_socket: the parent's state_fd; -1: none. */
int upgrade_state_fd(void);
/* The parent that waits to be relieved; 0: nobody does. */
pid_t upgrade_parent(void);

#endif
