#include "shm/catalogue/region.h"

/* docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html; new ones appear, so
 * the list is longer than today's. */
static const struct str prefixes[] = {
    STR("us"),     STR("eu"), STR("apac"), STR("global"), STR("jp"),   STR("au"),
    STR("us-gov"), STR("in"), STR("ca"),   STR("sa"),     STR("me"),   STR("af"),
    STR("il"),     STR("mx"), STR("uk"),   STR("kr"),     STR("amer"),
};

bool region_is_prefix(struct str word)
{
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        if (text_eq(word, prefixes[i])) {
            return true;
        }
    }
    return false;
}

struct str region_prefix_at(size_t i)
{
    return i < COUNT_OF(prefixes) ? prefixes[i] : (struct str){NULL, 0};
}

struct str region_id(struct str id)
{
    size_t at = text_starts(id, STR("arn:")) ? id.n : 0;
    while (at > 0 && id.p[at - 1] != '/') {
        at--;
    }
    return text_sub(id, at, id.n);
}

/* False: no prefix, and *rest is the whole. */
static bool take_apart(struct str id, struct str *prefix, struct str *rest)
{
    *rest = id = region_id(id);
    struct str after = id;
    if (text_split(&after, '.', prefix) && after.n > 0 && region_is_prefix(*prefix)) {
        *rest = after;
        return true;
    }
    return false;
}

struct str region_base(struct str id)
{
    struct str prefix, rest;
    take_apart(id, &prefix, &rest);
    return rest;
}

struct str region_prefix(struct str id)
{
    struct str prefix, rest;
    return take_apart(id, &prefix, &rest) ? prefix : (struct str){NULL, 0};
}

struct str region_geography(struct str region)
{
    static const struct {
        struct str start, prefix;
    } geographies[] = {
        {STR("us-gov-"), STR("us-gov")}, {STR("us-"), STR("us")}, {STR("eu-"), STR("eu")},
        {STR("ap-"), STR("apac")},       {STR("ca-"), STR("ca")}, {STR("sa-"), STR("sa")},
        {STR("me-"), STR("me")},         {STR("af-"), STR("af")}, {STR("il-"), STR("il")},
        {STR("mx-"), STR("mx")},
    };
    for (size_t i = 0; i < COUNT_OF(geographies); i++) {
        if (text_starts(region, geographies[i].start)) {
            return geographies[i].prefix;
        }
    }
    return (struct str){NULL, 0};
}

/* Bounds of a geography that regions' names tell. */
static bool is_told(struct str prefix)
{
    static const struct str told[] = {STR("us-gov"), STR("us"), STR("eu"), STR("apac"), STR("ca"),
                                      STR("sa"),     STR("me"), STR("af"), STR("il"),   STR("mx")};
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        if (text_eq(prefix, told[i])) {
            return true;
        }
    }
    return false;
}

static bool arn_is_in(struct str arn, struct str region)
{
    struct str part = arn;
    for (int i = 0; i < 4; i++) {
        if (!text_split(&arn, ':', &part)) {
            return false;
        }
    }
    return text_eq(part, region);
}

bool region_serves(struct str region, struct str id, struct str home)
{
    if (text_starts(id, STR("arn:"))) {
        return arn_is_in(id, region);
    }
    struct str prefix = region_prefix(id), geography = region_geography(region);
    if (prefix.n == 0 || text_eq(prefix, STR("global"))) {
        return true;
    }
    return text_eq(geography, is_told(prefix) ? prefix : region_geography(home));
}
