/*
 * create_key.h - the subcommand create-api-key: makes a key, stores it (its hash, unless --clear)
 * and prints it once. A running server knows it at its first use.
 */
#ifndef MASTER_CLI_CREATE_KEY_H
#define MASTER_CLI_CREATE_KEY_H

#include "master/cli/commands.h"
#include "server/base/text.h"

int create_key_run(int argc, char **argv);
extern const struct commands_about create_key_about;

/* What may be shown of a key: "sk-prod-4f7a...". */
void create_key_prefix(const char *key, char *out, size_t size);

#endif
