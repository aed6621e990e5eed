/*
 * network.h - IP addresses and networks as text: "10.0.0.0/8", "fd00::/8", "192.0.2.7". Pure; any
 * process.
 */
#ifndef SERVER_CONFIG_NETWORK_H
#define SERVER_CONFIG_NETWORK_H

#include <stdbool.h>

#include "server/base/text.h"

/* The first piece of a comma-separated list that is no address or network; empty: all are. */
struct str network_odd(struct str list);
/* Is it an address, and in one of the networks of the list? An IPv4 address that came by an IPv6
 * socket (::ffff:192.0.2.7) is the IPv4 one. What is no network in the list holds nothing. */
bool network_holds(struct str list, struct str address);
/* The address in "192.0.2.7", "192.0.2.7:443", "[fd00::1]", "[fd00::1]:443", "fd00::1"; empty: it
 * is none. */
struct str network_address(struct str text);

#endif
