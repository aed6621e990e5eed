/*
 * keys.h - what the subcommands for API keys share, and list-keys. They write straight to the
 * store; a running server notices within about a second (the store's version).
 *
 * A key is printed once, by the command that made it, and nowhere else; it is never an argument
 * (arguments are visible to every user of the machine and stay in shell histories).
 */
#ifndef MASTER_CLI_KEYS_H
#define MASTER_CLI_KEYS_H

#include "master/cli/commands.h"
#include "server/config/config.h"
#include "server/base/err.h"
#include "server/json/json.h"
#include "shm/store/keystore.h"

#define KEYS_ID_SIZE 9 /* first 8 hex digits of the key's digest, as in log lines */

int keys_list(int argc, char **argv);
extern const struct commands_about keys_list_about;

MUST_CHECK enum status keys_open(const struct config *c, struct keystore **out, struct err *err);
/* The store failed: one line on stderr, exit code 1. */
int keys_failed(const char *command, struct err *err);
void keys_id(const struct keystore_row *row, char out[KEYS_ID_SIZE]);
/* One object, no newline. key: the clear key, only when it was just made; else NULL. */
void keys_print_json(const struct keystore_row *row, const char *key);
/* Dollars as a number. */
void keys_put_money(struct json_out *w, int64_t micro);

#endif
