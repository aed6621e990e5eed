/* The price in force by the store's rows and the catalogue, as the workers find it by shared memory. */
#include "shm/store/pricelist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server/base/arena.h"

static const struct keystore_price stored[] = {
    {"acme.own", {1, 2, 3, 4}, true, true},
    {"us.acme.own", {5, 6, 7, 8}, true, true},
    {"anthropic.claude-sonnet-4-5-20250929-v1:0", {9, 9, 9, 9}, true, false}, /* disabled */
    {"acme.broken", {9, 9, 9, 9}, false, true},
};

static enum status give(struct keystore *k,
                        bool (*fn)(void *ctx, const struct keystore_price *price), void *ctx,
                        struct err *err)
{
    (void)k;
    (void)err;
    for (size_t i = 0; i < sizeof stored / sizeof *stored && fn(ctx, &stored[i]); i++) {
    }
    return STATUS_OK;
}

static enum status refuse(struct keystore *k,
                          bool (*fn)(void *ctx, const struct keystore_price *price), void *ctx,
                          struct err *err)
{
    (void)k;
    (void)fn;
    (void)ctx;
    return err_set(err, STATUS_UNAVAILABLE, "away");
}

static const struct keystore_ops ops = {.name = "fake", .prices = give},
                                 away_ops = {.name = "fake", .prices = refuse};

static void test_own_rows_win_by_exact_id_then_without_region(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum prices_source source;
        uint32_t input;
    } rows[] = {
        {"acme.own", PRICES_STORE, 1},
        {"us.acme.own", PRICES_STORE, 5},
        {"eu.acme.own", PRICES_STORE, 1},
        {"acme.broken", PRICES_UNKNOWN, 0},
        {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", PRICES_LIST, 3000000},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", PRICES_LIST, 3300000},
    };
    struct keystore store = {.ops = &ops};
    struct pricelist p;
    struct err err;
    assert_int_equal(pricelist_load(&p, &store, &err), STATUS_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct prices_tariff t;
        enum prices_source source = pricelist_find(&p, text_from(rows[i].id), STR("us-west-2"), &t);
        if (source != rows[i].source || t.rates.input != rows[i].input)
            fail_msg("%s: source %d, input %u", rows[i].id, source, t.rates.input);
    }
    pricelist_free(&p);
}

static void test_store_that_is_away_or_memory_that_is_out_is_told(void **state)
{
    (void)state;
    struct keystore store = {.ops = &away_ops};
    struct pricelist p;
    struct err err;
    assert_int_equal(pricelist_load(&p, &store, &err), STATUS_UNAVAILABLE);
    pricelist_free(&p);
    store.ops = &ops;
    heap_fail_after(1);
    assert_int_equal(pricelist_load(&p, &store, &err), STATUS_UNAVAILABLE);
    heap_fail_after(0);
    pricelist_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_rows_win_by_exact_id_then_without_region),
        cmocka_unit_test(test_store_that_is_away_or_memory_that_is_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
