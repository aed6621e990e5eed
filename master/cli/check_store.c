#include "master/cli/check_store.h"

#include <stdio.h>

#include "server/base/clock.h"
#include "shm/refresher/backend.h"

#define LIMIT_MS 5000u

struct look {
    const struct config *config;
    struct keystore *store;
    uint64_t until_ns;
    uint64_t rows, odd; /* of one table: those that a server would use, and those it would skip */
    void (*fn)(void *ctx, const char *name, const char *value);
    void *ctx;
    bool good;
};

static bool is_time_left(void *ctx)
{
    const struct look *l = ctx;
    return clock_now_ns() < l->until_ns;
}

static bool on_key(void *ctx, const struct keystore_row *row)
{
    struct look *l = ctx;
    struct directory_key cell;
    struct err err;
    bool good = keystore_cell(row, l->config->allow_clear_keys, &cell, &err) == STATUS_OK;
    l->rows += good;
    l->odd += !good;
    return is_time_left(l);
}

static bool on_mapping(void *ctx, const struct keystore_mapping *m)
{
    struct look *l = ctx;
    (void)m;
    l->rows++;
    return true;
}

static bool on_price(void *ctx, const struct keystore_price *price)
{
    struct look *l = ctx;
    l->rows += price->readable;
    l->odd += !price->readable;
    return true;
}

static bool on_beta(void *ctx, const struct directory_beta *rule, bool whole)
{
    struct look *l = ctx;
    (void)rule;
    l->rows += whole;
    l->odd += !whole;
    return true;
}

/* --- one table after the other ------------------------------------------------------------- */

static enum status look_at_keys(struct look *l, struct err *err)
{
    enum status st = l->store->ops->scan(l->store, on_key, l, err);
    return st != STATUS_OK || is_time_left(l)
               ? st
               : err_set(err, STATUS_UNAVAILABLE, "not all of them in %u s", LIMIT_MS / 1000);
}

static enum status look_at_mappings(struct look *l, struct err *err)
{
    return l->store->ops->mappings(l->store, on_mapping, l, err);
}

static enum status look_at_prices(struct look *l, struct err *err)
{
    return keystore_prices(l->store, on_price, l, err);
}

static enum status look_at_betas(struct look *l, struct err *err)
{
    return l->store->ops->betas ? l->store->ops->betas(l->store, on_beta, l, err) : STATUS_OK;
}

static enum status look_at_version(struct look *l, struct err *err)
{
    int64_t version;
    enum status st = l->store->ops->version(l->store, &version, err);
    l->rows = st == STATUS_OK ? (uint64_t)version : 0;
    return st;
}

static const struct {
    const char *name;
    enum status (*look)(struct look *l, struct err *err);
} tables[] = {
    {"version", look_at_version},         {"keys", look_at_keys},
    {"model mappings", look_at_mappings}, {"prices", look_at_prices},
    {"beta headers", look_at_betas},
};

static void tell(struct look *l, size_t i)
{
    char text[300];
    struct err err = {.code = STATUS_OK};
    l->rows = l->odd = 0;
    enum status st = tables[i].look(l, &err);
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)l->rows);
    if (st != STATUS_OK) {
        snprintf(text, sizeof text, "cannot be read: %s", err.text);
        l->good = false;
    } else if (l->odd > 0) {
        snprintf(text + n, sizeof text - (size_t)n, ", and %llu that are skipped: a row is wrong",
                 (unsigned long long)l->odd);
    }
    l->fn(l->ctx, tables[i].name, text);
}

bool check_store(const struct config *c, void (*fn)(void *ctx, const char *name, const char *value),
                 void *ctx)
{
    char why[BACKEND_WHY_SIZE] = "";
    struct err err = {.code = STATUS_OK};
    struct look l = {.config = c,
                     .until_ns = clock_now_ns() + LIMIT_MS * 1000000ull,
                     .fn = fn,
                     .ctx = ctx,
                     .good = true};
    enum status st = backend_look(c, &l.store, why, sizeof why, &err);
    fn(ctx, "which", why);
    if (st != STATUS_OK) {
        fn(ctx, "state", err.text);
        return false;
    }
    l.store->on_wait = is_time_left;
    l.store->wait_ctx = &l;
    for (size_t i = 0; i < COUNT_OF(tables) && (i == 0 || is_time_left(&l)); i++) {
        tell(&l, i);
    }
    fn(ctx, "state",
       l.good             ? "it answers"
       : is_time_left(&l) ? "not all of it can be read"
                          : "no answer in 5 s");
    keystore_close(l.store);
    return l.good;
}
