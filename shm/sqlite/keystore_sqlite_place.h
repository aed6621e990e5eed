/*
 * keystore_sqlite_place.h - as whom and by which path the file is opened. Refresher and
 * subcommands.
 *
 * A subcommand that root runs becomes the owner of the store before it touches it, for good: what
 * it makes (the file, -wal, -shm) the server can write, and root opens nothing in a directory where
 * a lesser user could have put a link. Where the path leads through directories closed to that
 * user, the directory is held open and named /proc/self/fd/N (the server does the same with
 * STATE_DIR).
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_PLACE_H
#define SHM_SQLITE_KEYSTORE_SQLITE_PLACE_H

#include "server/config/config.h"

/* path: in, and out where another name is needed. Nothing happens unless this process is root with
 * the right to change, and the owner is not. The descriptor stays open for the life of the process.
 */
MUST_CHECK enum status keystore_sqlite_place(const struct config *c, char *path, size_t size,
                                             struct err *err);
/* The sqlite3_vfs for this path; NULL: the usual one. */
const char *keystore_sqlite_place_vfs(const char *path);

#endif
