#include "master/supervise/throttle.h"

#include <string.h>

static uint32_t doubled(uint32_t ms)
{
    return ms >= THROTTLE_MAX_MS / 2 ? THROTTLE_MAX_MS : ms * 2;
}

uint32_t throttle_ended(struct throttle *t, uint64_t ran_ms, bool served)
{
    if (ran_ms >= THROTTLE_GOOD_MS) {
        memset(t, 0, sizeof *t);
    }
    uint32_t wait = t->next_ms;
    t->at_max = wait == THROTTLE_MAX_MS && !served ? t->at_max + 1 : 0;
    t->next_ms = wait == 0 ? THROTTLE_FIRST_MS : doubled(wait);
    return wait;
}

bool throttle_hopeless(const struct throttle *t)
{
    return t->at_max >= THROTTLE_HOPELESS;
}
