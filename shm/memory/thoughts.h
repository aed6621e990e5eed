/*
 * thoughts.h - which AWS account has written a thought of a model, where it was not home's: only that
 * account can read it. One word a thought.
 *
 *   word   | tag 44 | account 6 | used 14 |      0: free
 *
 * A thought is known by its mark, a digest of what seals it (its signature), so it is known in whatever
 * conversation it comes back, and no other is taken for it. Kept before the client has the thought, so
 * the next turn finds it, in whichever worker. What finds no room takes the place of what was used
 * longest ago; what is not here counts as home's. A word is changed by compare-and-swap alone, so a
 * process may die between any two instructions. used: ticks of the monotonic clock; that they begin anew
 * makes an old word look younger, and nothing else.
 *
 * Workers write; any process reads.
 */
#ifndef SHM_MEMORY_THOUGHTS_H
#define SHM_MEMORY_THOUGHTS_H

#include "shm/memory/segment_layout.h"

#define THOUGHTS_WORDS    32768
#define THOUGHTS_ACCOUNTS 60 /* that were ever seen; thoughts of more are not kept */

struct thoughts_area {
    uint64_t salt;          /* random; the master's, before any fork */
    _Atomic uint64_t begun; /* 1: something was kept. Any worker */
    uint64_t reserved[2];
    _Atomic uint64_t account[THOUGHTS_ACCOUNTS]; /* number + 1; 0: free. Any worker, once */
    _Atomic uint64_t word[THOUGHTS_WORDS];
};
_Static_assert(sizeof(struct thoughts_area) == 8 * (THOUGHTS_WORDS + THOUGHTS_ACCOUNTS + 4),
               "no padding");

/* Of what seals it, as it stands in JSON, escaped or not; never 0. */
uint64_t thoughts_mark(const struct segment *s, struct str seal);
bool thoughts_any(const struct segment *s); /* Cheap: asked on every request. */
/* account: its twelve digits as a number; 0: that of the gateway's own credentials. */
void thoughts_keep(struct segment *s, uint64_t mark, uint64_t account, uint64_t now_s);
bool thoughts_find(const struct segment *s, uint64_t mark, uint64_t *account_out);

size_t thoughts_area_size(void);
void thoughts_init(struct segment *s); /* master, once, before fork */

#endif
