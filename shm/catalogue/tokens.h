/*
 * tokens.h - what one answer used, in tokens: the same five counts from the relay that reads them
 * to the store that keeps them. No count is part of another: input is what was read anew, apart
 * from the cache (as in Anthropic's API). Lies in shared memory and in files. Plain figures.
 */
#ifndef SHM_CATALOGUE_TOKENS_H
#define SHM_CATALOGUE_TOKENS_H

#include <stdint.h>

struct tokens {
    uint64_t input;
    uint64_t output;
    uint64_t cache_read;
    uint64_t write_5m; /* into the cache, for 5 minutes */
    uint64_t write_1h; /* and for an hour */
};

/* Both lifetimes, where a foreign format has one figure for them. */
static inline uint64_t tokens_written(const struct tokens *t)
{
    return t->write_5m + t->write_1h;
}

#endif
