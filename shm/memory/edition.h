/*
 * edition.h - a later table of models than the one that a process was forked with: two banks and
 * two generation words, as in directory.h.
 *
 * Writer (the refresher, exactly one): when CATALOGUE_FILE has changed and is good. Reader: any
 * process, before it chooses a model; it copies the whole table and puts its own into force, so a
 * request never sees two of them. A dead writer leaves nothing to repair: the bank that readers
 * look at is never the one that is written. The pages are not touched as long as there is no
 * CATALOGUE_FILE.
 */
#ifndef SHM_MEMORY_EDITION_H
#define SHM_MEMORY_EDITION_H

#include <stdbool.h>
#include "shm/catalogue/catalogue_table.h"
#include "shm/memory/segment_layout.h"

/* The refresher: all processes take t from here on. */
void edition_publish(struct segment *s, const struct catalogue *t);
/* True: there was a newer one than this process's, and it is in force now (catalogue_now). One load
 * when there is none. */
bool edition_take(const struct segment *s);
uint64_t edition_number(const struct segment *s); /* 0: none was ever published */
size_t edition_area_size(void);

#endif
