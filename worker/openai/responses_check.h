/*
 * responses_check.h - the forms of items and tools: part of responses_read. Pure.
 */
#ifndef WORKER_OPENAI_RESPONSES_CHECK_H
#define WORKER_OPENAI_RESPONSES_CHECK_H

#include "worker/openai/responses_item.h"

/* INVALID with the path of the member: "input[3].call_id". Parts of a content are checked where they are
 * converted. */
MUST_CHECK enum status responses_check_items(const struct scan *s,
                                             const struct responses_list *items, struct err *err);
/* tools: an array or SCAN_ABSENT; items may have some, too. */
MUST_CHECK enum status responses_check_tools(const struct scan *s, scan_ref tools,
                                             const struct responses_list *items, struct err *err);

#endif
