#include "shm/catalogue/prices.h"

#include <stdlib.h>
#include <string.h>

/* Dollars a million tokens with up to three decimals, as micro-dollars. */
#define USD(thousandths) ((uint64_t)(thousandths)*1000u)
#define ROW(id, in, out, r, w)                \
    {                                         \
        id,                                   \
        {                                     \
            USD(in), USD(out), USD(r), USD(w) \
        }                                     \
    }

struct row {
    const char *id;
    struct price price;
};

/* Thousandths of a dollar: input, output, cache read, cache write for 5 minutes; ids without region
 * prefixes. Sorted.
 *
 * anthropic, deepseek.v3, minimax, moonshot, qwen, zai: what the older tools put into their pricing
 * table (compat 3.6). All others: on-demand list prices of us-east-1 as published in early 2026
 * (aws.amazon.com/bedrock/pricing, by way of public price lists that agree with one another).
 * Prices change: rows of the store win over these (set-price). Nova Micro's cache reads are rounded
 * up to a thousandth; Premier and Nova 2 Lite have none listed, so it is the input price. */
static const struct row listed[] = {
    ROW("amazon.nova-2-lite-v1:0", 330, 2750, 330, 0),
    ROW("amazon.nova-lite-v1:0", 60, 240, 15, 0),
    ROW("amazon.nova-micro-v1:0", 35, 140, 9, 0),
    ROW("amazon.nova-premier-v1:0", 2500, 12500, 2500, 0),
    ROW("amazon.nova-pro-v1:0", 800, 3200, 200, 0),
    ROW("anthropic.claude-3-5-haiku-20241022-v1:0", 800, 4000, 80, 1000),
    ROW("anthropic.claude-haiku-4-5-20251001-v1:0", 1000, 5000, 100, 1250),
    ROW("anthropic.claude-opus-4-5-20251101-v1:0", 5000, 25000, 500, 6250),
    ROW("anthropic.claude-opus-4-6-v1", 5000, 25000, 500, 6250),
    ROW("anthropic.claude-opus-4-7", 5000, 25000, 500, 6250),
    ROW("anthropic.claude-sonnet-4-5-20250929-v1:0", 3000, 15000, 300, 3750),
    ROW("anthropic.claude-sonnet-4-6", 3000, 15000, 300, 3750),
    ROW("deepseek.r1-v1:0", 1350, 5400, 0, 0),
    ROW("deepseek.v3-v1:0", 580, 1680, 0, 0),
    ROW("deepseek.v3.2", 620, 1850, 0, 0),
    ROW("google.gemma-3-12b-it", 90, 290, 0, 0),
    ROW("google.gemma-3-27b-it", 230, 380, 0, 0),
    ROW("google.gemma-3-4b-it", 40, 80, 0, 0),
    ROW("meta.llama3-1-405b-instruct-v1:0", 2400, 2400, 0, 0),
    ROW("meta.llama3-1-70b-instruct-v1:0", 720, 720, 0, 0),
    ROW("meta.llama3-1-8b-instruct-v1:0", 220, 220, 0, 0),
    ROW("meta.llama3-2-11b-instruct-v1:0", 160, 160, 0, 0),
    ROW("meta.llama3-2-1b-instruct-v1:0", 100, 100, 0, 0),
    ROW("meta.llama3-2-3b-instruct-v1:0", 150, 150, 0, 0),
    ROW("meta.llama3-2-90b-instruct-v1:0", 720, 720, 0, 0),
    ROW("meta.llama3-3-70b-instruct-v1:0", 720, 720, 0, 0),
    ROW("meta.llama3-70b-instruct-v1:0", 2650, 3500, 0, 0),
    ROW("meta.llama4-maverick-17b-instruct-v1:0", 240, 970, 0, 0),
    ROW("meta.llama4-scout-17b-instruct-v1:0", 170, 660, 0, 0),
    ROW("minimax.minimax-m2", 150, 600, 0, 0),
    ROW("minimax.minimax-m2.1", 300, 1200, 0, 0),
    ROW("mistral.devstral-2-123b", 400, 2000, 0, 0),
    ROW("mistral.magistral-small-2509", 500, 1500, 0, 0),
    ROW("mistral.ministral-3-14b-instruct", 200, 200, 0, 0),
    ROW("mistral.ministral-3-3b-instruct", 100, 100, 0, 0),
    ROW("mistral.ministral-3-8b-instruct", 150, 150, 0, 0),
    ROW("mistral.mistral-7b-instruct-v0:2", 150, 200, 0, 0),
    ROW("mistral.mistral-large-2402-v1:0", 4000, 12000, 0, 0),
    ROW("mistral.mistral-large-3-675b-instruct", 500, 1500, 0, 0),
    ROW("mistral.mistral-small-2402-v1:0", 1000, 3000, 0, 0),
    ROW("mistral.mixtral-8x7b-instruct-v0:1", 450, 700, 0, 0),
    ROW("mistral.pixtral-large-2502-v1:0", 2000, 6000, 0, 0),
    ROW("moonshot.kimi-k2-thinking", 600, 2500, 0, 0),
    ROW("moonshotai.kimi-k2.5", 600, 3000, 0, 0),
    ROW("openai.gpt-oss-120b-1:0", 150, 600, 0, 0),
    ROW("openai.gpt-oss-20b-1:0", 70, 300, 0, 0),
    ROW("openai.gpt-oss-safeguard-120b", 150, 600, 0, 0),
    ROW("openai.gpt-oss-safeguard-20b", 70, 200, 0, 0),
    ROW("qwen.qwen3-235b-a22b-2507-v1:0", 110, 880, 0, 0),
    ROW("qwen.qwen3-32b-v1:0", 150, 600, 0, 0),
    ROW("qwen.qwen3-coder-30b-a3b-v1:0", 75, 600, 0, 0),
    ROW("qwen.qwen3-coder-480b-a35b-v1:0", 450, 900, 0, 0),
    ROW("qwen.qwen3-next-80b-a3b", 140, 1200, 0, 0),
    ROW("qwen.qwen3-vl-235b-a22b", 530, 1330, 0, 0),
    ROW("zai.glm-4.7", 600, 2200, 0, 0),
    ROW("zai.glm-4.7-flash", 70, 400, 0, 0),
    ROW("zai.glm-5", 1000, 3000, 0, 0),
};

