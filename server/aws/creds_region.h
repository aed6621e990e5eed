/*
 * creds_region.h - the region this machine is configured for, as the AWS tools see it. Reads the
 * environment and the shared files; any process.
 */
#ifndef SERVER_AWS_CREDS_REGION_H
#define SERVER_AWS_CREDS_REGION_H

#include <stdbool.h>
#include <stddef.h>

/* Region by AWS_REGION, AWS_DEFAULT_REGION, profile; false if none. Validated as a host label. */
bool creds_region(char *out, size_t size);

#endif
