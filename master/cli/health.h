/*
 * health.h - `llm-api-converter health`: asks a running gateway for /health and exits 0 or 1. It is
 * the images' HEALTHCHECK: they have neither a shell nor curl. A process of its own; blocks.
 */
#ifndef MASTER_CLI_HEALTH_H
#define MASTER_CLI_HEALTH_H

#include "master/cli/commands.h"
#include "server/base/err.h"

int health_run(int argc, char **argv);
extern const struct commands_about health_about;

/* OK when url (http only) answers 200 in time. Else err says what it did instead. */
MUST_CHECK enum status health_ask(const char *url, int seconds, struct err *err);

#endif
