/*
 * top.h - the subcommand top: what a running server is doing, read from its shared memory, which
 * the master shows through STATE_DIR/top.sock (supervise/window.h), and root finds in
 * /proc/<pid>/fd. It maps read-only and cannot disturb; keys and prompts are not in there.
 */
#ifndef MASTER_CLI_TOP_H
#define MASTER_CLI_TOP_H

#include "master/cli/commands.h"

#include <stdint.h>
#include <stdio.h>

int top_run(int argc, char **argv);
extern const struct commands_about top_about;

/* "3d04h", "2h05m", "1m09s". */
void top_duration(uint64_t seconds, char out[24]);

#endif
