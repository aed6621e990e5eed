/*
 * models_cli.h - `models`: shows the table of models in force, turns public tables into rows of it,
 * says what they would change. Needs no store and no network.
 */
#ifndef MASTER_MODELS_MODELS_CLI_H
#define MASTER_MODELS_MODELS_CLI_H

#include "master/cli/commands.h"

int models_cli_run(int argc, char **argv);
extern const struct commands_about models_cli_about;

#endif
