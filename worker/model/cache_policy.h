/*
 * cache_policy.h - how long Bedrock's prompt cache keeps what a cache mark ends: the key's word
 * wins, then the client's, then DEFAULT_CACHE_TTL. Pure; worker.
 *
 * A mark that names no lifetime means five minutes, so that is never written out.
 * docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
 */
#ifndef WORKER_MODEL_CACHE_POLICY_H
#define WORKER_MODEL_CACHE_POLICY_H

#include "server/config/config.h"
#include "shm/memory/directory.h"

struct cache_policy {          /* all zero: what the client says */
    bool off;                  /* DEFAULT_CACHE_TTL=off: no mark reaches Bedrock */
    enum directory_ttl forced; /* of the key: whatever the client says */
    enum directory_ttl unsaid; /* DEFAULT_CACHE_TTL: where the client names none */
};

/* key NULL: the caller has none of the store. short_marks: the client names "5m" somewhere; Bedrock
 * refuses an hour behind it, so nothing is filled in. */
struct cache_policy cache_policy_of(const struct config *c, const struct directory_key *key,
                                    bool short_marks);
/* One hour instead of five minutes? ttl: of the mark, unescaped; p NULL or empty: not named. */
bool cache_policy_hour(const struct cache_policy *p, struct str ttl);

#endif
