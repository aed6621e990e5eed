/*
 * tier.h - Bedrock's service tiers: how fast and how dear a request is served. The one place that
 * knows their words: of keys, settings and requests, of Bedrock's own members and of usage rows.
 * Figures are stored (journal, directory): append only. Pure; any process.
 * Source: docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html
 */
#ifndef SHM_CATALOGUE_TIER_H
#define SHM_CATALOGUE_TIER_H

#include "server/base/text.h"

/* X(NAME, word) */
#define TIERS(X)            \
    X(DEFAULT, "default")   \
    X(FLEX, "flex")         \
    X(PRIORITY, "priority") \
    X(RESERVED, "reserved") \
    X(ULTRAFAST, "ultrafast")

enum tier {
#define TIER_ENUM(name, word) TIER_##name,
    TIERS(TIER_ENUM)
#undef TIER_ENUM
        TIER_COUNT
};

/* A number that is none (out of a file) is told as "default". */
struct str tier_word(enum tier tier);
/* False, tier_out untouched: no tier. */
bool tier_find(struct str word, enum tier *tier_out);

#endif
