#include "shm/journal/journal.h"

#include "shm/catalogue/tier.h"
#include "tests/unit/journal_stage.h"

/* In a process that is killed: one record open, one closed, of worker `slot`. */
static void run_and_die(uint32_t workers, uint32_t slot)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct journal j;
        if (journal_open(&j, path, workers, 64, &err) != STATUS_OK) {
            _exit(1);
        }
        journal_enter(&j, slot);
        struct journal_record *a = journal_begin_record(&j), *b = journal_begin_record(&j);
        snprintf(a->request_id, sizeof a->request_id, "open-%u", slot);
        snprintf(b->request_id, sizeof b->request_id, "closed-%u", slot);
        journal_open_record(&j, a);
        journal_open_record(&j, b);
        journal_close_record(&j, b);
        raise(SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void test_open_makes_a_private_file_and_its_directories(void **state)
{
    (void)state;
    struct journal j;
    struct stat st;
    snprintf(path, sizeof path, "%s/deep/er/usage.journal", directory);
    open_ok(&j, 2, 64);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_blocks * 512 >= st.st_size); /* nothing is left to a full disk */
    journal_drop(&j);
}

static void test_open_earlier_run_is_found_also_with_other_worker_counts(void **state)
{
    (void)state;
    static const struct {
        uint32_t then, slot, now;
    } rows[] = {{2, 2, 2}, {2, 1, 6}, {6, 6, 2}, {1, 1, 64}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct journal j;
        run_and_die(rows[i].then, rows[i].slot);
        open_ok(&j, rows[i].now, 64);
        if (j.header->blocks < rows[i].now || drain(&j) != 2 || drain(&j) != 0) {
            fail_msg("row %zu", i);
        }
        journal_enter(&j, rows[i].now); /* the last worker has a block of its own */
        journal_open_record(&j, journal_begin_record(&j));
        assert_int_equal(drain(&j), 1);
        journal_drop(&j);
        unlink(path);
    }
}

static void test_open_other_size_waits_until_the_old_records_are_gone(void **state)
{
    (void)state;
    struct journal j;
    run_and_die(2, 1);
    open_ok(&j, 2, 128);
    assert_int_equal(j.header->records, 64);
    assert_int_equal(drain(&j), 2);
    uint64_t flusher = j.header->flusher;
    journal_drop(&j);
    open_ok(&j, 2, 128);
    assert_int_equal(j.header->records, 128);
    assert_true(j.header->flusher != flusher); /* its sequence begins anew, so it is another */
    journal_drop(&j);
}

static void test_open_sequence_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct journal j;
    run_and_die(2, 1);
    open_ok(&j, 2, 64);
    uint64_t flusher = j.header->flusher;
    assert_int_equal(drain(&j), 2);
    journal_drop(&j);
    run_and_die(2, 1);
    open_ok(&j, 2, 64);
    struct journal_entry batch[8];
    journal_bury(&j, NULL);
    assert_int_equal(journal_collect(&j, batch, 8, true), 2);
    assert_int_equal(batch[0].copy.sequence, 3);
    assert_true(j.header->flusher == flusher);
    journal_drop(&j);
}

static void test_open_file_in_use_takes_the_next_of_the_family(void **state)
{
    (void)state;
    struct journal first, second, adopted;
    open_ok(&first, 2, 64);
    open_ok(&second, 2, 64);
    journal_enter(&second, 1);
    journal_open_record(&second, journal_begin_record(&second));
    assert_false(journal_adopt(&adopted, path, 0, &first));
    assert_false(journal_adopt(&adopted, path, 1, &first));
    assert_false(journal_adopt(&adopted, path, 2, &first)); /* there is none */
    journal_drop(&second);
    assert_true(journal_adopt(&adopted, path, 1, &first));
    assert_int_equal(drain(&adopted), 1);
    journal_finish(&adopted, path, 1);
    char name[160];
    snprintf(name, sizeof name, "%s.1", path);
    assert_int_equal(access(name, F_OK), -1);
    journal_drop(&first);
}

