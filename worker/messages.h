/*
 * messages.h - reads an Anthropic Messages request: the fields we act on, checked with the official
 * wording (see README "Errors"). It changes nothing; splice.c and anthropic_to_converse.c build from
 * the same index. Pure; fuzzed.
 */
#ifndef WORKER_MESSAGES_H
#define WORKER_MESSAGES_H

#include "server/scan.h"

struct messages_request {
    const struct scan *scan;
    struct str model;     /* unescaped */
    int64_t max_tokens;
    bool stream;
    scan_ref messages;
    scan_ref system;      /* SCAN_ABSENT when missing */
    scan_ref tools;       /* SCAN_ABSENT also when [] */
    struct str session;   /* session id out of metadata.user_id, either form; for the log; may be empty */
    uint32_t breakpoints; /* blocks with cache_control */
};

/* count_tokens: max_tokens may be missing. */
MUST_CHECK enum status messages_read(const struct scan *s, bool count_tokens, struct messages_request *out, struct err *err);

#endif
