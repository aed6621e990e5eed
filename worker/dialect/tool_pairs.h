/*
 * tool_pairs.h - every tool_use of a request must be answered by a tool_result in the next turn,
 * and every tool_result must answer one. Part of messages.c's checks, with the official wordings.
 * Pure.
 */
#ifndef WORKER_DIALECT_TOOL_PAIRS_H
#define WORKER_DIALECT_TOOL_PAIRS_H

#include "server/json/scan.h"

/* messages: an array of messages whose blocks have been checked one by one. */
MUST_CHECK enum status tool_pairs_check(const struct scan *s, scan_ref messages, struct err *err);

#endif
