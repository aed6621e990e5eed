/*
 * sandbox_private.h - what sandbox.c (who, when), sandbox_calls.c (system calls) and
 * sandbox_files.c (files) share. Nobody else includes it.
 */
#ifndef MASTER_SUPERVISE_SANDBOX_PRIVATE_H
#define MASTER_SUPERVISE_SANDBOX_PRIVATE_H

#include "master/supervise/sandbox.h"

/* The sanitizers' own work at the end of a process (LeakSanitizer traces it from a clone, reads
 * /proc) needs what no process of ours does. */
#ifdef __SANITIZE_ADDRESS__
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif

/* The table of the role comes into force. */
MUST_CHECK enum status sandbox_calls(enum sandbox_role role, struct err *err);
/* Refresher and worker: their files. */
MUST_CHECK enum status sandbox_files(enum sandbox_role role, const struct config *c,
                                     struct err *err);

#endif
