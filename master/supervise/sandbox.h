/*
 * sandbox.h - what a process can still do when somebody else's code runs in it.
 *
 *   all        the user RUN_AS_USER, no capabilities, no new ones by exec (no_new_privs), not
 *              dumpable: nobody of the same user can read memory, environment or descriptors
 *   master     a filter of what no program of ours calls; the secrets as a descriptor (secrets.h)
 *   refresher  its table of system calls; writes in STATE_DIR and beside DATABASE_URL and
 *              USAGE_JOURNAL, reads where credentials are kept; has the secrets
 *   worker     its table of system calls; reads CA certificates, the resolver's files and
 *              libraries, writes nothing; has neither the secrets nor the master key
 *
 * In this order: the port is bound (as root, if need be), sandbox_begin, shared memory, journal,
 * fork; in a child sandbox_enter after its last wider need. Kernel and build decide what there is;
 * what is missing is said at the start and by check-config, and the rest stands.
 *
 * What a worker taken over still can: read and change the requests that pass through it and the
 * shared memory that it may write (limits, counters, usage journal), sign requests to Bedrock, use
 * a Bedrock API key (each request carries it), connect to any address by TCP and UDP.
 *
 * It is here, and not in server/: who may do what is the plan of the processes. The mechanisms know
 * nothing of it (identity, syscalls, landlock, secrets in server/platform).
 */
#ifndef MASTER_SUPERVISE_SANDBOX_H
#define MASTER_SUPERVISE_SANDBOX_H

#include "server/config/config.h"

enum sandbox_role { SANDBOX_MASTER, SANDBOX_REFRESHER, SANDBOX_WORKER, SANDBOX_ROLES };

/* Master, once, when the port is bound and before anything else is made: user, capabilities,
 * secrets, filter. inherited_fd: STATE_DIR of the master before us (upgrade.h), or -1. INVALID
 * (one line): the user is unknown, not permitted, or root without ALLOW_ROOT. */
MUST_CHECK enum status sandbox_begin(struct config *c, int inherited_fd, struct err *err);
/* Around a config_load at a reload: secrets are there for it, and then no more. c NULL: refused,
 * the secrets of before stay. */
void sandbox_before_load(void);
void sandbox_after_load(struct config *c);
/* A descriptor of STATE_DIR for a successor where its path is closed to the user; -1: none. */
int sandbox_state_fd(void);

/* In a child, at once: what only the master may have is closed; the refresher gets the secrets. */
void sandbox_leave_master(enum sandbox_role role);
/* In a child, before its body. UNAVAILABLE: the kernel has it but refuses. */
MUST_CHECK enum status sandbox_enter(enum sandbox_role role, const struct config *c,
                                     struct err *err);

/* Master, each second: a file that a rule stands for was replaced (resolv.conf by a new one): the
 * rules hold for the old one, so new processes are needed. True once a change. */
bool sandbox_files_moved(const struct config *c);

/* Lines for check-config: what would be in force here ("landlock", "ABI 7"). */
void sandbox_report(const struct config *c,
                    void (*fn)(void *ctx, const char *name, const char *value), void *ctx);
/* What a child's end by this signal means beyond its name; "" mostly. */
const char *sandbox_explain(int sig);

#endif
