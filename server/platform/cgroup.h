/*
 * cgroup.h - a limit of this process's cgroup, or of one above it, whichever is least: inside a
 * container the limit may be our own or an outer one's. Both kinds, see cgroups(7): v2 (one tree)
 * and v1 (a tree for each controller). Master, at start and at reload.
 */
#ifndef SERVER_PLATFORM_CGROUP_H
#define SERVER_PLATFORM_CGROUP_H

#include <stdint.h>

#include "server/base/text.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct cgroup_limit {
    const char *controller; /* v1: its name, and that of its mount point below the root */
    /* The limit of one group, whose files are in dir/group; 0: none. */
    uint64_t (*v2)(const char *dir, struct str group);
    uint64_t (*v1)(const char *dir, struct str group);
};

/* The text of /proc/self/cgroup, in out. */
struct str cgroup_membership(char *out, size_t size);
/* Of all groups in that text and those above them, under the mount point root; 0: no limit. */
uint64_t cgroup_least(const struct cgroup_limit *l, const char *root, struct str membership);
/* A file of a group; empty when it is not there. */
struct str cgroup_read(const char *dir, struct str group, const char *name, char *out, size_t size);
/* The first line, without blanks around it. */
struct str cgroup_line(struct str text);
uint64_t cgroup_lesser(uint64_t a, uint64_t b); /* 0 means no limit */

#endif
