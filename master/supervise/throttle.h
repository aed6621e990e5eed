/*
 * throttle.h - when a slot whose process has ended may be started again.
 *
 * The first end is answered at once (a killed worker is back within 100 ms), a process that keeps
 * ending right after its start waits 0.1 s, doubling to 5 s. A good run (THROTTLE_GOOD_MS) forgets
 * it all: the throttle is there against tight loops, not against a worker that somebody kills every
 * other second. Only processes that never became ready are hopeless: what ends one that serves may
 * be a client's doing, and no client may end the service. Pure arithmetic, no clock: the master
 * passes the time.
 */
#ifndef MASTER_SUPERVISE_THROTTLE_H
#define MASTER_SUPERVISE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define THROTTLE_FIRST_MS 100u
#define THROTTLE_MAX_MS   5000u
#define THROTTLE_GOOD_MS  1000u
#define THROTTLE_HOPELESS 12u /* waits of THROTTLE_MAX_MS in a row: about a minute of failing */

struct throttle {     /* zeroed: nothing has gone wrong yet */
    uint32_t next_ms; /* what the next bad end costs */
    uint32_t at_max;  /* of those in a row that never became ready: how many cost the maximum */
};

/* The process ran for ran_ms and ended; served: it had become ready. How long to wait before the
 * next start. */
uint32_t throttle_ended(struct throttle *t, uint64_t ran_ms, bool served);
bool throttle_hopeless(const struct throttle *t);

#endif
