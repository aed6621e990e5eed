/*
 * keystore_edit.h - what a store is asked by the subcommands that change rows: the attributes of a
 * key, model mappings, prices. Part of keystore.h.
 *
 * Each change is one conditional write, so nothing is ever half-written, and raises the version, so
 * a running server acts on it within about a second.
 */
#ifndef SHM_STORE_KEYSTORE_EDIT_H
#define SHM_STORE_KEYSTORE_EDIT_H

#include <stdint.h>
#include "server/base/err.h"

/* Attributes of a key that can change, and their fields in struct keystore_row. An empty text and a
 * 0 take the attribute away (NONE: the store keeps no empty one, its column is NULL). */
#define KEYSTORE_EDITS(TEXT, NONE, INT, MONEY, BOOL) \
    TEXT(name, name)                                 \
    INT(rate_limit, rate_limit)                      \
    INT(tpm_limit, tpm_limit)                        \
    INT(max_concurrency, max_concurrency)            \
    MONEY(monthly_budget, budget_micro)              \
    TEXT(budget_mode, budget_mode)                   \
    INT(expires_at, expires_s)                       \
    TEXT(service_tier, service_tier)                 \
    NONE(cache_ttl, cache_ttl)                       \
    TEXT(allowed_models, models)                     \
    BOOL(is_active, active)                          \
    NONE(deactivated_reason, deactivated_reason)     \
    TEXT(guardrail, guardrail)                       \
    TEXT(project, project)

enum keystore_edit { /* one bit each: KEYSTORE_EDIT(rate_limit) */
#define KEYSTORE_EDIT_BIT(attribute, field) KEYSTORE_EDIT_BIT_##attribute,
                     KEYSTORE_EDITS(KEYSTORE_EDIT_BIT, KEYSTORE_EDIT_BIT, KEYSTORE_EDIT_BIT,
                                    KEYSTORE_EDIT_BIT, KEYSTORE_EDIT_BIT)
#undef KEYSTORE_EDIT_BIT
                         KEYSTORE_EDIT_COUNT
};
#define KEYSTORE_EDIT(attribute) (1u << KEYSTORE_EDIT_BIT_##attribute)

#define KEYSTORE_PRICE_NONE UINT64_MAX /* not given; of `input`: the figures stay as they are */

struct keystore;
struct keystore_row;
struct keystore_price;
struct keystore_mapping;

struct keystore_edit_ops {
    /* The attributes in `edits`, as row has them. NOT_FOUND when there is no row of row->id. */
    enum status (*update)(struct keystore *k, const struct keystore_row *row, uint32_t edits,
                          struct err *err);
    /* New or changed. */
    enum status (*put_mapping)(struct keystore *k, const struct keystore_mapping *m,
                               struct err *err);
    enum status (*drop_mapping)(struct keystore *k, const char *from, struct err *err);
    /* New or changed. Cache prices of KEYSTORE_PRICE_NONE: none. Input KEYSTORE_PRICE_NONE: only
     * the status changes, NOT_FOUND when there is no such row. */
    enum status (*put_price)(struct keystore *k, const struct keystore_price *price,
                             struct err *err);
    enum status (*drop_price)(struct keystore *k, const char *model, struct err *err);
};

#endif
