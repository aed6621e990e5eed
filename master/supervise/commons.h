/*
 * commons.h - what the master makes before any fork, and its children have in common: the listening
 * socket, shared memory, the usage journal, the pipe that tells of the master's end; and its own
 * signals. All of it lies in the roster.
 */
#ifndef MASTER_SUPERVISE_COMMONS_H
#define MASTER_SUPERVISE_COMMONS_H

#include "master/supervise/listener.h"
#include "master/supervise/roster.h"

/* What the rooms must agree to, before anybody works with a configuration: the table of models comes
 * into force (for the children, too), names and prices are read. INVALID: what is wrong, and what
 * was in force stays. */
MUST_CHECK enum status commons_check(const struct config *c, struct err *err);
/* name_out: the address. INVALID: with this configuration never. */
MUST_CHECK enum status commons_open(struct roster *r, struct config *c,
                                    char name_out[LISTENER_NAME_MAX], struct err *err);
void commons_close(struct roster *r); /* and the configurations of both sets */

#endif
