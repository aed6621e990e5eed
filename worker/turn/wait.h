/*
 * wait.h - when a refused request may come again: the one rule for every 429 and 503. Worker.
 *
 * Clients obey retry-after by sleeping: Anthropic's SDKs an hour without a word, Claude Code ends
 * after a minute. So what lasts longer than a minute, and what no waiting cures, is said to be
 * final (x-should-retry: false), and the text tells the person when.
 */
#ifndef WORKER_TURN_WAIT_H
#define WORKER_TURN_WAIT_H

#include <stdint.h>

#include "server/base/err.h"
#include "server/base/text.h"

/* Adds to err, which has its text: how long (at least a second), and beyond a minute the time of
 * day in UTC. verb: what then happens, "try again" or "it opens". */
void wait_say(struct err *err, const char *verb, uint64_t wait_s);
/* No time will come. The text says what to do instead. */
void wait_is_vain(struct err *err);
/* For the header: seconds, 0: none. */
uint64_t wait_retry_after(const struct err *err);
/* For the header x-should-retry: 1 true, 0 false, -1 none. */
int wait_should_retry(const struct err *err);

/* "try again in 1m2.5s", "retry after 20 seconds", as throttled models say it: milliseconds, a day at most;
 * 0: it does not say. */
uint64_t wait_told_ms(struct str sentence);

#endif
