/*
 * changes.h - what a conversion has dropped, mapped or clamped, for the header x-converter-changes
 * and the log: "drop:top_k,map:thinking,more:12". Pure.
 *
 * Each note stands once. The list stays short enough for a header; what finds no place in it is
 * counted in its last entry (there a change that comes again counts again), so nothing is silent.
 */
#ifndef WORKER_DIALECT_CHANGES_H
#define WORKER_DIALECT_CHANGES_H

#include "server/base/buf.h"

#define CHANGES_MAX 1000 /* bytes of the whole list */

/* verb: "drop:", "map:" or more of it ("drop:tool:"), from this program. name may be the client's
 * and of any bytes. False: the note was there already. */
bool changes_note(struct buf *list, const char *verb, struct str name);

#endif
