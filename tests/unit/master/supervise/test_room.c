#include "master/supervise/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define GIB (UINT64_C(1) << 30)

static void test_divide_rows(void **state)
{
    static const struct {
        const char *name;
        uint64_t memory, descriptors;
        uint32_t workers;
        size_t bodies;
        uint32_t connections, pool, records;
    } rows[] = {
        {"a container of App Runner", 2 * GIB, 65536, 2, 256u << 20, 8192, 512, 16384},
        {"the smallest of ECS", GIB / 2, 65536, 2, 64u << 20, 2048, 128, 8192},
        {"few descriptors", 8 * GIB, 1024, 2, 1024u << 20, 480, 30, 16384},
        {"many workers", 8 * GIB, 1048576, 32, 64u << 20, 2048, 128, 8192},
        {"next to nothing", 1, 0, 32, 32u << 20, 64, 16, 1024},
        {"no limit is known", UINT64_MAX, UINT64_MAX, 2, 1024u << 20, 65536, 1024, 16384},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config_bounds b = {.body_bytes = 7};
        room_divide(rows[i].memory, rows[i].descriptors, rows[i].workers, &b);
        if (b.bodies != rows[i].bodies || b.connections != rows[i].connections ||
            b.pool != rows[i].pool || b.records != rows[i].records || b.body_bytes != 7) {
            fail_msg("%s: %zu %u %u %u", rows[i].name, b.bodies, b.connections, b.pool, b.records);
        }
    }
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The mount point of the test: a group in a group, of both kinds. */
static void test_memory_limit_is_the_least_of_all_groups(void **state)
{
    static const struct {
        const char *membership, *inner, *outer, *v1;
        uint64_t want;
    } rows[] = {
        {"0::/a/b\n", "max\n", "max\n", "", 0},
        {"0::/a/b\n", "1000\n", "max\n", "", 1000},
        {"0::/a/b\n", "3000\n", "2000\n", "", 2000},
        {"0::/a\n", "1000\n", "max\n", "", 0},
        {"3:cpu,cpuacct:/\n4:memory:/c\n", "5", "5", "4096\n", 4096},
        {"4:memory:/c\n", "5", "5", "9223372036854771712\n", 0}, /* what v1 calls no limit */
        {"4:cpu:/c\n", "5", "5", "4096\n", 0},
        {"nonsense", "5", "5", "4096\n", 0},
    };
    char root[] = "/tmp/test_room.XXXXXX", path[6][64];
    static const char *const below[] = {"/a", "/a/b", "/memory", "/memory/c"};
    (void)state;
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < 4; i++) {
        snprintf(path[i], sizeof path[i], "%s%s", root, below[i]);
        assert_int_equal(mkdir(path[i], 0700), 0);
    }
    char inner[96], outer[96], v1[96];
    snprintf(inner, sizeof inner, "%s/memory.max", path[1]);
    snprintf(outer, sizeof outer, "%s/memory.max", path[0]);
    snprintf(v1, sizeof v1, "%s/memory.limit_in_bytes", path[3]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(inner, rows[i].inner);
        put(outer, rows[i].outer);
        put(v1, rows[i].v1);
        uint64_t got = room_memory_limit(root, text_from(rows[i].membership));
        if (got != rows[i].want) {
            fail_msg("row %zu: %llu", i, (unsigned long long)got);
        }
    }
    unlink(inner);
    unlink(outer);
    unlink(v1);
    for (size_t i = 4; i-- > 0;) {
        rmdir(path[i]);
    }
    rmdir(root);
}

static void count(void *ctx, const char *name, const char *value)
{
    assert_true(name[0] && strtoull(value, NULL, 10) > 0);
    ++*(unsigned *)ctx;
}

/* ulimit -m says how much memory there is where nothing else does. */
static void test_here_heeds_the_limit_of_resident_memory(void **state)
{
    struct config_bounds wide = {0}, tight = {0};
    struct rlimit before, now;
    unsigned rows = 0;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_RSS, &before), 0);
    room_here(2, &wide);
    now = (struct rlimit){64u << 20, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_RSS, &now), 0);
    room_here(2, &tight);
    assert_int_equal(setrlimit(RLIMIT_RSS, &before), 0);
    assert_int_equal(tight.bodies, 32u << 20);
    assert_int_equal(tight.records, 1024);
    assert_true(wide.bodies >= tight.bodies && wide.connections >= tight.connections);
    room_report(&tight, count, &rows);
    assert_int_equal(rows, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_divide_rows),
        cmocka_unit_test(test_memory_limit_is_the_least_of_all_groups),
        cmocka_unit_test(test_here_heeds_the_limit_of_resident_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
