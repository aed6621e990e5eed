/*
 * key_options.h - the options that say what a key may do, for create-api-key and update-key: how
 * each is read into a row of the key store. Pure.
 */
#ifndef MASTER_CLI_KEY_OPTIONS_H
#define MASTER_CLI_KEY_OPTIONS_H

#include "shm/store/keystore.h"

enum key_option_kind {
    KEY_OPTION_TEXT,
    KEY_OPTION_COUNT, /* whole number */
    KEY_OPTION_MONEY, /* US dollars */
    KEY_OPTION_TIME   /* RFC 3339, or days from now */
};

struct key_option {
    const char *name; /* of the option, with '-' */
    enum key_option_kind kind;
    size_t offset, size; /* of the field in struct keystore_row */
    uint32_t edit;       /* KEYSTORE_EDIT bit; 0: never changes */
};

const struct key_option *key_options_find(const char *name); /* NULL: none has this name */
/* value into the field of *row. INVALID says what is needed. */
MUST_CHECK enum status key_options_read(const struct key_option *k, const char *value,
                                        int64_t now_ms, struct keystore_row *row, struct err *err);
/* "30d" from now, or an RFC 3339 time in the future. */
bool key_options_expiry(struct str s, int64_t now_ms, int64_t *seconds_out);

#endif