static void test_open_foreign_files_are_all_kept_aside(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "hello",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
        "2345678901234567890123456789012345678901234567890123456789",
        "third"};
    static const char *const asides[] = {".bad", ".bad.1", ".bad.2"};
    char aside[160], text[16] = "";
    for (size_t i = 0; i < 3; i++) {
        struct journal j;
        FILE *f = fopen(path, "w");
        fputs(contents[i], f);
        fclose(f);
        open_ok(&j, 2, 64);
        journal_drop(&j);
        unlink(path);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(aside, sizeof aside, "%s%s", path, asides[i]);
        FILE *f = fopen(aside, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, 5, f));
        fclose(f);
        assert_memory_equal(text, contents[i], 4);
    }
}

/* None of the hundred is overwritten, and the newest is not lost either: it stays where it is. */
static void test_open_foreign_file_without_a_name_left_is_memory(void **state)
{
    (void)state;
    struct journal j;
    char aside[160];
    for (int i = -1; i < 100; i++) {
        snprintf(aside, sizeof aside, i < 0 ? "%s" : i == 0 ? "%s.bad" : "%s.bad.%d", path, i);
        FILE *f = fopen(aside, "w");
        fprintf(f, "%d", i);
        fclose(f);
    }
    assert_int_equal(journal_open(&j, path, 2, 64, &err), STATUS_UNAVAILABLE);
    assert_true(journal_in_memory(&j));
    assert_non_null(strstr(err.text, "File exists"));
    journal_drop(&j);
    for (int i = -1; i < 100; i++) {
        char text[16] = "";
        snprintf(aside, sizeof aside, i < 0 ? "%s" : i == 0 ? "%s.bad" : "%s.bad.%d", path, i);
        FILE *f = fopen(aside, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        fclose(f);
        assert_int_equal(strtol(text, NULL, 10), i);
        unlink(aside);
    }
}

/* Any byte of the file may be anything: no crash, no endless loop, the records of the rest stay. */
static void test_open_damaged_records_are_kept_aside_not_believed(void **state)
{
    (void)state;
    struct journal j;
    struct stat st;
    char aside[160];
    run_and_die(2, 1);
    open_ok(&j, 2, 64);
    atomic_store(&j.records[0].state, 77);
    atomic_store(&j.blocks[1].high, UINT32_MAX);
    j.records[1].tier = 99;
    memset(j.records[1].model, 'x', sizeof j.records[1].model);
    journal_drop(&j);
    open_ok(&j, 2, 64);
    assert_int_equal(drain(&j), 0);
    journal_drop(&j);
    snprintf(aside, sizeof aside, "%s.damaged", path);
    assert_int_equal(stat(aside, &st), 0);
    assert_int_equal(st.st_size, 2 * sizeof(struct journal_record));
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* What the program before this one left: no checksums, and longer room for the error. */
static void test_open_version_one_is_read_and_sealed(void **state)
{
    (void)state;
    struct journal j;
    run_and_die(2, 1);
    open_ok(&j, 2, 64);
    j.header->version = 1;
    atomic_store(&j.blocks[0].high, 2); /* opening has found it, and may not find it again */
    for (int i = 0; i < 2; i++) {
        j.records[i].opened = j.records[i].closed = 0;
    }
    journal_drop(&j);
    open_ok(&j, 4, 64);
    assert_int_equal(j.header->version, JOURNAL_VERSION);
    assert_int_equal(drain(&j), 2);
    journal_drop(&j);
}

/* Version 2 had a price of four words and its tier apart. The second start finds one record that was
 * made new already: it is not read as an elder one again. */
static void test_open_version_two_gets_rates_once(void **state)
{
    (void)state;
    struct journal j;
    const uint64_t elder[4] = {3000000, 15000000, 300000, 3750000};
    run_and_die(2, 1);
    open_ok(&j, 2, 64);
    for (int start = 0; start < 2; start++) {
        j.header->version = 2;
        atomic_store(&j.blocks[0].high, 2);
        for (int i = start; i < 2; i++) {
            struct journal_record *r = &j.records[i];
            atomic_store(&r->state, JOURNAL_OPEN);
            r->tier = TIER_PRIORITY;
            memcpy(&r->rates, elder, sizeof elder);
            r->opened = journal_seal_elder(r);
        }
        journal_drop(&j);
        open_ok(&j, 2, 64);
        assert_int_equal(j.header->version, JOURNAL_VERSION);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(j.records[i].rates.input, 5250000);
            assert_int_equal(j.records[i].rates.write_1h, 10500000);
            assert_int_equal(j.records[i].rates.long_from, 0);
        }
    }
    journal_drop(&j);
}

static void test_open_impossible_place_is_memory_with_a_reason(void **state)
{
    (void)state;
    struct journal j;
    snprintf(path, sizeof path, "/proc/nowhere/usage.journal");
    assert_int_equal(journal_open(&j, path, 2, 64, &err), STATUS_UNAVAILABLE);
    assert_true(journal_in_memory(&j));
    assert_non_null(strstr(err.text, "No such file"));
    journal_enter(&j, 1);
    journal_open_record(&j, journal_begin_record(&j));
    assert_int_equal(drain(&j), 1);
    journal_drop(&j);
}

/* A file-size limit stands for a full disk. Returns what was before it. */
static struct rlimit fill_disk(void)
{
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){65536, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    return before;
}

static void test_open_full_disk_is_memory_with_a_reason(void **state)
{
    (void)state;
    struct journal j;
    struct rlimit before = fill_disk();
    enum status status = journal_open(&j, path, 2, 1024, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_true(journal_in_memory(&j));
    assert_int_equal(j.header->blocks, 2);
    assert_non_null(strstr(err.text, "File too large"));
    journal_drop(&j);
}

/* No room for the blocks of more workers: the old records stay where they are. */
static void test_open_full_disk_for_more_workers_keeps_the_file(void **state)
{
    (void)state;
    struct journal j;
    run_and_die(2, 1);
    struct rlimit before = fill_disk();
    enum status status = journal_open(&j, path, SEGMENT_WORKERS_MAX, 64, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_true(journal_in_memory(&j));
    journal_drop(&j);
    open_ok(&j, 2, 64);
    assert_int_equal(drain(&j), 2);
    journal_drop(&j);
}

/* It opens, locks and has a link, but its first page is mapped by nobody. */
static void test_open_unreadable_file_is_memory_with_a_reason(void **state)
{
    (void)state;
    struct journal j;
    assert_int_equal(journal_open(&j, "/proc/self/mem", 2, 64, &err), STATUS_UNAVAILABLE);
    assert_true(journal_in_memory(&j));
    assert_non_null(strstr(err.text, "Input/output error"));
    journal_drop(&j);
}

/* More than any address space. */
static void test_open_no_memory_for_records_is_an_error(void **state)
{
    (void)state;
    struct journal j;
    assert_int_equal(journal_open(&j, "", 65536, 1u << 31, &err), STATUS_INTERNAL);
    assert_null(j.header);
    journal_drop(&j);
}

static void test_path_setting_table(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "here/usage.journal"}, {"/x/y", "/x/y"}, {"memory", ""}};
    for (size_t i = 0; i < 3; i++) {
        struct config c = {.usage_journal = rows[i][0], .state_dir = "here"};
        char out[64];
        journal_path(&c, out, sizeof out);
        assert_string_equal(out, rows[i][1]);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_open_makes_a_private_file_and_its_directories),
        T(test_open_earlier_run_is_found_also_with_other_worker_counts),
        T(test_open_other_size_waits_until_the_old_records_are_gone),
        T(test_open_sequence_goes_on_after_a_restart),
        T(test_open_file_in_use_takes_the_next_of_the_family),
        T(test_open_foreign_files_are_all_kept_aside),
        T(test_open_foreign_file_without_a_name_left_is_memory),
        T(test_open_damaged_records_are_kept_aside_not_believed),
        T(test_open_version_one_is_read_and_sealed),
        T(test_open_version_two_gets_rates_once),
        T(test_open_impossible_place_is_memory_with_a_reason),
        T(test_open_full_disk_is_memory_with_a_reason),
        T(test_open_full_disk_for_more_workers_keeps_the_file),
        T(test_open_unreadable_file_is_memory_with_a_reason),
        T(test_open_no_memory_for_records_is_an_error),
        T(test_path_setting_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
