/* What a batch of usage rows does to the budgets of their keys: each key is read once and written once,
 * not once a row. */
#include "shm/sqlite/keystore_sqlite_private.h"

#include <string.h>

/* The batch may be one of many keys: then all go out, and room is made. */
static enum status find(struct store *k, struct keystore_sqlite_tally *t, const char *id,
                        struct keystore_sqlite_spender **out, struct err *err)
{
    for (size_t i = t->n; i > 0; i--) {
        if (strcmp(t->spenders[i - 1].id, id) == 0) {
            *out = &t->spenders[i - 1];
            return STATUS_OK;
        }
    }
    enum status status = STATUS_OK;
    if (t->n == COUNT_OF(t->spenders)) {
        status = keystore_sqlite_tally_store(k, t, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct keystore_sqlite_spender *s = &t->spenders[t->n];
    *s = (struct keystore_sqlite_spender){.id = id};
    status = keystore_sqlite_budget_read(k, id, &s->budget, &s->found, err);
    if (status == STATUS_OK) {
        t->n++;
        *out = s;
    }
    return status;
}

/* A month's history and a key that stops or goes on are written at once: in the budget there is room
 * for one of them. The key's row may be gone by now: then there is no budget. */
enum status keystore_sqlite_tally_add(struct store *k, struct keystore_sqlite_tally *t,
                                      const struct keystore_usage *u, struct err *err)
{
    struct keystore_sqlite_spender *s;
    enum status status = find(k, t, u->id, &s, err);
    if (status != STATUS_OK || !s->found) {
        return status;
    }
    struct keystore_budget *b = &s->budget;
    bool was_active = b->active;
    keystore_budget_add(b, u->started_ms, u->started_ms + u->duration_ms, u->cost_micro);
    s->due = b->history_month[0] == '\0' && b->active == was_active;
    if (s->due) {
        return STATUS_OK;
    }
    b->history_micro = (b->history_micro + 5000) / 10000 * 10000; /* in cents (compat 3.2) */
    return keystore_sqlite_budget_write(k, u->id, b, was_active, err);
}

enum status keystore_sqlite_tally_store(struct store *k, struct keystore_sqlite_tally *t,
                                        struct err *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < t->n && status == STATUS_OK; i++) {
        const struct keystore_sqlite_spender *s = &t->spenders[i];
        if (s->due) {
            status = keystore_sqlite_budget_write(k, s->id, &s->budget, s->budget.active, err);
        }
    }
    t->n = 0;
    return status;
}
