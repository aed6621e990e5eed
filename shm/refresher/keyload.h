/*
 * keyload.h - rows of the key store into the table that is published: all of them anew, or the one
 * of a key that was asked for. Part of keysync; the refresher's private memory.
 *
 * A row that is no good is skipped, counted and logged once (by the digest's first digits); the key
 * keeps its last good values. A load that breaks off changes nothing.
 */
#ifndef SHM_REFRESHER_KEYLOAD_H
#define SHM_REFRESHER_KEYLOAD_H

#include "server/config/config.h"
#include "shm/memory/keymiss.h"
#include "shm/refresher/budgets.h"
#include "shm/refresher/keytable.h"
#include "shm/store/keyids.h"
#include "shm/store/keystore.h"

#define KEYLOAD_NOTED_MAX 256u

struct keyload {
    const struct config *config; /* this and the segment must outlive it */
    struct segment *segment;
    struct keytable *table;
    struct budgets *budgets;
    struct keyids ids;

    /* the load that is running */
    uint64_t rows, skipped, no_room;
    bool out_of_memory;
    uint64_t told_skipped; /* of the last load that was logged */
    bool told_betas;       /* the warning about them was given */
    bool told_no_room;
    uint64_t noted[KEYLOAD_NOTED_MAX]; /* ids of bad rows that were logged */
    uint32_t noted_count;
};

/* Starts from what a predecessor left in s. False: no memory. */
MUST_CHECK bool keyload_init(struct keyload *l, const struct config *c, struct segment *s);
void keyload_free(struct keyload *l);

/* Everything anew, published. news: worth a line in the log at info, whatever came of it. */
MUST_CHECK enum status keyload_all(struct keyload *l, struct keystore *store, bool news,
                                   struct err *err);

bool keyload_has(const struct keyload *l, const uint8_t digest[32]);
/* The row that the store gave for the key of this digest. FOUND: it is in the table, and published
 * by the next keyload_publish. */
enum keymiss_result keyload_one(struct keyload *l, const uint8_t digest[32],
                                const struct keystore_row *row);
void keyload_publish(struct keyload *l);

#endif
