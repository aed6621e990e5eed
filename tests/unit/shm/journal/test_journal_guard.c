#include "shm/journal/journal.h"

#include "tests/unit/journal_stage.h"

/* Opens one record before the cut and one after it, as a worker; 0: all went well. */
static int write_around_the_cut(off_t size)
{
    struct journal j;
    if (journal_open(&j, path, 2, 64, &err) != STATUS_OK) {
        return 1;
    }
    journal_enter(&j, 1);
    journal_guard(&j);
    struct journal_record *r = journal_begin_record(&j);
    journal_open_record(&j, r);
    uint64_t number = r->number;
    if (truncate(path, size) != 0) {
        return 2;
    }
    if (journal_holds(&j, r, number)) {
        return 3;
    }
    r = journal_begin_record(&j);
    journal_open_record(&j, r);
    return journal_close_record(&j, r) && drain(&j) == 1 ? 0 : 4;
}

static int end_of(int (*fn)(off_t size), off_t size)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        exit(fn(size));
    }
    waitpid(pid, &status, 0);
    return status;
}

static void test_cut_file_is_mended_by_who_touches_it(void **state)
{
    (void)state;
    static const off_t sizes[] = {0, 100, 4096, 8192 + 10}; /* the records begin at 12288 */
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct journal j;
        struct stat st;
        if (end_of(write_around_the_cut, sizes[i]) != 0) {
            fail_msg("cut to %lld", (long long)sizes[i]);
        }
        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size > 12288 && st.st_blocks * 512 >= st.st_size);
        open_ok(&j, 2, 64); /* a journal as before */
        assert_int_equal(drain(&j), 0);
        journal_drop(&j);
        unlink(path);
    }
}

static int touch_what_cannot_be_mended(off_t size)
{
    struct journal j;
    if (journal_open(&j, path, 2, 64, &err) != STATUS_OK) {
        return 1;
    }
    journal_enter(&j, 1);
    journal_guard(&j);
    struct rlimit small = {4096, 4096};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) != 0 || truncate(path, size) != 0 ||
        journal_mend(&j) != JOURNAL_CUT) {
        return 2;
    }
    return journal_begin_record(&j) ? 3 : 4;
}

/* No room on the disk any more: an end, not an endless loop. */
static void test_cut_file_that_cannot_be_mended_ends_the_process(void **state)
{
    (void)state;
    int status = end_of(touch_what_cannot_be_mended, 0);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS : WEXITSTATUS(status) == 1);
}

/* A log rotator's copytruncate: the copy has what waited for the store, and what still runs is not
 * in it twice. A copy alone has nothing that ours has not. */
static void test_adopt_copy_gives_only_what_ours_has_lost(void **state)
{
    (void)state;
    struct journal own, copy;
    char command[320];
    open_ok(&own, 2, 64);
    journal_enter(&own, 1);
    struct journal_record *a = journal_begin_record(&own), *b = journal_begin_record(&own);
    snprintf(a->request_id, sizeof a->request_id, "waits");
    journal_open_record(&own, a);
    journal_open_record(&own, b);
    journal_close_record(&own, a);
    snprintf(command, sizeof command, "%s.1", path);
    FILE *from = fopen(path, "r"), *to = fopen(command, "w");
    for (int c; (c = fgetc(from)) != EOF;) {
        fputc(c, to);
    }
    fclose(from);
    fclose(to);
    assert_false(journal_adopt(&copy, path, 1, &own));
    memset(own.header, 0, own.size);
    journal_open_record(&own, journal_begin_record(&own)); /* the worker settles again */
    assert_int_equal(drain(&own), 1);                      /* which it does: and a new head */
    assert_true(journal_adopt(&copy, path, 1, &own));
    struct journal_entry batch[8];
    assert_int_equal(journal_bury(&copy, NULL), 0);
    assert_int_equal(journal_collect(&copy, batch, 8, true), 1);
    assert_string_equal(batch[0].copy.request_id, "waits");
    journal_release(&batch[0]);
    journal_finish(&copy, path, 1);
    journal_drop(&own);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_cut_file_is_mended_by_who_touches_it),
        T(test_cut_file_that_cannot_be_mended_ends_the_process),
        T(test_adopt_copy_gives_only_what_ours_has_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
