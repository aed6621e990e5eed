/*
 * config_passed.h - what .env says of names that are no settings (AWS_PROFILE ...): put into the
 * process's environment, so that creds.c sees them, and taken out again before the file is read
 * anew. Master and subcommands, before fork.
 */
#ifndef SERVER_BASE_CONFIG_PASSED_H
#define SERVER_BASE_CONFIG_PASSED_H

#include "server/base/text.h"

/* Unless the name has a value there, or value is empty. false: out of memory. */
bool config_passed_on(struct str name, struct str value);
/* All of them leave the environment, bytes wiped. */
void config_passed_take_back(void);

#endif
