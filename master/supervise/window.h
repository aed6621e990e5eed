/*
 * window.h - STATE_DIR/top.sock, through which `top` sees the shared memory of a master that lets
 * nobody look into /proc (sandbox.h).
 *
 *   top --connect--> accept, is it our user or root? --the memfd, opened read-only--> close
 *
 * Nothing is read from the socket, so there is nothing to parse, and one that connects and waits
 * costs nothing. Workers cannot connect: the sandbox gives them no such socket. Nothing depends on
 * it: where it cannot be made, `top` works for root alone.
 */
#ifndef MASTER_SUPERVISE_WINDOW_H
#define MASTER_SUPERVISE_WINDOW_H

#include <sys/types.h>

#include "server/base/err.h"

/* Master: replaces what another master left or still has; the descriptor is non-blocking. */
MUST_CHECK enum status window_open(const char *state_dir, int *fd_out, struct err *err);
/* Serves who waits, at most a few. shown_fd: what they get. */
void window_serve(int fd, int shown_fd);
/* Removes the file if it is still ours. */
void window_close(const char *state_dir, int fd);

/* `top`: what the master shows, and its pid (0: of another pid namespace). NOT_FOUND: nobody
 * listens there. The descriptor is the caller's. */
MUST_CHECK enum status window_look(const char *state_dir, int *fd_out, pid_t *pid_out,
                                   struct err *err);

#endif
