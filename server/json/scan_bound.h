/*
 * scan_bound.h - how many nodes the index of a text can have at most. Pure; scan.c alone asks.
 */
#ifndef SERVER_JSON_SCAN_BOUND_H
#define SERVER_JSON_SCAN_BOUND_H

#include "server/base/text.h"

/* text: shorter than 2^29 bytes, JSON or not. depth, values: see scan_limits. */
uint32_t scan_bound(struct str text, uint32_t depth, uint32_t values);

#endif
