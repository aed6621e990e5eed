/*
 * keystore_sqlite.h - the embedded key store: one SQLite file, WAL, mode 0600.
 *
 * Tables api_keys and model_mapping have the attribute names of the DynamoDB tables; triggers raise
 * the version at every write, also one made with the sqlite3 shell. Refresher and subcommands only.
 * Calls block, for a busy file up to 5 s.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_H
#define SHM_SQLITE_KEYSTORE_SQLITE_H

#include "shm/store/keystore.h"

/* Path by DATABASE_URL, else STATE_DIR/keys.db; makes the file and its directory (one level) if
 * missing. */
MUST_CHECK enum status keystore_sqlite_open(const struct config *c, struct keystore **out,
                                            struct err *err);

/* Where the file is; nothing is looked at. INVALID: DATABASE_URL is malformed, or it is
 * too long. */
MUST_CHECK enum status keystore_sqlite_path(const struct config *c, char *out, size_t size,
                                            struct err *err);

/* UNAVAILABLE: its file is not there. */
MUST_CHECK enum status keystore_sqlite_exists(const struct config *c, struct err *err);

#endif
