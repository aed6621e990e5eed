#include "shm/refresher/absent.h"

#include <string.h>

static uint32_t place(const uint8_t digest[32])
{
    uint32_t h;
    memcpy(&h, digest, sizeof h);
    return h % ABSENT_ENTRIES;
}

void absent_add(struct absent *a, const uint8_t digest[32], uint64_t now_ms)
{
    uint32_t at = place(digest);
    memcpy(a->entries[at].digest, digest, 32);
    a->entries[at].until_ms = now_ms + ABSENT_MS;
}

bool absent_has(const struct absent *a, const uint8_t digest[32], uint64_t now_ms)
{
    uint32_t at = place(digest);
    return now_ms < a->entries[at].until_ms && memcmp(a->entries[at].digest, digest, 32) == 0;
}
