/*
 * revoke_key.h - the subcommand revoke-key: a running server refuses the key within about a second.
 */
#ifndef MASTER_CLI_REVOKE_KEY_H
#define MASTER_CLI_REVOKE_KEY_H

#include "master/cli/commands.h"

int revoke_key_run(int argc, char **argv);
extern const struct commands_about revoke_key_about;

#endif
