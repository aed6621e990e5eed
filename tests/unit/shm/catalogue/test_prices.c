#include "shm/catalogue/prices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "shm/catalogue/catalogue.h"

/* Micro-dollars a million tokens. */
static const struct {
    const char *id, *region;
    enum prices_source source;
    uint32_t rates[5]; /* input, output, cache read, writes for 5 minutes and an hour */
} finds[] = {
    {"global.anthropic.claude-opus-4-6-v1",
     "us-east-1",
     PRICES_LIST,
     {5000000, 25000000, 500000, 6250000, 10000000}},
    /* of a geography, and in a region (since 4.5), a tenth more; older ones the same */
    {"us.anthropic.claude-sonnet-4-5-20250929-v1:0",
     "us-east-1",
     PRICES_LIST,
     {3300000, 16500000, 330000, 4125000, 6600000}},
    {"anthropic.claude-opus-4-7",
     "us-west-2",
     PRICES_LIST,
     {5500000, 27500000, 550000, 6875000, 11000000}},
    {"anthropic.claude-opus-4-8",
     "us-gov-west-1",
     PRICES_LIST,
     {6000000, 30000000, 600000, 7500000, 12000000}},
    {"us-gov.anthropic.claude-opus-4-8",
     "us-gov-west-1",
     PRICES_LIST,
     {6000000, 30000000, 600000, 7500000, 12000000}},
    {"us.anthropic.claude-opus-4-1-20250805-v1:0",
     "us-east-1",
     PRICES_LIST,
     {15000000, 75000000, 1500000, 18750000, 30000000}},
    {"arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-haiku-5-5",
     "eu-west-1",
     PRICES_LIST,
     {110000, 550000, 11000, 137500, 220000}},
    /* each its own ratio of cache reads */
    {"global.anthropic.claude-fable-5-1",
     "us-east-1",
     PRICES_LIST,
     {10000000, 50000000, 250000, 12500000, 20000000}},
    {"global.anthropic.claude-sonnet-5-5",
     "us-east-1",
     PRICES_LIST,
     {2000000, 10000000, 100000, 2500000, 4000000}},
    /* what is not listed of the cache is the input's price, an hour twice that */
    {"qwen.qwen3-coder-30b-a3b-v1:0",
     "us-east-1",
     PRICES_LIST,
     {150000, 600000, 150000, 150000, 300000}},
    {"in.moonshotai.kimi-k3",
     "ap-south-1",
     PRICES_LIST,
     {3300000, 16500000, 330000, 4125000, 6600000}},
    /* dollars of its own in a region, the caches follow the input */
    {"minimax.minimax-m2.1", "eu-west-2", PRICES_LIST, {470000, 1860000, 470000, 470000, 940000}},
    {"minimax.minimax-m2.1", "ap-south-1", PRICES_LIST, {360000, 1440000, 360000, 360000, 720000}},
    {"minimax.minimax-m2.1", "us-east-1", PRICES_LIST, {300000, 1200000, 300000, 300000, 600000}},
    {"eu.amazon.nova-2-lite-v1:0",
     "eu-west-1",
     PRICES_LIST,
     {429000, 3597000, 107250, 429000, 858000}},
    /* "bare" comes before the word for everywhere */
    {"openai.gpt-6-sol", "us-east-1", PRICES_LIST, {2000000, 10000000, 200000, 2500000, 4000000}},
    {"global.anthropic.claude-mythos-9",
     "us-east-1",
     PRICES_FAMILY,
     {27500000, 137500000, 2750000, 34375000, 55000000}},
    {"us.anthropic.claude-opus-5-7",
     "us-east-1",
     PRICES_FAMILY,
     {5500000, 27500000, 550000, 6875000, 11000000}},
    {"amazon.nova-3-x", "us-east-1", PRICES_FAMILY, {2500000, 12500000, 2500000, 2500000, 5000000}},
    {"twelvelabs.pegasus-1-2-v1:0", "us-east-1", PRICES_UNKNOWN, {0}},
    {"arn:aws:bedrock:us-west-2:1:application-inference-profile/abc123",
     "us-west-2",
     PRICES_UNKNOWN,
     {0}},
    {"", "", PRICES_UNKNOWN, {0}},
};

static void test_find_table_gives_rates_and_source(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof finds / sizeof finds[0]; i++) {
        struct prices_tariff got;
        enum prices_source source =
            prices_find(text_from(finds[i].id), text_from(finds[i].region), &got);
        const uint32_t rates[5] = {got.rates.input, got.rates.output, got.rates.cache_read,
                                   got.rates.write_5m, got.rates.write_1h};
        if (source != finds[i].source || memcmp(rates, finds[i].rates, sizeof rates) != 0) {
            fail_msg("%s in %s: source %d, input %u, output %u, read %u, writes %u %u", finds[i].id,
                     finds[i].region, (int)source, rates[0], rates[1], rates[2], rates[3],
                     rates[4]);
        }
    }
}

/* Every row that has a price is found by its own id, at that price. */
static void test_listed_every_row_is_found(void **state)
{
    (void)state;
    const struct catalogue *t = catalogue_now();
    size_t n = 0;
    for (uint32_t i = 0; i < t->rows; i++) {
        char id[256];
        struct rates listed;
        struct prices_tariff got;
        snprintf(id, sizeof id, "global.%s", catalogue_text(&t->row[i], CATALOGUE_ID).p);
        if (prices_listed(&t->row[i], &listed)) {
            enum prices_source source = prices_find(text_from(id), STR("us-east-1"), &got);
            if (source != PRICES_LIST || memcmp(&got.rates, &listed, sizeof listed) != 0) {
                fail_msg("%s", id);
            }
            n++;
        }
    }
    assert_true(n > 120);
}

