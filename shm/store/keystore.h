/*
 * keystore.h - where keys are kept: a table of functions with one implementation a store.
 *
 * Calls may block (a file, later a network), so only the refresher and the subcommands make them,
 * never a worker. A row read here is checked before it enters the directory.
 */
#ifndef SHM_STORE_KEYSTORE_H
#define SHM_STORE_KEYSTORE_H

#include "server/config/config.h"
#include "server/base/err.h"
#include "server/base/seal.h"
#include "shm/memory/directory.h"
#include "shm/store/keystore_bill.h"
#include "shm/store/keystore_edit.h"
#include "shm/store/keystore_usage.h"

struct keystore_row {
    char id[KEYSTORE_ID_MAX + 1]; /* partition key as stored */
    char user_id[129];
    char name[129];
    char prefix[24]; /* for display: "sk-prod-4f7a..." first characters, never enough to use */
    int64_t created_s, updated_s;
    bool active;
    int64_t rate_limit; /* 0: default */
    int64_t tpm_limit;
    int64_t max_concurrency;
    int64_t budget_micro;
    int64_t expires_s;
    char service_tier[12];
    char cache_ttl[4];
    char models[512];
    char guardrail[112], project[112]; /* as directory_terms has them */
    char deactivated_reason[65];
    char budget_mode[8];       /* "soft", "reserve" or "" */
    int64_t budget_used_micro; /* month-to-date, of the month: */
    char budget_month[8];      /* "2026-01", UTC; "": never used */
    int64_t budget_reset_ms;   /* that was set back then; 0: never */
    /* Attribute of a wrong type or too long, for which keystore_cell refuses the row; NULL: none. */
    const char *unreadable;
};

struct keystore;

struct keystore_mapping { /* of a client's name to a Bedrock id or ARN */
    struct str from, to;
    struct str as; /* the model behind an ARN, as the operator says; empty: nothing is said */
};

struct keystore_ops {
    const char *name; /* "sqlite", "dynamodb" */
    /* Each row through fn; fn false stops. STATUS_OK only if every row was read. */
    enum status (*scan)(struct keystore *k, bool (*fn)(void *ctx, const struct keystore_row *row),
                        void *ctx, struct err *err);
    /* By id. NOT_FOUND when there is none. */
    enum status (*get)(struct keystore *k, const char *id, struct keystore_row *out,
                       struct err *err);
    /* Conditional: INVALID if the id exists. Bumps the version. */
    enum status (*put)(struct keystore *k, const struct keystore_row *row, struct err *err);
    /* Deactivates with reason. NOT_FOUND. Bumps the version. */
    enum status (*revoke)(struct keystore *k, const char *id, const char *reason, struct err *err);
    /* Model mappings through fn. */
    enum status (*mappings)(struct keystore *k,
                            bool (*fn)(void *ctx, const struct keystore_mapping *m), void *ctx,
                            struct err *err);
    /* A number that every write of our tools raises: polled each second. */
    enum status (*version)(struct keystore *k, int64_t *out, struct err *err);

