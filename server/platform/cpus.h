/*
 * cpus.h - how many CPUs this process may really use: the affinity mask, and the CPU quota of its
 * cgroup and of every cgroup above it (v2 cpu.max, v1 cpu.cfs_quota_us). sysconf's answer is the
 * machine's: 64 workers in a container of one CPU. Read once at start and at reload by the master.
 */
#ifndef SERVER_PLATFORM_CPUS_H
#define SERVER_PLATFORM_CPUS_H

#include <stdint.h>

#include "server/base/text.h"

/* "max 100000" gives 0 (no limit), "150000 100000" gives 2: rounded up. Unreadable text: 0. */
uint32_t cpus_from_v2(struct str cpu_max);
/* The two files of cgroup v1; a quota of -1 is no limit. */
uint32_t cpus_from_v1(struct str quota_us, struct str period_us);
/* Least quota of all cgroups in `membership` (the text of /proc/self/cgroup) under the mount point
 * `root`
 * ("/sys/fs/cgroup"); 0: no limit. */
uint32_t cpus_quota(const char *root, struct str membership);

/* WORKERS if it is not 0, else min(affinity, quota), at least 2 so that one stuck process is not
 * all. */
uint32_t cpus_workers(int64_t configured, uint32_t affinity, uint32_t quota, uint32_t most);
/* The same with this machine's figures. */
uint32_t cpus_workers_here(int64_t configured, uint32_t most);

#endif
