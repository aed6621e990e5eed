/*
 * audit_list.h - usage --audit: what was done by hand to the sums of keys, the oldest first. Subcommand.
 */
#ifndef MASTER_BILL_AUDIT_LIST_H
#define MASTER_BILL_AUDIT_LIST_H

#include "shm/store/keystore.h"

enum audit_list_form { AUDIT_LIST_TEXT, AUDIT_LIST_CSV, AUDIT_LIST_JSON };

/* Prints those from from_ms on and before to_ms. */
MUST_CHECK enum status audit_list_run(struct keystore *store, int64_t from_ms, int64_t to_ms,
                                      enum audit_list_form form, struct err *err);

#endif
