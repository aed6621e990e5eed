#include "worker/moves/retries.h"

#include <assert.h>

#define RETRY 10u /* tenths */

/* One is always within reach, however many workers there are. */
void retries_init(struct retries *r, uint32_t workers)
{
    assert(workers > 0);
    uint32_t most = RETRIES_SAVED * RETRY / workers;
    r->most = most > RETRY ? most : RETRY;
    r->tenths = r->most;
}

void retries_earn(struct retries *r)
{
    r->tenths += r->tenths < r->most;
}

bool retries_take(struct retries *r)
{
    if (r->tenths < RETRY) {
        return false;
    }
    r->tenths -= RETRY;
    return true;
}
