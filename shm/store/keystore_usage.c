#include "shm/store/keystore_usage.h"

#include <stdio.h>
#include <string.h>
#include "shm/store/keystore.h"

#define MICRO_MAX 1000000000000000000ll /* a trillion dollars: sums stay inside int64_t */

enum status keystore_put_usage(struct keystore *k, const struct keystore_usage *rows, size_t n,
                               struct err *err)
{
    if (!k->ops->put_usage) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no usage rows", k->ops->name);
    }
    return k->ops->put_usage(k, rows, n, err);
}

enum status keystore_usage(struct keystore *k, enum keystore_group group, int64_t from_ms,
                           int64_t to_ms,
                           bool (*fn)(void *ctx, const struct keystore_usage_sum *sum), void *ctx,
                           struct err *err)
{
    if (!k->ops->usage) {
        return err_set(err, STATUS_NOT_SUPPORTED, "the %s store keeps no usage rows", k->ops->name);
    }
    return k->ops->usage(k, group, from_ms, to_ms, fn, ctx, err);
}

enum status keystore_prices(struct keystore *k,
                            bool (*fn)(void *ctx, const struct keystore_price *price), void *ctx,
                            struct err *err)
{
    return k->ops->prices ? k->ops->prices(k, fn, ctx, err) : STATUS_OK;
}

void keystore_money_text(int64_t micro, char out[32])
{
    snprintf(out, 32, "%lld.%06lld", (long long)(micro / 1000000), (long long)(micro % 1000000));
}

static int64_t plus(int64_t sum, uint64_t micro)
{
    return micro > (uint64_t)(MICRO_MAX - sum) ? MICRO_MAX : sum + (int64_t)micro;
}

static void set_active(struct keystore_budget *b)
{
    bool spent = b->limit_micro > 0 && b->mtd_micro >= b->limit_micro;
    bool by_budget = strcmp(b->reason, "budget_exceeded") == 0;
    if (b->active && spent) {
        b->active = false;
        text_copy(STR("budget_exceeded"), b->reason, sizeof b->reason);
    } else if (!b->active && by_budget && !spent) {
        b->active = true;
        b->reason[0] = '\0';
    }
}

/* Months compare as text. A late row of a month that is over belongs to that month's history. */
void keystore_budget_add(struct keystore_budget *b, const char *month, uint64_t cost_micro)
{
    int order = strcmp(month, b->month);
    b->used_micro = plus(b->used_micro, cost_micro);
    b->history_month[0] = '\0';
    b->history_micro = 0;
    if (order < 0) {
        text_copy(text_from(month), b->history_month, sizeof b->history_month);
        b->history_micro = plus(0, cost_micro);
        return;
    }
    if (order > 0) {
        if (b->month[0] && b->mtd_micro > 0) {
            text_copy(text_from(b->month), b->history_month, sizeof b->history_month);
            b->history_micro = b->mtd_micro;
        }
        text_copy(text_from(month), b->month, sizeof b->month);
        b->mtd_micro = 0;
    }
    b->mtd_micro = plus(b->mtd_micro, cost_micro);
    set_active(b);
}
