#include "server/platform/cpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_from_v2_lines_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        uint32_t cpus;
    } rows[] = {
        {"no limit", "max 100000\n", 0},
        {"one", "100000 100000\n", 1},
        {"one and a half", "150000 100000\n", 2},
        {"a tenth", "10000 100000\n", 1},
        {"no newline", "200000 100000", 2},
        {"empty", "", 0},
        {"one number", "100000\n", 0},
        {"zero period", "100000 0\n", 0},
        {"letters", "12a 100\n", 0},
        {"huge", "18446744073709551615 1\n", UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t got = cpus_from_v2(text_from(rows[i].text));
        if (got != rows[i].cpus) {
            fail_msg("row \"%s\": %u", rows[i].name, got);
        }
    }
}

static void test_from_v1_minus_one_is_no_limit(void **state)
{
    (void)state;
    assert_int_equal(cpus_from_v1(STR("-1\n"), STR("100000\n")), 0);
    assert_int_equal(cpus_from_v1(STR("250000\n"), STR("100000\n")), 3);
}

static void test_workers_count_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t configured;
        uint32_t affinity, quota, most, workers;
    } rows[] = {
        {"affinity alone", 0, 8, 0, 32, 8},        {"quota below", 0, 64, 3, 32, 3},
        {"quota above", 0, 4, 9, 32, 4},           {"never one", 0, 1, 0, 32, 2},
        {"one by quota", 0, 128, 1, 32, 2},        {"WORKERS wins", 5, 2, 1, 32, 5},
        {"WORKERS may be one", 1, 8, 0, 32, 1},    {"room", 0, 128, 0, 32, 32},
        {"WORKERS beyond room", 64, 8, 0, 32, 32},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t got =
            cpus_workers(rows[i].configured, rows[i].affinity, rows[i].quota, rows[i].most);
        if (got != rows[i].workers) {
            fail_msg("row \"%s\": %u", rows[i].name, got);
        }
    }
}

static void put_file(const char *root, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(path, 0700);
        *p = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void remove_tree(const char *root)
{
    static const char *const names[] = {"v2/a/b/cpu.max",
                                        "v2/a/b",
                                        "v2/a/cpu.max",
                                        "v2/a",
                                        "v2/cpu.max",
                                        "v2",
                                        "v1/cpu/g/cpu.cfs_quota_us",
                                        "v1/cpu/g/cpu.cfs_period_us",
                                        "v1/cpu/g",
                                        "v1/cpu",
                                        "v1"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        assert_int_equal(remove(path), 0);
    }
    rmdir(root);
}

static void test_quota_of_groups_is_the_least_on_the_way_up(void **state)
{
    (void)state;
    char root[] = "/tmp/test_cpus.XXXXXX", v2[64], v1[64];
    assert_non_null(mkdtemp(root));
    snprintf(v2, sizeof v2, "%s/v2", root);
    snprintf(v1, sizeof v1, "%s/v1", root);
    put_file(root, "v2/cpu.max", "max 100000\n");
    put_file(root, "v2/a/cpu.max", "300000 100000\n");
    put_file(root, "v2/a/b/cpu.max", "800000 100000\n");
    put_file(root, "v1/cpu/g/cpu.cfs_quota_us", "150000\n");
    put_file(root, "v1/cpu/g/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cpus_quota(v2, STR("0::/a/b\n")), 3);
    assert_int_equal(cpus_quota(v2, STR("0::/\n")), 0);
    assert_int_equal(cpus_quota(v1, STR("9:name=systemd:/x\n4:cpuacct,cpu:/g\n0::/g\n")), 2);
    assert_int_equal(cpus_quota(v1, STR("4:cpuset:/g\n")), 0);
    put_file(root, "v2/cpu.max",
             "100000 100000\n"); /* inside a container the root is our own group */
    assert_int_equal(cpus_quota(v2, STR("0::/a/b\n")), 1);
    assert_int_equal(cpus_quota(v2, STR("0::/not/mounted/here\n")), 1);
    remove_tree(root);
}

static void test_workers_here_is_at_least_two(void **state)
{
    (void)state;
    uint32_t n = cpus_workers_here(0, 32);
    assert_in_range(n, 2, 32);
    assert_int_equal(cpus_workers_here(7, 32), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_v2_lines_as_listed),
        cmocka_unit_test(test_from_v1_minus_one_is_no_limit),
        cmocka_unit_test(test_workers_count_as_listed),
        cmocka_unit_test(test_quota_of_groups_is_the_least_on_the_way_up),
        cmocka_unit_test(test_workers_here_is_at_least_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
