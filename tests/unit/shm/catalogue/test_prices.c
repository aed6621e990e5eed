#include "shm/catalogue/prices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_base_removes_region_and_arn(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"anthropic.claude-x", "anthropic.claude-x"},
        {"us.anthropic.claude-x", "anthropic.claude-x"},
        {"global.anthropic.claude-x", "anthropic.claude-x"},
        {"us-gov.anthropic.claude-x", "anthropic.claude-x"},
        {"apac.amazon.nova", "amazon.nova"},
        {"arn:aws:bedrock:us-west-2:1:inference-profile/us.zai.glm-5", "zai.glm-5"},
        {"arn:aws:bedrock:us-west-2:1:application-inference-profile/abc123", "abc123"},
        {"qwen.qwen3-32b-v1:0", "qwen.qwen3-32b-v1:0"},
        {"us.", "us."},
        {"us", "us"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!text_eq(prices_base(text_from(rows[i][0])), text_from(rows[i][1]))) {
            fail_msg("%s", rows[i][0]);
        }
    }
}

/* Micro-dollars a million tokens. */
static void test_find_table_gives_price_and_source(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum prices_source source;
        struct price price;
    } rows[] = {
        {"us.anthropic.claude-3-5-haiku-20241022-v1:0",
         PRICES_LIST,
         {800000, 4000000, 80000, 1000000}},
        {"global.anthropic.claude-opus-4-6-v1", PRICES_LIST, {5000000, 25000000, 500000, 6250000}},
        {"anthropic.claude-sonnet-4-6", PRICES_LIST, {3000000, 15000000, 300000, 3750000}},
        {"eu.anthropic.claude-haiku-4-5-20251001-v1:0",
         PRICES_LIST,
         {1000000, 5000000, 100000, 1250000}},
        {"qwen.qwen3-coder-30b-a3b-v1:0", PRICES_LIST, {75000, 600000, 0, 0}},
        {"zai.glm-5", PRICES_LIST, {1000000, 3000000, 0, 0}},
        {"deepseek.v3-v1:0", PRICES_LIST, {580000, 1680000, 0, 0}},
        {"minimax.minimax-m2.5", PRICES_FAMILY, {300000, 1200000, 0, 0}},
        {"us.anthropic.claude-opus-4-1-20250805-v1:0",
         PRICES_FAMILY,
         {15000000, 75000000, 1500000, 18750000}},
        {"us.anthropic.claude-opus-4-20250514-v1:0",
         PRICES_FAMILY,
         {15000000, 75000000, 1500000, 18750000}},
        {"us.anthropic.claude-sonnet-5-5", PRICES_FAMILY, {3000000, 15000000, 300000, 3750000}},
        {"anthropic.claude-mythos-9", PRICES_FAMILY, {5000000, 25000000, 500000, 6250000}},
        {"us.amazon.nova-micro-v1:0", PRICES_LIST, {35000, 140000, 9000, 0}},
        {"amazon.nova-lite-v1:0", PRICES_LIST, {60000, 240000, 15000, 0}},
        {"amazon.nova-pro-v1:0", PRICES_LIST, {800000, 3200000, 200000, 0}},
        {"us.amazon.nova-premier-v1:0", PRICES_LIST, {2500000, 12500000, 2500000, 0}},
        {"amazon.nova-3-x", PRICES_FAMILY, {2500000, 12500000, 2500000, 0}},
        {"us.meta.llama3-3-70b-instruct-v1:0", PRICES_LIST, {720000, 720000, 0, 0}},
        {"us.mistral.pixtral-large-2502-v1:0", PRICES_LIST, {2000000, 6000000, 0, 0}},
        {"us.deepseek.r1-v1:0", PRICES_LIST, {1350000, 5400000, 0, 0}},
        {"amazon.titan-text-express-v1", PRICES_UNKNOWN, {0}},
        {"arn:aws:bedrock:us-west-2:1:application-inference-profile/abc123", PRICES_UNKNOWN, {0}},
        {"", PRICES_UNKNOWN, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct price got;
        enum prices_source source = prices_find(text_from(rows[i].id), &got);
        if (source != rows[i].source || memcmp(&got, &rows[i].price, sizeof got) != 0) {
            fail_msg("%s: source %d, input %llu", rows[i].id, (int)source,
                     (unsigned long long)got.input);
        }
    }
}

/* Bisection and the longest family need the order; no id is listed twice. */
static void test_listed_every_row_is_found_and_in_order(void **state)
{
    (void)state;
    const char *last = "", *id;
    bool family, last_family = false;
    struct price listed, got;
    size_t n = 0;
    for (; (id = prices_listed(n, &listed, &family)) != NULL; n++) {
        if (family == last_family && strcmp(last, id) >= 0) {
            fail_msg("%s comes behind %s", id, last);
        }
        enum prices_source source = prices_find(text_from(id), &got);
        if (source != (family ? PRICES_FAMILY : PRICES_LIST) ||
            memcmp(&got, &listed, sizeof got) != 0) {
            fail_msg("%s", id);
        }
        last = id;
        last_family = family;
    }
    assert_true(n > 60);
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
        {"a billion", &sonnet, {1000000000, 1000000000, 0, 0, 0}, TIER_PRIORITY, 31500000000ull},
        {"does not fit", &sonnet, {.input = UINT64_MAX}, TIER_DEFAULT, UINT64_MAX},
        {"nor this", &sonnet, {1ull << 42, 1ull << 40, 0, 0, 0}, TIER_FLEX, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t got = prices_cost(rows[i].price, &rows[i].t, rows[i].tier);
        if (got != rows[i].cost) {
            fail_msg("%s: %llu", rows[i].name, (unsigned long long)got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_removes_region_and_arn),
        cmocka_unit_test(test_find_table_gives_price_and_source),
        cmocka_unit_test(test_listed_every_row_is_found_and_in_order),
        cmocka_unit_test(test_cost_table_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
