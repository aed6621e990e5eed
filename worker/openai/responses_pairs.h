/*
 * responses_pairs.h - which output answers which call of a Responses request. They name each other
 * by call_id and may stand apart; Bedrock wants the results right behind the turn that called, so the
 * writer asks for the output of a call where that turn ends. Part of responses_read; pure.
 */
#ifndef WORKER_OPENAI_RESPONSES_PAIRS_H
#define WORKER_OPENAI_RESPONSES_PAIRS_H

#include "worker/openai/responses_item.h"

struct responses_pairs {
    const uint32_t *answer; /* numbers of items, of the calls in their order; in the arena */
    uint32_t calls;
    uint32_t surplus; /* outputs of calls that have theirs already */
};

/* Ids that come again belong to the calls in their order. INVALID in OpenAI's words: a call without
 * an output, an output without a call before it. */
MUST_CHECK enum status responses_pairs_read(const struct scan *s,
                                            const struct responses_list *items,
                                            struct responses_pairs *out, struct err *err);

#endif
