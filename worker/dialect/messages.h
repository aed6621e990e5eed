/*
 * messages.h - reads an Anthropic Messages request: the fields we act on, checked with the official
 * wording (see README "Errors"). It changes nothing; splice.c and anthropic_to_converse.c build
 * from the same index. Pure; fuzzed.
 */
#ifndef WORKER_DIALECT_MESSAGES_H
#define WORKER_DIALECT_MESSAGES_H

#include "worker/dialect/wish.h"

struct messages_request {
    const struct scan *scan;
    struct str model; /* unescaped */
    int64_t max_tokens;
    bool stream;
    scan_ref messages;
    scan_ref system; /* SCAN_ABSENT when missing */
    scan_ref tools;  /* SCAN_ABSENT also when [] */
    struct str
        session; /* session id out of metadata.user_id, either form; for the log; may be empty */
    uint32_t breakpoints; /* blocks with cache_control */
    bool short_marks;     /* one of them says "5m" */
    struct wish wish;
};

/* count_tokens: max_tokens may be missing. */
MUST_CHECK enum status messages_read(const struct scan *s, bool count_tokens,
                                     struct messages_request *out, struct err *err);

/* INVALID for temperature, top_p, top_k, which anthropic-version 2026-10-21 no longer has. */
MUST_CHECK enum status messages_refuse_sampling(const struct scan *s, struct err *err);

/* A tool that Anthropic's servers run, by its type ("web_search_20250305"): Bedrock has none of
 * them. Tool search is not among them: InvokeModel has it for some models. */
bool messages_is_server_tool(struct str type);

#endif
