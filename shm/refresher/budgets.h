/*
 * budgets.h - carries what the store knows of this month's spending into the buckets.
 *
 * What a key has spent is what the store has (when it was read) plus what the journal has CLOSED
 * and the store has not. Both are read by the one process that also moves records from the journal
 * to the store, with nothing moved in between, so no record counts twice or not at all. Workers add
 * to the bucket as requests end, so the bucket is only raised to that sum, never lowered - but for
 * a stored sum that became smaller: somebody corrected it, and the difference is taken off; and for
 * one that was set back: then what ended before that counts no more, stored or not.
 * Refresher only.
 */
#ifndef SHM_REFRESHER_BUDGETS_H
#define SHM_REFRESHER_BUDGETS_H

#include "shm/store/keystore.h"
#include "shm/refresher/keytable.h"

struct budgets;

struct budgets *budgets_new(struct segment *s); /* NULL: no memory */
void budgets_drop(struct budgets *b);

void budgets_begin(struct budgets *b); /* forgets what was staged */
/* A row as it was read; keys without a budget are passed over. false: no memory. */
MUST_CHECK bool budgets_stage(struct budgets *b, const uint8_t digest[32],
                              const struct keystore_row *row);
/* After keytable_commit or keytable_add, in the same breath as the reading. */
void budgets_publish(struct budgets *b, const struct keytable *t);

#endif
