/*
 * keystore_sqlite_row.h - the row of a key between SQLite's columns and struct keystore_row. Pure but
 * for the statement.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_ROW_H
#define SHM_SQLITE_KEYSTORE_SQLITE_ROW_H

#include "shm/sqlite/keystore_sqlite_db.h"

/* Everything that can be read is, so that a row with one bad attribute is still known by its id. */
void keystore_sqlite_row_read(sqlite3_stmt *st, struct keystore_row *out);
/* For STATEMENT_PUT. False: no memory. */
MUST_CHECK bool keystore_sqlite_row_bind(sqlite3_stmt *st, const struct keystore_row *row);

#endif
