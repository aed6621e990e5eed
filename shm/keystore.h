/*
 * keystore.h - where keys are kept: a table of functions with one implementation a store.
 *
 * Calls may block (a file, later a network), so only the refresher and the subcommands make them,
 * never a worker. A row read here is checked before it enters the directory.
 */
#ifndef SHM_KEYSTORE_H
#define SHM_KEYSTORE_H

#include "server/config.h"
#include "server/err.h"
#include "shm/directory.h"

#define KEYSTORE_ID_MAX 200 /* "sha256:<64 hex>" or a clear key */

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
    char deactivated_reason[65];
    const char *unreadable; /* attribute of a wrong type or too long: keystore_cell refuses the row;
                               NULL: none */
};

struct keystore;

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
                            bool (*fn)(void *ctx, struct str from, struct str to), void *ctx,
                            struct err *err);
    /* A number that every write of our tools raises: polled each second. */
    enum status (*version)(struct keystore *k, int64_t *out, struct err *err);
    void (*close)(struct keystore *k);
};

struct keystore { /* first member of every implementation */
    const struct keystore_ops *ops;
};

/* Chooses by STORAGE_BACKEND (see config.h) and opens. why_out (120 bytes) says which store and
 * why, for the start line. create: make the file or directory if missing (CLI and server both do
 * for SQLite). */
MUST_CHECK enum status keystore_open(const struct config *c, struct keystore **out, char *why_out,
                                     size_t why_size, struct err *err);
void keystore_close(struct keystore *k);

/* "sha256:<hex>" of a clear key. */
void keystore_hash_id(struct str key, char id_out[KEYSTORE_ID_MAX + 1]);
/* Checks a row and makes its directory cell (slot and tag left 0). INVALID says which attribute. */
MUST_CHECK enum status keystore_cell(const struct keystore_row *row, bool allow_clear,
                                     struct directory_key *out, struct err *err);

/* Digest of the key the row is for, also of a row that keystore_cell refuses. false: the id is no
 * key. */
bool keystore_digest(const struct keystore_row *row, uint8_t digest_out[32]);
/* US dollars "12.5" as millionths; at most 6 decimals count. false: not a number from 0 to 1e9. */
bool keystore_money(struct str usd, int64_t *micro_out);

/* New key text, env lower-case letters: "sk-<env>-<32 base62>-<6 base62 CRC32>" + NUL. */
void keystore_new_key(const char *env, char out[80]);
/* false when the text has our form and its checksum is wrong: refused without a look-up. */
bool keystore_key_plausible(struct str key);

#endif
