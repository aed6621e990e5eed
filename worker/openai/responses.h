/*
 * responses.h - reads a request of OpenAI's Responses API: the fields we act on, checked with OpenAI's
 * wording, each refusal with the path of what is at fault ("input[3].content[0]"). Nothing is stored
 * here, so what names something that a server has kept is refused. Changes nothing. Pure; fuzzed.
 *
 * What an answer repeats of its request are members of the body: SCAN_GET(r->scan, 0, "metadata").
 */
#ifndef WORKER_OPENAI_RESPONSES_H
#define WORKER_OPENAI_RESPONSES_H

#include "worker/openai/responses_item.h"
#include "worker/openai/responses_pairs.h"
#include "worker/dialect/wish.h"

struct responses_request {
    const struct scan *scan;
    struct str model;
    bool stream;
    bool shows_summary;   /* of thoughts: reasoning.summary */
    bool wants_encrypted; /* include has "reasoning.encrypted_content" */
    int64_t max_tokens;   /* 0: not given */
    scan_ref input;       /* a string, or an array of items (responses_item.h) */
    struct responses_list items;
    scan_ref instructions; /* a string, or SCAN_ABSENT */
    scan_ref tools; /* an array, or SCAN_ABSENT; more may be in the input: responses_tool.h */
    struct responses_pairs pairs;
    struct responses_turn last;
    struct wish wish;
};

MUST_CHECK enum status responses_read(const struct scan *s, struct responses_request *out,
                                      struct err *err);

#endif