static void test_tiers_are_the_row_s_own(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum tier tier;
        uint32_t input, output;
    } rows[] = {
        {"zai.glm-5", TIER_DEFAULT, 1000000, 3200000},
        {"zai.glm-5", TIER_FLEX, 500000, 1600000},
        {"zai.glm-5", TIER_PRIORITY, 1750000, 5600000},
        {"zai.glm-5", TIER_RESERVED, 1000000, 3200000},
        {"mistral.ministral-3-3b-instruct", TIER_PRIORITY, 170000, 170000},
        {"openai.gpt-oss-safeguard-20b", TIER_FLEX, 30030, 100000},
        {"global.openai.gpt-6-astra", TIER_ULTRAFAST, 60000000, 300000000},
        {"global.anthropic.claude-sonnet-4-6", TIER_PRIORITY, 5250000, 26250000}, /* the usual */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prices_tariff t;
        prices_find(text_from(rows[i].id), STR("us-east-1"), &t);
        struct rates r = prices_rates(&t, rows[i].tier);
        if (r.input != rows[i].input || r.output != rows[i].output) {
            fail_msg("%s tier %d: %u %u", rows[i].id, (int)rows[i].tier, r.input, r.output);
        }
    }
}

static void test_cost_of_long_prompts_is_dearer_above_the_mark(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        struct tokens t;
        uint64_t cost;
    } rows[] = {
        {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", {300000, 1000, 0, 0, 0}, 1822500},
        {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", {200000, 1000, 0, 0, 0}, 615000},
        {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", {1, 0, 200000, 0, 0}, 120006},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", {300000, 1000, 0, 0, 0}, 2004750},
        {"global.anthropic.claude-haiku-5-5", {50000, 100, 50001, 0, 0}, 27750},
        {"global.openai.gpt-5.4", {272001, 10, 0, 0, 0}, 1360230},
        {"global.anthropic.claude-sonnet-4-6", {300000, 1000, 0, 0, 0}, 915000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prices_tariff t;
        prices_find(text_from(rows[i].id), STR("us-east-1"), &t);
        struct rates r = prices_rates(&t, TIER_DEFAULT);
        uint64_t got = prices_cost(&r, &rows[i].t);
        if (got != rows[i].cost) {
            fail_msg("%s: %llu", rows[i].id, (unsigned long long)got);
        }
    }
}

static void test_cost_table_is_exact(void **state)
{
    (void)state;
    static const struct price sonnet = {3000000, 15000000, 300000, 3750000};
    static const struct price odd = {75000, 600000, 0, 0};
    static const struct {
        const char *name;
        const struct price *price;
        struct tokens t;
        enum tier tier;
        uint64_t cost;
    } rows[] = {
        {"nothing", &sonnet, {0}, TIER_DEFAULT, 0},
        {"input", &sonnet, {.input = 1000}, TIER_DEFAULT, 3000},
        {"output", &sonnet, {.output = 1000}, TIER_DEFAULT, 15000},
        {"cache read", &sonnet, {.cache_read = 1000}, TIER_DEFAULT, 300},
        {"cache write", &sonnet, {.write_5m = 1000}, TIER_DEFAULT, 3750},
        {"1 h write is twice the input", &sonnet, {.write_1h = 1000}, TIER_DEFAULT, 6000},
        {"all", &sonnet, {10, 10, 10, 10, 10}, TIER_DEFAULT, 281}, /* 280.5 */
        {"flex", &sonnet, {.input = 1001}, TIER_FLEX, 1502},       /* 1501.5 */
        {"priority", &sonnet, {.input = 1000}, TIER_PRIORITY, 5250},
        {"reserved", &sonnet, {.input = 1000}, TIER_RESERVED, 3000},
        {"rounded down", &odd, {.input = 6}, TIER_DEFAULT, 0}, /* 0.45 */
        {"rounded up", &odd, {.input = 7}, TIER_DEFAULT, 1},   /* 0.525 */
        {"half up", &odd, {.input = 20}, TIER_DEFAULT, 2},     /* 1.5 */
        {"a billion", &sonnet, {1000000000, 10000000, 0, 0, 0}, TIER_PRIORITY, 5512500000ull},
        {"does not fit", &sonnet, {.input = UINT64_MAX}, TIER_DEFAULT, UINT64_MAX},
        {"nor this", &sonnet, {1ull << 42, 1ull << 40, 0, 0, 0}, TIER_FLEX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prices_tariff tariff;
        prices_own(STR("no.such"), rows[i].price, &tariff);
        struct rates r = prices_rates(&tariff, rows[i].tier);
        uint64_t got = prices_cost(&r, &rows[i].t);
        if (got != rows[i].cost) {
            fail_msg("%s: %llu", rows[i].name, (unsigned long long)got);
        }
    }
}

static void test_own_price_that_does_not_fit_is_the_largest(void **state)
{
    (void)state;
    struct price dear = {UINT64_MAX, 5000000000ull, 1, 2};
    struct prices_tariff t;
    prices_own(STR("no.such"), &dear, &t);
    assert_int_equal(t.rates.input, UINT32_MAX);
    assert_int_equal(t.rates.output, UINT32_MAX);
    assert_int_equal(t.rates.write_1h, UINT32_MAX);
    struct rates r = prices_rates(&t, TIER_PRIORITY);
    assert_int_equal(r.input, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_table_gives_rates_and_source),
        cmocka_unit_test(test_listed_every_row_is_found),
        cmocka_unit_test(test_tiers_are_the_row_s_own),
        cmocka_unit_test(test_cost_of_long_prompts_is_dearer_above_the_mark),
        cmocka_unit_test(test_cost_table_is_exact),
        cmocka_unit_test(test_own_price_that_does_not_fit_is_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
