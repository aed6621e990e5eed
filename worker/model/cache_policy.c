#include "worker/model/cache_policy.h"

struct cache_policy cache_policy_of(const struct config *c, const struct directory_key *key,
                                    bool short_marks)
{
    struct str ttl = text_from(c->default_cache_ttl);
    bool hour = text_eq(ttl, STR("1h"));
    return (struct cache_policy){
        .off = text_eq(ttl, STR("off")),
        .forced = key ? (enum directory_ttl)key->cache_ttl : DIRECTORY_TTL_NONE,
        .unsaid = hour && !short_marks ? DIRECTORY_TTL_1H : DIRECTORY_TTL_NONE,
    };
}

bool cache_policy_hour(const struct cache_policy *p, struct str ttl)
{
    if (p->forced != DIRECTORY_TTL_NONE) {
        return p->forced == DIRECTORY_TTL_1H;
    }
    if (ttl.n > 0) {
        return text_eq(ttl, STR("1h"));
    }
    return p->unsaid == DIRECTORY_TTL_1H;
}
