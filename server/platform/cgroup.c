#include "server/platform/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_SIZE 4352 /* mount point and file name around a cgroup path of PATH_MAX */

struct str cgroup_line(struct str text)
{
    struct str line;
    return text_split(&text, '\n', &line) ? text_trim(line) : (struct str){NULL, 0};
}

uint64_t cgroup_lesser(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
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

struct str cgroup_membership(char *out, size_t size)
{
    return read_small("/proc/self/cgroup", out, size);
}

struct str cgroup_read(const char *dir, struct str group, const char *name, char *out, size_t size)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s%.*s/%s", dir, STR_ARG(group), name);
    return n < 0 || (size_t)n >= sizeof path ? (struct str){NULL, 0} : read_small(path, out, size);
}

static struct str parent_of(struct str group)
{
    while (group.n && group.p[--group.n] != '/') {
    }
    return group;
}

/* The root is asked too, because inside a container it is our own. */
static uint64_t least_up(uint64_t (*limit)(const char *, struct str), const char *dir,
                         struct str group)
{
    uint64_t least = 0;
    if (text_eq(group, STR("/"))) {
        group.n = 0;
    }
    while (group.n) {
        least = cgroup_lesser(least, limit(dir, group));
        group = parent_of(group);
    }
    return cgroup_lesser(least, limit(dir, group));
}

/* "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1), see cgroups(7) "/proc/[pid]/cgroup". */
static uint64_t least_of_line(const struct cgroup_limit *l, const char *root, struct str line)
{
    struct str number, controllers, group = line;
    char dir[PATH_SIZE / 2];
    if (!text_split(&group, ':', &number) || !text_split(&group, ':', &controllers)) {
        return 0;
    }
    if (!controllers.n) {
        return least_up(l->v2, root, group);
    }
    if (!text_list_has(controllers, text_from(l->controller))) {
        return 0;
    }
    /* a link where several are mounted together: cpu to cpu,cpuacct */
    snprintf(dir, sizeof dir, "%s/%s", root, l->controller);
    return least_up(l->v1, dir, group);
}

uint64_t cgroup_least(const struct cgroup_limit *l, const char *root, struct str membership)
{
    uint64_t least = 0;
    struct str line;
    while (text_split(&membership, '\n', &line)) {
        least = cgroup_lesser(least, least_of_line(l, root, line));
    }
    return least;
}
