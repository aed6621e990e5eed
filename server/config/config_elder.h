/*
 * config_elder.h - variables of the earlier gateways that do nothing here, and why. Part of
 * config.h: an operator who brings an old environment along is told at the start, instead of
 * believing in a switch that is not connected.
 */
#ifndef SERVER_BASE_CONFIG_ELDER_H
#define SERVER_BASE_CONFIG_ELDER_H

#include "server/base/err.h"

/* A line for each that is set in this process's environment (.env has been read into it) to a value
 * that asks for something. Values are never shown. */
void config_elder_warnings(void (*fn)(void *ctx, const char *text), void *ctx);

#endif
