/*
 * responses_check.h - the forms of items and tools: part of responses_read. Pure.
 */
#ifndef WORKER_DIALECT_RESPONSES_CHECK_H
#define WORKER_DIALECT_RESPONSES_CHECK_H

#include "server/json/scan.h"

/* input: an array. INVALID with the path of the member: "input[3].call_id". Parts of a content are
 * checked where they are converted. */
MUST_CHECK enum status responses_check_input(const struct scan *s, scan_ref input, struct err *err);
/* tools: an array or SCAN_ABSENT; input: its items may have some, too. */
MUST_CHECK enum status responses_check_tools(const struct scan *s, scan_ref tools, scan_ref input,
                                             struct err *err);

#endif
