/*
 * drain.h - brings the journal's records into the key store. Refresher only; knows no loop.
 *
 * A record leaves the journal only after the store has said that it has it, and the store takes the
 * same row twice without counting it twice: so a death, an outage or a time-out at any point costs
 * nothing. While the store fails the records stay, and the workers refuse requests only when there
 * is no room for another record.
 */
#ifndef SHM_REFRESHER_DRAIN_H
#define SHM_REFRESHER_DRAIN_H

#include "server/config/config.h"
#include "shm/journal/journal.h"
#include "shm/refresher/keysync.h"

struct drain;

/* s->journal may be NULL: nothing to do. All must outlive it. NULL: no memory. */
struct drain *drain_new(const struct config *c, struct segment *s, struct keysync *keys,
                        const char *journal_path);
void drain_drop(struct drain *d);
/* What can go to the store goes: as much as a tick may store, or with calm a few rows at a time, which
 * take the CPU from a worker for less than a millisecond; that ends when it does not keep up. True when
 * workers have died with requests open: their cost is in no bucket yet, the budgets are to be read
 * anew. */
bool drain_tick(struct drain *d, bool calm);
/* The last tick stored all that one tick may, and there is more. */
bool drain_behind(const struct drain *d);
/* ms until the next tick is due, as of the last one: 0 or 1 while it is behind, 10 to 100 while there
 * is traffic, 200 without. */
uint32_t drain_pause_ms(const struct drain *d);
/* At the end of this process. until_ms 0: a successor follows, what the store takes now goes.
 * Else it is the end of all and the workers have gone: a store that fails is asked again until then
 * (monotonic), or until the process is to leave (keysync_leaving); then it is told what stays. */
void drain_last(struct drain *d, uint64_t until_ms);

#endif
