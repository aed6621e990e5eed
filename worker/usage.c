#include "worker/usage.h"

#include "shm/counters.h"

void usage_count(const struct usage *u)
{
    counters_add(COUNTER_TOKENS_IN, u->input);
    counters_add(COUNTER_TOKENS_OUT, u->output);
    counters_add(COUNTER_TOKENS_CACHE_READ, u->cache_read);
    counters_add(COUNTER_TOKENS_CACHE_WRITE, u->cache_write);
}
