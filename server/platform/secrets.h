/*
 * secrets.h - the secrets that came by environment or .env, kept where only who needs them looks.
 *
 *   environ --secrets_lock_away--> sealed memfd: the master holds a descriptor and no bytes
 *                                    |-- refresher: secrets_bring_back, and the descriptor closed
 *                                    |-- worker: secrets_close before anything else
 *                                    |-- SIGHUP: the master brings back, loads, locks away again
 *                                    '-- SIGUSR2: the child that becomes the new program takes them
 *                                        into the environment that it hands over
 *
 * A refresher that died is followed by another, so somebody has to keep the secrets. What holds:
 * no memory and no /proc/<pid>/environ of master or worker has them, so neither has a core file, a
 * reader of their memory, nor a worker taken over. What does not: the descriptor is the master's,
 * so whoever takes over the master, or is root outside, can read it (the master is not dumpable:
 * nobody else can open /proc/<master>/fd). For the moment of a reload they are in the master, and
 * a successor has them in its environment until it locks them away itself.
 */
#ifndef SERVER_BASE_SECRETS_H
#define SERVER_BASE_SECRETS_H

#include "server/base/err.h"
#include "server/base/text.h"

/* Master, after settings were loaded and before a fork: the environment's secrets go into the
 * memfd, what it held before is dropped. UNAVAILABLE: they stay where they are. */
MUST_CHECK enum status secrets_lock_away(struct err *err);
/* They are in the environment again; the memfd keeps them. The refresher takes those of AWS's
 * credentials alone, the master all at a reload. */
enum secrets_which { SECRETS_CREDENTIALS, SECRETS_ALL };
void secrets_bring_back(enum secrets_which which);
/* Their bytes and names leave this process's environment, also /proc/self/environ. */
void secrets_forget(void);
/* This process can read them no more. */
void secrets_close(void);

/* The whole "NAME=value" of the memfd whose name is that of entry ("NAME=..."); NULL: entry is no
 * secret, or unset. The string is the caller's (heap). */
char *secrets_entry(const char *entry);
/* Is "NAME=..." one of them? */
bool secrets_is(const char *entry);

#endif
