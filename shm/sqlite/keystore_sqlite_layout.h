/*
 * keystore_sqlite_layout.h - the tables of the embedded store by version, and the steps from each to
 * the next.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_LAYOUT_H
#define SHM_SQLITE_KEYSTORE_SQLITE_LAYOUT_H

#define KEYSTORE_SQLITE_LAYOUT 6 /* PRAGMA user_version */
/* From version n to n + 1, tables and triggers. */
extern const char *const keystore_sqlite_layouts[KEYSTORE_SQLITE_LAYOUT][2];

#endif
