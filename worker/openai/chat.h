/*
 * chat.h - reads an OpenAI Chat Completions request: the fields we act on, checked with OpenAI's
 * wording. Changes nothing. Pure; fuzzed.
 */
#ifndef WORKER_OPENAI_CHAT_H
#define WORKER_OPENAI_CHAT_H

#include "worker/dialect/wish.h"

struct chat_request {
    const struct scan *scan;
    struct str model;
    bool stream;
    bool include_usage;
    bool legacy;        /* it has "functions" and no tools */
    int64_t max_tokens; /* 0: not given */
    scan_ref messages;
    scan_ref tools; /* SCAN_ABSENT also when [] */
    struct wish wish;
};

MUST_CHECK enum status chat_read(const struct scan *s, struct chat_request *out, struct err *err);

#endif
