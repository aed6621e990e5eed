/*
 * creds_probe.h - the one question about credentials that only the network answers: does this
 * machine have a role, told by EC2's instance metadata? Blocks; the refresher and the subcommands.
 */
#ifndef SERVER_AWS_CREDS_PROBE_H
#define SERVER_AWS_CREDS_PROBE_H

#include <stdbool.h>
#include <stdint.h>

/* True when instance metadata gives credentials within so many milliseconds. Not asked, and false,
 * with AWS_EC2_METADATA_DISABLED=true; false also when another source comes before it. */
bool creds_probe_instance(uint32_t ms);

#endif
