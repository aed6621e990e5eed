/*
 * clock.h - time. Timers and limiters use the monotonic clock; the calendar is only for SigV4,
 * timestamps and months. The loop refreshes the cached values once a turn (clock_tick); outside a
 * loop call clock_tick first. Any process.
 */
#ifndef SERVER_BASE_CLOCK_H
#define SERVER_BASE_CLOCK_H

#include "server/base/text.h"

void clock_tick(void);           /* reads both clocks into the cache */
uint64_t clock_mono_ns(void);    /* cached */
uint64_t clock_mono_ms(void);    /* cached */
int64_t clock_real_ms(void);     /* cached, since 1970 UTC */
int64_t clock_real_now_ms(void); /* read afresh: for log lines and for code outside a loop */
uint64_t clock_now_ns(void);     /* monotonic, read afresh: for rate limits and measurements */

/* Tests only: freezes the calendar at this instant; 0 thaws it. */
void clock_freeze_real_ms(int64_t ms);

/* Whole seconds, rounded up: what a client is told to wait. */
uint64_t clock_seconds_up(uint64_t ns);

/* "20260115T120000Z" + NUL: 17 bytes. Its first 8 characters are the SigV4 date. */
void clock_amz(int64_t real_ms, char out[17]);
/* "2026-01-15T12:00:00.123Z" + NUL: 25 bytes. */
void clock_rfc3339(int64_t real_ms, char out[25]);
/* "Thu, 15 Jan 2026 12:00:00 GMT" + NUL: 30 bytes (RFC 9110 5.6.7). */
void clock_http(int64_t real_ms, char out[30]);
/* "2026-01" + NUL: the budget month, UTC. */
void clock_month(int64_t real_ms, char out[8]);
/* Strict. Any offset is understood ("+00:00"); digits after the milliseconds are dropped. */
bool clock_parse_rfc3339(struct str s, int64_t *real_ms_out);
/* IMF-fixdate only, and the weekday must be the date's. */
bool clock_parse_http(struct str s, int64_t *real_ms_out);

#endif
