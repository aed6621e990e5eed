/*
 * keystore_sqlite_private.h - the parts of the embedded store whose functions stand in its table
 * (struct keystore_ops): keystore_sqlite_usage.c (usage, budgets, prices), keystore_sqlite_betas.c
 * (beta rules), keystore_sqlite_seal.c (the key of sealed reasoning), keystore_sqlite_budget.c (what a
 * key has spent), keystore_sqlite_tally.c (what a batch adds to that), keystore_sqlite_edit.c and
 * keystore_sqlite_bill.c (changes by the subcommands). Refresher and subcommands.
 */
#ifndef SHM_SQLITE_KEYSTORE_SQLITE_PRIVATE_H
#define SHM_SQLITE_KEYSTORE_SQLITE_PRIVATE_H

#include "shm/sqlite/keystore_sqlite_db.h"

/* keystore_sqlite_betas.c: see struct keystore_ops */
enum status keystore_sqlite_betas(struct keystore *base,
                                  bool (*fn)(void *ctx, const struct directory_beta *rule,
                                             bool whole),
                                  void *ctx, struct err *err);

/* keystore_sqlite_seal.c: see struct keystore_ops */
enum status keystore_sqlite_seal_key(struct keystore *base, const uint8_t fresh[SEAL_KEY_SIZE],
                                     uint8_t out[SEAL_KEY_SIZE], struct err *err);

/* keystore_sqlite_usage.c: see struct keystore_ops */
enum status keystore_sqlite_put_usage(struct keystore *base, const struct keystore_usage *rows,
                                      size_t n, struct err *err);
enum status keystore_sqlite_usage(struct keystore *base, enum keystore_group group, int64_t from_ms,
                                  int64_t to_ms,
                                  bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                                  void *ctx, struct err *err);
enum status keystore_sqlite_prices(struct keystore *base,
                                   bool (*fn)(void *ctx, const struct keystore_price *price),
                                   void *ctx, struct err *err);

/* keystore_sqlite_budget.c: one that gives no rows; its values are bound already (rc: whether that
 * went well). */
enum status keystore_sqlite_budget_do(struct store *k, sqlite3_stmt *st, int rc, struct err *err);
enum status keystore_sqlite_budget_read(struct store *k, const char *id, struct keystore_budget *b,
                                        bool *found_out, struct err *err);
/* Its history_micro as it is; within a transaction. */
enum status keystore_sqlite_budget_write(struct store *k, const char *id,
                                         const struct keystore_budget *b, bool was_active,
                                         struct err *err);

/* keystore_sqlite_tally.c: the budgets of the keys of one batch, within its transaction. Starts as
 * {.n = 0}; ids are the rows' own. */
struct keystore_sqlite_tally {
    struct keystore_sqlite_spender {
        const char *id;
        bool found; /* it has a row */
        bool due;   /* budget is not written yet */
        struct keystore_budget budget;
    } spenders[32];
    size_t n;
};
enum status keystore_sqlite_tally_add(struct store *k, struct keystore_sqlite_tally *t,
                                      const struct keystore_usage *u, struct err *err);
enum status keystore_sqlite_tally_store(struct store *k, struct keystore_sqlite_tally *t,
                                        struct err *err);

extern const struct keystore_edit_ops keystore_sqlite_edit;
extern const struct keystore_bill_ops keystore_sqlite_bill;

#endif
