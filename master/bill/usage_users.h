/*
 * usage_users.h - whose a usage row is, as people say it: rows have a key, keys have a user. Read
 * from the store once.
 */
#ifndef MASTER_BILL_USAGE_USERS_H
#define MASTER_BILL_USAGE_USERS_H

#include "shm/store/keystore.h"

struct usage_users {
    struct usage_user *rows; /* sorted by id */
    size_t n, room;
    bool out_of_memory;
};

/* To be freed whatever it returns. */
MUST_CHECK enum status usage_users_load(struct usage_users *u, struct keystore *store,
                                        struct err *err);
void usage_users_free(struct usage_users *u);
/* The user of a partition key; of "master" and "anonymous" these words; else USAGE_USERS_GONE. */
const char *usage_users_find(const struct usage_users *u, const char *id);
#define USAGE_USERS_GONE "(deleted keys)"

#endif
