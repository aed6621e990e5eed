/*
 * room.h - what each worker of this machine has room for: figures that follow from memory,
 * descriptors and the number of workers, and so are no settings. Master, at start and at reload.
 *
 *   memory        the least of: the machine's, the cgroup's and of every one above it (v2
 *                 memory.max, v1 memory.limit_in_bytes), ulimit -m (which Linux itself does not
 *                 heed: a way to say it where there is no cgroup)
 *   bodies        a quarter of it for all workers; a worker has room for one body at least
 *   connections   half of the descriptors, for each needs another one to Bedrock; and at most a
 *                 quarter of the memory, 32 KiB each
 *   pool          a sixteenth of the connections
 *   records       a thirty-second of the memory for all slots of the journal
 */
#ifndef MASTER_SUPERVISE_ROOM_H
#define MASTER_SUPERVISE_ROOM_H

#include "server/config/config.h"

/* By the text of /proc/self/cgroup, under the mount point root; 0: no limit. */
uint64_t room_memory_limit(const char *root, struct str membership);
/* memory in bytes. The four figures of *out that are the room; the facts stay. */
void room_divide(uint64_t memory, uint64_t descriptors, uint32_t workers,
                 struct config_bounds *out);
/* The same with this machine's figures; workers as cpus_workers_here says. */
void room_here(uint32_t workers, struct config_bounds *out);
/* For check-config: name and value of each, through fn. */
void room_report(const struct config_bounds *b,
                 void (*fn)(void *ctx, const char *name, const char *value), void *ctx);

#endif
