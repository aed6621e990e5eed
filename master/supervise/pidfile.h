/*
 * pidfile.h - STATE_DIR/master.pid: how `top` and scripts find the running master. Nothing depends
 * on it: a state directory that cannot be written costs a warning, and it is no lock (containers
 * may share a volume).
 */
#ifndef MASTER_SUPERVISE_PIDFILE_H
#define MASTER_SUPERVISE_PIDFILE_H

#include <sys/types.h>

#include "server/base/err.h"

/* Makes the directory (0700) if it is missing; replaces the file in one step. */
MUST_CHECK enum status pidfile_write(const char *state_dir, pid_t pid, struct err *err);
/* NOT_FOUND when there is no file (*pid_out 0) or the process it names is gone (its pid: it was
 * killed). */
MUST_CHECK enum status pidfile_read(const char *state_dir, pid_t *pid_out, struct err *err);
/* Removes the file if it still names this pid (a successor may have replaced it). */
void pidfile_remove(const char *state_dir, pid_t pid);

#endif
