/*
 * key_find.h - which key a subcommand is about: its KEY-ID (the 8 hex digits that list-keys and the
 * log show, or more of the digest), the store's full id, or the key itself on standard input.
 */
#ifndef MASTER_CLI_KEY_FIND_H
#define MASTER_CLI_KEY_FIND_H

#include "master/cli/options.h"
#include "server/base/sha256.h"
#include "shm/store/keystore.h"

struct key_find {
    char digits[2 * SHA256_SIZE + 1]; /* of the digest's hex form: its beginning */
    struct keystore_row found;
    size_t matches;
};

/* INVALID: what is wrong with the argument. */
MUST_CHECK enum status key_find_read(const struct options *o, bool from_stdin, struct key_find *f,
                                     struct err *err);
/* NOT_FOUND; INVALID when more than one fits. Rows with clear keys are found by digest too. */
MUST_CHECK enum status key_find_run(struct keystore *store, struct key_find *f, struct err *err);

#endif
