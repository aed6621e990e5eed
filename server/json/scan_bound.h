/*
 * scan_bound.h - how many nodes the index of a text can have at most. Pure; scan.c alone asks.
 */
#ifndef SERVER_JSON_SCAN_BOUND_H
#define SERVER_JSON_SCAN_BOUND_H

#include "server/json/scan.h"

/* text: shorter than 2^29 bytes, JSON or not. */
uint32_t scan_bound(struct str text, const struct scan_limits *limits);

#endif
