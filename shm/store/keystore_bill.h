/*
 * keystore_bill.h - what a store is asked when a bill was wrong: the stored rows one by one, other
 * costs for some of them, a key's month set back to nothing. Part of keystore.h; the subcommands',
 * while servers run.
 *
 * A row and the sums of its key change together or not at all, on the condition that the row has
 * still the cost that was read. So whoever is killed in the middle has done a part, and doing it
 * again does the rest; two at once do it once.
 */
#ifndef SHM_STORE_KEYSTORE_BILL_H
#define SHM_STORE_KEYSTORE_BILL_H

#include "shm/store/keystore_usage.h"

#define KEYSTORE_BILL_ROWS 64u /* of one correction: a transaction of DynamoDB has 100 items */

struct keystore_bill_row { /* of this program's own rows only */
    char id[KEYSTORE_ID_MAX + 1];
    char place[40]; /* where the store finds it again */
    char model[97], bedrock_model[161], service_tier[12];
    struct tokens tokens;
    int64_t started_ms, ended_ms;
    uint64_t cost_micro;  /* as it is stored */
    uint64_t right_micro; /* as it should be: the caller's */
};

struct keystore_audit { /* what was done to a key's sum by hand */
    int64_t at_ms;
    char key_id[9]; /* as list-keys shows it; "": the row names no key */
    char action[24];
    char month[8]; /* whose sum it was; "": the key had none */
    int64_t before_micro, after_micro;
};

struct keystore_bill_ops {
    /* Those from from_ms on and before to_ms, in any order. */
    enum status (*audit)(struct keystore *k, int64_t from_ms, int64_t to_ms,
                         bool (*fn)(void *ctx, const struct keystore_audit *row), void *ctx,
                         struct err *err);
    /* Rows that started from from_ms on and before to_ms, through fn, which may call correct; fn
     * false stops. */
    enum status (*rows)(struct keystore *k, int64_t from_ms, int64_t to_ms,
                        bool (*fn)(void *ctx, const struct keystore_bill_row *row), void *ctx,
                        struct err *err);
    /* Up to KEYSTORE_BILL_ROWS rows of one key. Adds to *changed_out those that have right_micro
     * now; others have got another cost meanwhile, or are not in the sums yet: they stay. */
    enum status (*correct)(struct keystore *k, const struct keystore_bill_row *rows, size_t n,
                           size_t *changed_out, struct err *err);
    /* The key's spending of this month becomes 0, its total stays; a key that its budget switched
     * off works again; a row of the audit says what it was. NOT_FOUND. Raises the version. */
    enum status (*reset_spend)(struct keystore *k, const char *id, int64_t *was_micro_out,
                               struct err *err);
    /* After corrections: running servers read the sums anew. */
    void (*corrected)(struct keystore *k);
};

#endif
