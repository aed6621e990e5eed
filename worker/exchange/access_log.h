/*
 * access_log.h - one line for each request at its end: who asked, what for, what became of it, what
 * it cost. Keys appear as the first 8 hex digits of their digest; no header value and no body is in
 * it. Worker.
 */
#ifndef WORKER_EXCHANGE_ACCESS_LOG_H
#define WORKER_EXCHANGE_ACCESS_LOG_H

#include "worker/turn/turn.h"

/* At level info; probes that succeed at level debug. */
void access_log_put(const struct exchange *x);

#endif
