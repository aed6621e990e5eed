#include "server/platform/cpus.h"

#include <sched.h>
#include <unistd.h>

#include "server/platform/cgroup.h"

#define WORKERS_LEAST 2u

static uint32_t rounded_up(uint64_t quota, uint64_t period)
{
    uint64_t cpus = quota / period + (quota % period != 0);
    return cpus > UINT32_MAX ? UINT32_MAX : (uint32_t)cpus;
}

uint32_t cpus_from_v1(struct str quota_us, struct str period_us)
{
    uint64_t quota, period;
    /* "-1" is no u64, so an unlimited group ends here too */
    if (!text_u64(cgroup_line(quota_us), &quota) || !text_u64(cgroup_line(period_us), &period) ||
        !quota || !period) {
        return 0;
    }
    return rounded_up(quota, period);
}

uint32_t cpus_from_v2(struct str cpu_max)
{
    struct str rest = cgroup_line(cpu_max), quota, period;
    if (!text_split(&rest, ' ', &quota) || !text_split(&rest, ' ', &period)) {
        return 0;
    }
    return cpus_from_v1(quota, period);
}

static uint64_t quota_v2(const char *dir, struct str group)
{
    char text[64];
    return cpus_from_v2(cgroup_read(dir, group, "cpu.max", text, sizeof text));
}

static uint64_t quota_v1(const char *dir, struct str group)
{
    char quota[64], period[64];
    return cpus_from_v1(cgroup_read(dir, group, "cpu.cfs_quota_us", quota, sizeof quota),
                        cgroup_read(dir, group, "cpu.cfs_period_us", period, sizeof period));
}

uint32_t cpus_quota(const char *root, struct str membership)
{
    static const struct cgroup_limit cpu = {"cpu", quota_v2, quota_v1};
    return (uint32_t)cgroup_least(&cpu, root, membership);
}

uint32_t cpus_workers(int64_t configured, uint32_t affinity, uint32_t quota, uint32_t most)
{
    uint32_t n = configured > 0 ? (uint32_t)configured : (uint32_t)cgroup_lesser(affinity, quota);
    if (configured <= 0 && n < WORKERS_LEAST) {
        n = WORKERS_LEAST;
    }
    return n > most ? most : n;
}

uint32_t cpus_workers_here(int64_t configured, uint32_t most)
{
    char membership[8192];
    cpu_set_t set;
    uint32_t affinity = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        affinity = (uint32_t)CPU_COUNT(&set);
    } else { /* more CPUs than the set holds */
        affinity = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    }
    struct str groups = cgroup_membership(membership, sizeof membership);
    return cpus_workers(configured, affinity, cpus_quota(CGROUP_ROOT, groups), most);
}
