/*
 * setup_tables.h - the subcommand setup_tables: makes what the key store needs. What is there
 * already is left alone, so it may be run any number of times.
 */
#ifndef MASTER_CLI_SETUP_TABLES_H
#define MASTER_CLI_SETUP_TABLES_H

#include "master/cli/commands.h"

int setup_tables_run(int argc, char **argv);
extern const struct commands_about setup_tables_about;

#endif
