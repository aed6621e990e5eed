/*
 * announce.h - what the master says when it starts: one line with everything an operator asks
 * first, and a warning for each weak or missing protection. No secret is ever part of it.
 */
#ifndef MASTER_SUPERVISE_ANNOUNCE_H
#define MASTER_SUPERVISE_ANNOUNCE_H

#include "server/config/config.h"

void announce_start(const struct config *c, const char *address, uint32_t workers);
/* Host of the Bedrock endpoint in use: the override, or the region's. */
void announce_upstream(const struct config *c, char *out, size_t size);

#endif
