#include "shm/memory/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/bucket.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"
#include "shm/memory/scoreboard.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 3, 100, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* Runs fn in a child; the signal that ended it, or 0. */
static int signal_of(void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* not the sanitizer's report */
        fn();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_create_areas_lie_apart_on_pages(void **state)
{
    (void)state;
    const struct segment_header *h = seg.header;
    const uint64_t rows[][2] = {{0, sizeof *h},
                                {h->directory.at, h->directory.size},
                                {h->bucket.at, h->bucket.size},
                                {h->scoreboard.at, h->scoreboard.size},
                                {h->counters.at, h->counters.size},
                                {h->size, 0}};
    for (size_t i = 0; i + 1 < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rows[i][0] % 4096, 0);
        assert_true(rows[i][0] + rows[i][1] <= rows[i + 1][0]);
    }
    assert_true(bucket_slots(&seg) >= BUCKET_FIRST_KEY + 100);
    assert_true(seg.wake_refresher >= 0 && seg.wake_worker[2] >= 0 && seg.wake_worker[3] == -1);
}

static void test_create_memfd_is_sealed(void **state)
{
    (void)state;
    assert_int_equal(fcntl(seg.fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    assert_int_equal(ftruncate(seg.fd, 4096), -1);
    assert_int_equal(ftruncate(seg.fd, (off_t)seg.size * 2), -1);
}

static void attach_path(char *out, size_t size)
{
    snprintf(out, size, "/proc/%d/fd/%d", (int)getpid(), seg.fd);
}

static void test_attach_same_build_reads_what_is_written(void **state)
{
    (void)state;
    struct segment other;
    struct err err;
    char path[64];
    attach_path(path, sizeof path);
    assert_int_equal(segment_attach(&other, path, &err), STATUS_OK);
    scoreboard_load(&seg, 2, 77, 5);
    assert_int_equal(atomic_load(&other.scoreboard[2].connections), 77);
    assert_int_equal(other.header->epoch, seg.header->epoch);
    assert_null(other.signing);
    assert_null(other.keymiss);
    segment_drop(&other);
}

static struct segment attached;

static void write_attached(void)
{
    atomic_store(&attached.scoreboard[0].pid, 1);
}

static void test_attach_whatever_becomes_of_the_service(void **state)
{
    (void)state;
    static const enum segment_service rows[] = {SEGMENT_SERVES, SEGMENT_ENDS, SEGMENT_HANDED_OVER};
    struct segment other;
    struct err err;
    char path[64];
    attach_path(path, sizeof path);
    assert_int_equal(segment_service(&seg), SEGMENT_SERVES);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        segment_set_service(&seg, rows[i]);
        assert_int_equal(segment_attach(&other, path, &err), STATUS_OK);
        assert_int_equal(segment_service(&other), rows[i]);
        segment_drop(&other);
    }
}

static void test_attach_is_read_only(void **state)
{
    (void)state;
    struct err err;
    char path[64];
    attach_path(path, sizeof path);
    assert_int_equal(segment_attach(&attached, path, &err), STATUS_OK);
    assert_int_equal(signal_of(write_attached), SIGSEGV);
    segment_drop(&attached);
}

static void test_attach_wrong_header_is_refused(void **state)
{
    (void)state;
    const struct segment_header good = *seg.header;
    static const struct {
        const char *name;
        size_t at;
        uint64_t value;
        size_t size;
    } rows[] = {
        {"magic", offsetof(struct segment_header, magic), 1, 8},
        {"version", offsetof(struct segment_header, version), SEGMENT_VERSION + 1, 4},
        {"workers 0", offsetof(struct segment_header, workers), 0, 4},
        {"workers many", offsetof(struct segment_header, workers), 1000000, 4},
        {"size", offsetof(struct segment_header, size), 1ull << 40, 8},
        {"directory_at", offsetof(struct segment_header, directory.at), 1ull << 40, 8},
        {"directory_size", offsetof(struct segment_header, directory.size), UINT64_MAX, 8},
        {"bucket_at", offsetof(struct segment_header, bucket.at), UINT64_MAX, 8},
        {"counters_size", offsetof(struct segment_header, counters.size), 1ull << 50, 8},
        {"max_keys 0", offsetof(struct segment_header, max_keys), 0, 4},
        {"max_keys", offsetof(struct segment_header, max_keys), UINT32_MAX, 4},
        {"max_mappings", offsetof(struct segment_header, max_mappings), 1u << 30, 4},
    };
    char path[64];
    attach_path(path, sizeof path);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct segment other;
        struct err err;
        memcpy((char *)seg.header + rows[i].at, &rows[i].value, rows[i].size);
        if (segment_attach(&other, path, &err) != STATUS_INVALID) {
            fail_msg("%s was accepted", rows[i].name);
        }
        assert_null(other.header);
        *seg.header = good;
    }
}