/* Models that are not listed, by the beginning of their id; the longest that fits. Where a make has
 * several prices this is the dearest listed one: an estimate shall not be too low. Older Claude
 * models at Anthropic's list prices (platform.claude.com/docs/en/about-claude/pricing). Sorted. */
static const struct row families[] = {
    ROW("amazon.nova-", 2500, 12500, 2500, 0),
    ROW("anthropic.claude-", 5000, 25000, 500, 6250),
    ROW("anthropic.claude-3-5-haiku", 800, 4000, 80, 1000),
    ROW("anthropic.claude-3-5-sonnet", 3000, 15000, 300, 3750),
    ROW("anthropic.claude-3-7-sonnet", 3000, 15000, 300, 3750),
    ROW("anthropic.claude-3-haiku", 250, 1250, 30, 300),
    ROW("anthropic.claude-3-opus", 15000, 75000, 1500, 18750),
    ROW("anthropic.claude-3-sonnet", 3000, 15000, 300, 3750),
    ROW("anthropic.claude-haiku-", 1000, 5000, 100, 1250),
    ROW("anthropic.claude-opus-", 5000, 25000, 500, 6250),
    ROW("anthropic.claude-opus-4-1", 15000, 75000, 1500, 18750),
    ROW("anthropic.claude-opus-4-2025", 15000, 75000, 1500, 18750),
    ROW("anthropic.claude-sonnet-", 3000, 15000, 300, 3750),
    ROW("deepseek.", 620, 1850, 0, 0),
    ROW("deepseek.r", 1350, 5400, 0, 0),
    ROW("google.gemma-", 230, 380, 0, 0),
    ROW("meta.llama", 2650, 3500, 0, 0),
    ROW("minimax.", 300, 1200, 0, 0),
    ROW("mistral.", 4000, 12000, 0, 0),
    ROW("moonshot.", 600, 3000, 0, 0),
    ROW("moonshotai.", 600, 3000, 0, 0),
    ROW("openai.gpt-oss-", 150, 600, 0, 0),
    ROW("qwen.", 530, 1330, 0, 0),
    ROW("zai.", 1000, 3000, 0, 0),
};

/* docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html, without the dot */
static const char *const regions[] = {"us", "eu", "apac", "global", "us-gov", "jp", "au",
                                      "ca", "sa", "me",   "af",     "il",     "mx"};

struct str prices_base(struct str id)
{
    struct str rest = id, part;
    if (text_starts(id, STR("arn:"))) {
        while (text_split(&rest, '/', &part)) {
            id = part;
        }
        rest = id;
    }
    if (!text_split(&rest, '.', &part) || rest.n == 0) {
        return id;
    }
    for (size_t i = 0; i < COUNT_OF(regions); i++) {
        if (text_eq(part, text_from(regions[i]))) {
            return rest;
        }
    }
    return id;
}

static int compare(const void *key, const void *member)
{
    const struct str *id = key;
    const char *other = ((const struct row *)member)->id;
    size_t n = strlen(other), common = id->n < n ? id->n : n;
    int order = memcmp(id->p, other, common);
    return order ? order : (id->n > n) - (id->n < n);
}

static const struct row *family_of(struct str base)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        if (text_starts(base, text_from(families[i].id))) {
            best = &families[i]; /* sorted: a longer one that fits comes later */
        }
    }
    return best;
}

enum prices_source prices_find(struct str id, struct price *out)
{
    struct str base = prices_base(id);
    const struct row *row = NULL;
    enum prices_source source = PRICES_LIST;
    if (base.n) {
        row = bsearch(&base, listed, COUNT_OF(listed), sizeof listed[0], compare);
    }
    if (!row) {
        row = family_of(base);
        source = PRICES_FAMILY;
    }
    *out = row ? row->price : (struct price){0};
    return row ? source : PRICES_UNKNOWN;
}

const char *prices_listed(size_t i, struct price *out, bool *family_out)
{
    const size_t exact = COUNT_OF(listed);
    if (i >= exact + COUNT_OF(families)) {
        return NULL;
    }
    *family_out = i >= exact;
    const struct row *row = *family_out ? &families[i - exact] : &listed[i];
    *out = row->price;
    return row->id;
}

/* Price factors of Bedrock's service tiers (compat 3.5), in quarters. */
static const uint64_t tier_quarters[] = {
    [TIER_DEFAULT] = 4,
    [TIER_FLEX] = 2,
    [TIER_PRIORITY] = 7,
    [TIER_RESERVED] = 4,
};
#define PER_MILLION_QUARTERS 4000000u

/* A figure that does not fit is shown as the largest there is, never as a small one. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t prices_cost(const struct price *p, const struct tokens *t, enum tier tier)
{
    uint64_t sum = plus(times(t->input, p->input), times(t->output, p->output));
    sum = plus(sum, times(t->cache_read, p->cache_read));
    sum = plus(sum, times(t->write_5m, p->cache_write));
    sum = plus(sum, times(t->write_1h, times(2, p->input))); /* twice the input price */
    sum = times(sum, tier_quarters[tier]);
    if (sum == UINT64_MAX) {
        return UINT64_MAX;
    }
    return sum / PER_MILLION_QUARTERS + (sum % PER_MILLION_QUARTERS >= PER_MILLION_QUARTERS / 2);
}
