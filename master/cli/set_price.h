/*
 * set_price.h - the subcommand set-price: the operator's own prices, which win over the built-in
 * list (shm/catalogue/prices.h).
 */
#ifndef MASTER_CLI_SET_PRICE_H
#define MASTER_CLI_SET_PRICE_H

#include "master/cli/commands.h"

int set_price_run(int argc, char **argv);
extern const struct commands_about set_price_about;

#endif
