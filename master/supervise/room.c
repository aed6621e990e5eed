#include "master/supervise/room.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/platform/cgroup.h"

#define MIB             (1024u * 1024u)
#define BODIES_LEAST    (32u * MIB) /* one of 25 MB, and the eighth that is for small ones */
#define BODIES_MOST     (1024u * MIB)
#define CONNECTION      (32u * 1024u)
#define DESCRIPTORS_OWN 64u /* log, store, sockets between processes ... */
#define LEAST           64u
#define MOST            65536u
#define POOL_LEAST      16u
#define POOL_MOST       1024u
#define RECORD          512u
#define RECORDS_LEAST   1024u
#define RECORDS_MOST    16384u              /* 8 MiB on the disk for each slot */
#define NO_LIMIT_V1     (UINT64_C(1) << 60) /* what v1 calls no limit is LONG_MAX, cut to pages */

/* --- how much memory ----------------------------------------------------------------------- */

static uint64_t bytes_of(struct str text)
{
    uint64_t n; /* "max" is none */
    return text_u64(cgroup_line(text), &n) && n < NO_LIMIT_V1 ? n : 0;
}

static uint64_t memory_v2(const char *dir, struct str group)
{
    char text[64];
    return bytes_of(cgroup_read(dir, group, "memory.max", text, sizeof text));
}

static uint64_t memory_v1(const char *dir, struct str group)
{
    char text[64];
    return bytes_of(cgroup_read(dir, group, "memory.limit_in_bytes", text, sizeof text));
}

uint64_t room_memory_limit(const char *root, struct str membership)
{
    static const struct cgroup_limit memory = {"memory", memory_v2, memory_v1};
    return cgroup_least(&memory, root, membership);
}

static uint64_t limit_of(int resource, bool hard)
{
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)resource, &r) != 0) {
        return 0; /* GCOVR_EXCL_LINE: both that are asked exist */
    }
    rlim_t n = hard ? r.rlim_max : r.rlim_cur;
    return n == RLIM_INFINITY ? 0 : (uint64_t)n;
}

static uint64_t memory_here(void)
{
    char membership[8192];
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t machine = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    struct str groups = cgroup_membership(membership, sizeof membership);
    return cgroup_lesser(cgroup_lesser(machine, room_memory_limit(CGROUP_ROOT, groups)),
                         limit_of(RLIMIT_RSS, false));
}

/* --- dividing ------------------------------------------------------------------------------ */

static uint64_t within(uint64_t n, uint64_t least, uint64_t most)
{
    return n < least ? least : n > most ? most : n;
}

void room_divide(uint64_t memory, uint64_t descriptors, uint32_t workers, struct config_bounds *out)
{
    uint64_t by_memory = memory / 4 / workers / CONNECTION;
    uint64_t by_descriptors =
        descriptors > DESCRIPTORS_OWN ? (descriptors - DESCRIPTORS_OWN) / 2 : 0;
    uint64_t n = within(by_memory < by_descriptors ? by_memory : by_descriptors, LEAST, MOST);
    /* twice the workers: those of a reload have slots of their own */
    uint64_t records = memory / 32 / (2 * (uint64_t)workers) / RECORD;
    out->bodies = (size_t)within(memory / 4 / workers, BODIES_LEAST, BODIES_MOST);
    out->connections = (uint32_t)n;
    out->pool = (uint32_t)within(n / 16, POOL_LEAST, POOL_MOST);
    out->records = (uint32_t)within(records, RECORDS_LEAST, RECORDS_MOST);
}

void room_here(uint32_t workers, struct config_bounds *out)
{
    uint64_t memory = memory_here(), files = limit_of(RLIMIT_NOFILE, true);
    /* neither known: as much as is good for anything */
    room_divide(memory ? memory : UINT64_MAX, files ? files : UINT64_MAX, workers, out);
}

void room_report(const struct config_bounds *b,
                 void (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"bytes of request bodies", b->bodies},
                {"connections of clients", b->connections},
                {"idle connections to Bedrock", b->pool},
                {"records of the usage journal", b->records}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char value[24];
        snprintf(value, sizeof value, "%" PRIu64, rows[i].value);
        fn(ctx, rows[i].name, value);
    }
}