static void test_attach_other_file_is_refused(void **state)
{
    (void)state;
    struct segment other;
    struct err err;
    assert_int_equal(segment_attach(&other, "/proc/self/status", &err), STATUS_INVALID);
    assert_int_equal(segment_attach(&other, "/nonexistent", &err), STATUS_NOT_FOUND);
}

static void write_directory(void)
{
    struct err err;
    if (segment_enter_worker(&seg, &err) == STATUS_OK) {
        directory_confirm(&seg, 1);
    }
}

static void write_header(void)
{
    struct err err;
    if (segment_enter_worker(&seg, &err) == STATUS_OK) {
        seg.header->max_keys = 1;
    }
}

/* What somebody would try who has taken the worker over. */
static void make_writable(void)
{
    struct err err;
    if (segment_enter_worker(&seg, &err) == STATUS_OK && seg.fd == -1 && seg.read_fd == -1 &&
        mprotect(seg.header, 4096, PROT_READ | PROT_WRITE) != 0 && errno == EACCES &&
        mprotect(seg.directory, 4096, PROT_READ | PROT_WRITE) != 0 && errno == EACCES) {
        raise(SIGUSR1);
    }
}

static void write_the_rest(void)
{
    struct err err;
    if (segment_enter_worker(&seg, &err) == STATUS_OK) {
        atomic_store(&seg.buckets[0].requests, 1);
        scoreboard_beat(&seg, 1, 1);
        counters_enter(&seg, 1);
        counters_add(COUNTER_REQUESTS, 1);
        directory_generation(&seg);
    }
}

static void test_enter_worker_protects_header_and_directory_only(void **state)
{
    (void)state;
    assert_int_equal(signal_of(write_directory), SIGSEGV);
    assert_int_equal(signal_of(write_header), SIGSEGV);
    assert_int_equal(signal_of(make_writable), SIGUSR1);
    assert_int_equal(signal_of(write_the_rest), 0);
    assert_int_equal(counters_sum(&seg, COUNTER_REQUESTS), 1);
}

static void test_create_secret_area_is_not_dumped(void **state)
{
    (void)state;
    char line[512], wanted[40];
    bool inside = false, dont_dump = false;
    snprintf(wanted, sizeof wanted, "%llx-", (unsigned long long)(uintptr_t)seg.signing);
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (strstr(line, wanted) == line) {
            inside = true;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            dont_dump = strstr(line, " dd") != NULL;
            break;
        }
    }
    fclose(f);
    assert_true(dont_dump);
}

/* What the refresher writes into the header is no sign of another build. */
static void test_attach_after_keys_have_come(void **state)
{
    struct segment made, seen;
    struct err err;
    char path[64];
    (void)state;
    assert_int_equal(segment_create(&made, 2, 64, &err), STATUS_OK);
    bucket_give(&made, BUCKET_FIRST_KEY + 3, 7);
    snprintf(path, sizeof path, "/proc/self/fd/%d", made.fd);
    assert_int_equal(segment_attach(&seen, path, &err), STATUS_OK);
    segment_drop(&seen);
    segment_drop(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach_after_keys_have_come),
        cmocka_unit_test_setup_teardown(test_create_areas_lie_apart_on_pages, make, drop),
        cmocka_unit_test_setup_teardown(test_create_memfd_is_sealed, make, drop),
        cmocka_unit_test_setup_teardown(test_attach_same_build_reads_what_is_written, make, drop),
        cmocka_unit_test_setup_teardown(test_attach_whatever_becomes_of_the_service, make, drop),
        cmocka_unit_test_setup_teardown(test_attach_is_read_only, make, drop),
        cmocka_unit_test_setup_teardown(test_attach_wrong_header_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_attach_other_file_is_refused, make, drop),
        cmocka_unit_test_setup_teardown(test_enter_worker_protects_header_and_directory_only, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_create_secret_area_is_not_dumped, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
