/*
 * keysync.h - keeps the directory equal to the key store: version polls, full loads, key questions,
 * and what happens while the store cannot be reached. The refresher's; knows no loop, so it is
 * tested alone.
 */
#ifndef SHM_REFRESHER_KEYSYNC_H
#define SHM_REFRESHER_KEYSYNC_H

#include "server/config/config.h"
#include "shm/store/keystore.h"

#define KEYSYNC_LOOKUPS_PER_SECOND 50u /* store reads for unknown keys */
#define KEYSYNC_RETRY_MAX_MS       4000u /* an outage is over for clients at most 5 s after it ended */

struct keysync;

typedef enum status keysync_open_fn(const struct config *c, const char *last, struct keystore **out,
                                    char *why_out, size_t why_size, struct err *err);

/* open: backend_open. c and s must outlive it. Starts from what a predecessor left in s. NULL: no
 * memory. */
struct keysync *keysync_new(const struct config *c, struct segment *s, keysync_open_fn *open);
void keysync_drop(struct keysync *k);
/* fn: true when the process is to leave; a store that waits for the network then gives up. */
void keysync_leaving(struct keysync *k, bool (*fn)(void *ctx), void *ctx);
bool keysync_is_leaving(const struct keysync *k); /* what fn says */

/* Once a second: opens, polls, loads what is due. INVALID or NOT_SUPPORTED: the configuration can
 * never work; everything else is retried by itself. */
MUST_CHECK enum status keysync_tick(struct keysync *k, struct err *err);
void keysync_reload(struct keysync *k); /* the next tick loads everything */

/* The store for usage rows; NULL while it cannot be reached. */
struct keystore *keysync_store(struct keysync *k);
/* The partition key that a key's rows have. */
void keysync_id(const struct keysync *k, const uint8_t digest[32], char out[KEYSTORE_ID_MAX + 1]);

/* Answers the questions that are there. Returns after how many ms to call again because the
 * look-ups of this second are used up; 0: nothing is left. */
uint64_t keysync_questions(struct keysync *k);

#endif
