/*
 * reprice.h - `usage --reprice`: what the stored rows would cost at today's prices, and with --apply
 * their costs and the sums of their keys put right. Safe to repeat, to kill, and beside running
 * servers: keystore_bill.h.
 */
#ifndef MASTER_BILL_REPRICE_H
#define MASTER_BILL_REPRICE_H

#include "server/config/config.h"
#include "shm/store/keystore.h"

enum reprice_form { REPRICE_TEXT, REPRICE_CSV, REPRICE_JSON };

struct reprice_ask {
    const char *word; /* what the lines are of: "key", "user", "model", "day" */
    /* The line of a row. */
    void (*name)(void *ctx, const struct keystore_bill_row *row, char *out, size_t size);
    void *name_ctx;
    enum reprice_form form;
    int64_t from_ms, to_ms;
    bool apply;
};

/* Prints the difference, and writes when it is asked to. store is open. */
MUST_CHECK enum status reprice_run(const struct config *c, struct keystore *store,
                                   const struct reprice_ask *ask, struct err *err);

#endif
