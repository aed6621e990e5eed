#include "master/supervise/cpus.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#define WORKERS_LEAST 2u
#define PATH_SIZE     4352 /* mount point and file name around a cgroup path of PATH_MAX */

static uint32_t rounded_up(uint64_t quota, uint64_t period)
{
    uint64_t cpus = quota / period + (quota % period != 0);
    return cpus > UINT32_MAX ? UINT32_MAX : (uint32_t)cpus;
}

static struct str line_of(struct str text)
{
    struct str line;
    return text_split(&text, '\n', &line) ? text_trim(line) : (struct str){NULL, 0};
}

uint32_t cpus_from_v1(struct str quota_us, struct str period_us)
{
    uint64_t quota, period;
    /* "-1" is no u64, so an unlimited group ends here too */
    if (!text_u64(line_of(quota_us), &quota) || !text_u64(line_of(period_us), &period) || !quota ||
        !period) {
        return 0;
    }
    return rounded_up(quota, period);
}

uint32_t cpus_from_v2(struct str cpu_max)
{
    struct str rest = line_of(cpu_max), quota, period;
    if (!text_split(&rest, ' ', &quota) || !text_split(&rest, ' ', &period)) {
        return 0;
    }
    return cpus_from_v1(quota, period);
}

static struct str read_small(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return (struct str){NULL, 0};
    }
    ssize_t n = read(fd, out, size);
    close(fd);
    return (struct str){out, n > 0 ? (size_t)n : 0};
}

static struct str read_control(const char *dir, struct str group, const char *name, char *out,
                               size_t size)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s%.*s/%s", dir, STR_ARG(group), name);
    return n < 0 || (size_t)n >= sizeof path ? (struct str){NULL, 0} : read_small(path, out, size);
}

static uint32_t quota_v2(const char *dir, struct str group)
{
    char text[64];
    return cpus_from_v2(read_control(dir, group, "cpu.max", text, sizeof text));
}

static uint32_t quota_v1(const char *dir, struct str group)
{
    char quota[64], period[64];
    return cpus_from_v1(read_control(dir, group, "cpu.cfs_quota_us", quota, sizeof quota),
                        read_control(dir, group, "cpu.cfs_period_us", period, sizeof period));
}

static uint32_t lesser(uint32_t a, uint32_t b) /* 0 means no limit */
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static struct str parent_of(struct str group)
{
    while (group.n && group.p[--group.n] != '/') {
    }
    return group;
}

/* A limit on any group above counts; the root is asked too, because inside a container it is our
 * own. */
static uint32_t quota_up(uint32_t (*quota)(const char *, struct str), const char *dir,
                         struct str group)
{
    uint32_t least = 0;
    if (text_eq(group, STR("/"))) {
        group.n = 0;
    }
    while (group.n) {
        least = lesser(least, quota(dir, group));
        group = parent_of(group);
    }
    return lesser(least, quota(dir, group));
}

static bool lists_cpu(struct str controllers)
{
    struct str name;
    while (text_split(&controllers, ',', &name)) {
        if (text_eq(name, STR("cpu"))) {
            return true;
        }
    }
    return false;
}

/* "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1), see cgroups(7) "/proc/[pid]/cgroup". */
static uint32_t quota_of_line(const char *root, struct str line)
{
    struct str number, controllers, group = line;
    char dir[PATH_SIZE / 2];
    if (!text_split(&group, ':', &number) || !text_split(&group, ':', &controllers)) {
        return 0;
    }
    if (!controllers.n) {
        return quota_up(quota_v2, root, group);
    }
    if (!lists_cpu(controllers)) {
        return 0;
    }
    snprintf(dir, sizeof dir, "%s/cpu",
             root); /* a link to cpu,cpuacct where both are mounted together */
    return quota_up(quota_v1, dir, group);
}

uint32_t cpus_quota(const char *root, struct str membership)
{
    uint32_t least = 0;
    struct str line;
    while (text_split(&membership, '\n', &line)) {
        least = lesser(least, quota_of_line(root, line));
    }
    return least;
}

uint32_t cpus_workers(int64_t configured, uint32_t affinity, uint32_t quota, uint32_t most)
{
    uint32_t n = configured > 0 ? (uint32_t)configured : lesser(affinity, quota);
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
    struct str groups = read_small("/proc/self/cgroup", membership, sizeof membership);
    return cpus_workers(configured, affinity, cpus_quota("/sys/fs/cgroup", groups), most);
}
