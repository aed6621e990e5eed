#include "shm/catalogue/tier.h"

static const struct str words[] = {
#define TIER_WORD(name, word) [TIER_##name] = STR(word),
    TIERS(TIER_WORD)
#undef TIER_WORD
};

struct str tier_word(enum tier tier)
{
    return words[(unsigned)tier < TIER_COUNT ? tier : TIER_DEFAULT];
}

bool tier_find(struct str word, enum tier *tier_out)
{
    for (unsigned i = 0; i < TIER_COUNT; i++) {
        if (text_eq(word, words[i])) {
            *tier_out = (enum tier)i;
            return true;
        }
    }
    return false;
}
