/*
 * absent.h - digests the key store did not know a moment ago, so that a client repeating a wrong
 * key does not cost a read each time. Direct-mapped: a collision only costs one more read.
 * Refresher only.
 */
#ifndef SHM_REFRESHER_ABSENT_H
#define SHM_REFRESHER_ABSENT_H

#include <stdbool.h>
#include <stdint.h>

#define ABSENT_ENTRIES 4096u
#define ABSENT_MS      10000u

struct absent { /* zero is empty */
    struct {
        uint8_t digest[32];
        uint64_t until_ms; /* monotonic */
    } entries[ABSENT_ENTRIES];
};

void absent_add(struct absent *a, const uint8_t digest[32], uint64_t now_ms);
bool absent_has(const struct absent *a, const uint8_t digest[32], uint64_t now_ms);

#endif
