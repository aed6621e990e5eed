/*
 * sandbox_private.h - what sandbox.c (who, when), sandbox_calls.c (system calls: tables),
 * sandbox_make.c (their filters, while the program is built) and sandbox_files.c (files) share.
 * Nobody else includes it.
 */
#ifndef MASTER_SUPERVISE_SANDBOX_PRIVATE_H
#define MASTER_SUPERVISE_SANDBOX_PRIVATE_H

#include "master/supervise/sandbox.h"

#include "server/platform/filter.h"
#include "server/platform/syscalls.h"

/* The sanitizers' own work at the end of a process (LeakSanitizer traces it from a clone, reads
 * /proc) needs what no process of ours does. Given by the Makefile to what makes the filters. */
#ifndef SANDBOX_SANITIZED
#ifdef __SANITIZE_ADDRESS__
#define SANDBOX_SANITIZED 1
#else
#define SANDBOX_SANITIZED 0
#endif
#endif

/* What each role may call: read while the program is built, and not a part of it. */
struct sandbox_calls {
    enum filter_verdict others;
    const struct filter_row *tables[4]; /* up to a NULL */
};
extern const struct sandbox_calls sandbox_calls[SANDBOX_ROLES];
/* What was made of them: build/gen/sandbox_filters.c. No steps without libseccomp. */
extern const struct syscalls_filter sandbox_filters[SANDBOX_ROLES];

/* Refresher and worker: their files. */
MUST_CHECK enum status sandbox_files(enum sandbox_role role, const struct config *c,
                                     struct err *err);

#endif
