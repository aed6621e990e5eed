/*
 * check_store.h - what check-config --store says: which key store it is, whether it answers, and what
 * is in it. It makes no store and gives up after five seconds; a file of an older layout is brought up to
 * date, as every command does.
 */
#ifndef MASTER_CLI_CHECK_STORE_H
#define MASTER_CLI_CHECK_STORE_H

#include "server/config/config.h"

/* fn for each line. false: something of it cannot be read. */
bool check_store(const struct config *c, void (*fn)(void *ctx, const char *name, const char *value),
                 void *ctx);

#endif