    /* --- these may be NULL: the store has no such thing --- */
    /* Usage rows in the order of their sequence, and their cost into the budgets of their keys:
     * each exactly once, however often it is called with the same rows. OK: all of them are there.
     * After any other status the same rows come again, unchanged, before any later ones (so
     * "sequence greater than the last of this flusher" is a sufficient condition for a budget).
     * INVALID: this row can never be stored (only for n == 1).
     * A budget: budget_used and budget_used_mtd grow; when the row is of a later month than
     * budget_mtd_month, that month's sum goes to budget_history first; is_active becomes false with
     * deactivated_reason budget_exceeded when the budget is reached, and true again in a new month
     * or with a larger budget. */
    enum status (*put_usage)(struct keystore *k, const struct keystore_usage *rows, size_t n,
                             struct err *err);
    uint32_t usage_batch; /* the most rows for one put_usage; 0: any number */
    /* Sums of the rows that started from from_ms on and before to_ms, through fn. */
    enum status (*usage)(struct keystore *k, enum keystore_group group, int64_t from_ms,
                         int64_t to_ms, bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                         void *ctx, struct err *err);
    /* The operator's own prices through fn. */
    enum status (*prices)(struct keystore *k,
                          bool (*fn)(void *ctx, const struct keystore_price *price), void *ctx,
                          struct err *err);
    /* The operator's rules for anthropic-beta values through fn; whole false: the row is not
     * usable. A store without that table has no rules: OK. */
    enum status (*betas)(struct keystore *k,
                         bool (*fn)(void *ctx, const struct directory_beta *rule, bool whole),
                         void *ctx, struct err *err);
    /* The key with which reasoning is sealed, the same for all servers of the store. Where there is
     * none, fresh becomes it by one conditional write: of two who come at once both get the same. */
    enum status (*seal_key)(struct keystore *k, const uint8_t fresh[SEAL_KEY_SIZE],
                            uint8_t out[SEAL_KEY_SIZE], struct err *err);
    const struct keystore_edit_ops *edit;
    const struct keystore_bill_ops *bill;
    void (*close)(struct keystore *k);
};

struct keystore { /* first member of every implementation */
    const struct keystore_ops *ops;
    /* Set by the owner after opening; NULL: none. A call that waits for the network calls it at its
     * start and twice a second: a sign of life. false: give up (UNAVAILABLE), the process is to
     * leave. */
    bool (*on_wait)(void *ctx);
    void *wait_ctx;
};

void keystore_close(struct keystore *k);

/* The four that a store need not have: NOT_SUPPORTED, but OK without a price. */
MUST_CHECK enum status keystore_put_usage(struct keystore *k, const struct keystore_usage *rows,
                                          size_t n, struct err *err);
MUST_CHECK enum status keystore_usage(struct keystore *k, enum keystore_group group,
                                      int64_t from_ms, int64_t to_ms,
                                      bool (*fn)(void *ctx, const struct keystore_usage_sum *sum),
                                      void *ctx, struct err *err);
MUST_CHECK enum status keystore_prices(struct keystore *k,
                                       bool (*fn)(void *ctx, const struct keystore_price *price),
                                       void *ctx, struct err *err);

MUST_CHECK enum status keystore_seal_key(struct keystore *k, const uint8_t fresh[SEAL_KEY_SIZE],
                                         uint8_t out[SEAL_KEY_SIZE], struct err *err);

/* "sha256:<hex>" of a clear key. */
void keystore_hash_id(struct str key, char id_out[KEYSTORE_ID_MAX + 1]);
/* Checks a row and makes its directory cell (slot and tag left 0). INVALID says which attribute. */
MUST_CHECK enum status keystore_cell(const struct keystore_row *row, bool allow_clear,
                                     struct directory_key *out, struct err *err);

/* The terms of a row whose cell has DIRECTORY_TERMS. */
void keystore_terms(const struct keystore_row *row, const uint8_t digest[32],
                    struct directory_terms *out);

/* Digest of the key the row is for, also of a row that keystore_cell refuses. false: the id is no
 * key. */
bool keystore_digest(const struct keystore_row *row, uint8_t digest_out[32]);
/* US dollars "12.5" as millionths; at most 6 decimals count. false: not a number from 0 to 1e9. */
bool keystore_money(struct str usd, int64_t *micro_out);
/* The same backwards: "12.500000". */
void keystore_money_text(int64_t micro, char out[32]);
/* As budget_history has it: cents, and more decimals only where a correction made some. */
void keystore_history_text(int64_t micro, char out[32]);

/* New key text, env lower-case letters: "sk-<env>-<32 base62>-<6 base62 CRC32>" + NUL. */
void keystore_new_key(const char *env, char out[80]);
/* false when the text has our form and its checksum is wrong: refused without a look-up. */
bool keystore_key_plausible(struct str key);

#endif
