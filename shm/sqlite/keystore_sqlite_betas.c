/* The operator's rules for anthropic-beta values in the embedded store. */
#include "shm/sqlite/keystore_sqlite_private.h"

#include "shm/store/beta_rule.h"

struct betas {
    bool (*fn)(void *ctx, const struct directory_beta *rule, bool whole);
    void *ctx;
};

static bool betas_row(void *ctx, sqlite3_stmt *st)
{
    const struct betas *b = ctx;
    struct directory_beta rule;
    struct err err;
    struct cJSON *values = json_parse(keystore_sqlite_db_text(st, 2), &err); /* NULL: no list */
    bool whole = beta_rule_row(&rule, keystore_sqlite_db_text(st, 0),
                               keystore_sqlite_db_text(st, 1), values, json_text);
    json_free(values);
    return b->fn(b->ctx, &rule, whole);
}

enum status keystore_sqlite_betas(struct keystore *base,
                                  bool (*fn)(void *ctx, const struct directory_beta *rule,
                                             bool whole),
                                  void *ctx, struct err *err)
{
    struct store *k = (struct store *)base;
    struct betas b = {fn, ctx};
    enum status status = keystore_sqlite_db_ready(k, err);
    return status == STATUS_OK
               ? keystore_sqlite_db_walk(k, k->statements[STATEMENT_BETAS], betas_row, &b, err)
               : status;
}
