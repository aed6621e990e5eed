/*
 * update_key.h - the subcommand update-key: changes what a key may do, and nothing that is not
 * named. A running server acts on it within about a second; what the key has used of its limits
 * stays used.
 */
#ifndef MASTER_CLI_UPDATE_KEY_H
#define MASTER_CLI_UPDATE_KEY_H

#include "master/cli/commands.h"

int update_key_run(int argc, char **argv);
extern const struct commands_about update_key_about;

#endif
