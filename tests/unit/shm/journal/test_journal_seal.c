#include "shm/journal/journal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "server/base/log.h"

static struct journal journal, w; /* as the refresher and as a worker have it */
static struct journal_entry batch[8];

static int make(void **state)
{
    struct err err;
    (void)state;
    clock_tick();
    log_level_set(LOG_OFF);
    if (journal_open(&journal, "", 1, 8, &err) != STATUS_OK) {
        return -1;
    }
    w = journal;
    journal_enter(&w, 1);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    journal_drop(&journal);
    return 0;
}

/* In a process that stops behind each instruction: whatever stands there is a good record. */
static void check_each_step(const struct rates *rates)
{
    static const struct str name = STR("us.amazon.nova-lite-v1:0");
    struct journal_record *r = journal_begin_record(&w);
    text_copy(STR("arn:aws:bedrock:us-west-2:1:default-prompt-router/a"), r->bedrock_model,
              sizeof r->bedrock_model);
    journal_open_record(&w, r);
    struct journal_record before = *r;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        if (rates) {
            journal_move_model(r, name, rates);
        } else {
            journal_rename_model(r, name);
        }
        _exit(0);
    }
    int status = 0;
    unsigned names = 0, steps = 0;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
        struct journal_record now = *r;
        names |= strcmp(now.bedrock_model, before.bedrock_model) == 0 ? 1u
                 : text_eq(text_from(now.bedrock_model), name)        ? 2u
                 : now.bedrock_model[0] == '\0'                       ? 4u
                                                                      : 8u;
        assert_true(journal_seal_is_good(&now, JOURNAL_OPEN));
        steps++;
        ptrace(PTRACE_SINGLESTEP, child, NULL, NULL);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(steps > 100);
    assert_int_equal(names, 1 | 2 | 4);
    assert_true(!rates || memcmp(&r->rates, rates, sizeof *rates) == 0);
    r->opened = before.opened; /* else it would be seen */
    assert_false(journal_seal_is_good(r, JOURNAL_OPEN));
}

static void test_rename_model_is_good_between_any_two_instructions(void **state)
{
    (void)state;
    check_each_step(NULL);
}

static void test_move_model_is_good_between_any_two_instructions(void **state)
{
    (void)state;
    check_each_step(&(struct rates){.input = 1, .output = 2, .cache_read = 3, .write_5m = 4});
}

/* Whatever its rates are. */
static void test_bury_half_moved_record_is_a_row_without_cost(void **state)
{
    (void)state;
    struct journal_record *r = journal_begin_record(&w);
    text_copy(STR("us.amazon.nova-lite-v1:0"), r->bedrock_model, sizeof r->bedrock_model);
    r->rates = (struct rates){.input = 5, .output = 6};
    journal_open_record(&w, r);
    r->closed = journal_seal_moved(r);
    r->rates.input = 0xdead;
    assert_int_equal(journal_bury(&journal, NULL), 1);
    assert_int_equal(journal_collect(&journal, batch, 256, true), 1);
    assert_string_equal(batch[0].copy.bedrock_model, "us.amazon.nova-lite-v1:0");
    assert_int_equal(batch[0].copy.cost_micro, 0);
}

/* Its worker died in the middle. */
static void test_bury_half_renamed_record_is_a_row(void **state)
{
    (void)state;
    struct journal_record *r = journal_begin_record(&w), renamed;
    journal_open_record(&w, r);
    uint32_t opened = r->opened;
    journal_rename_model(r, STR("amazon.nova-pro-v1:0"));
    renamed = *r;
    assert_int_not_equal(renamed.opened, opened);
    r->opened = opened;
    r->closed = journal_seal_unnamed(r);
    assert_int_equal(journal_bury(&journal, NULL), 1);
    assert_int_equal(journal_collect(&journal, batch, 256, true), 1);
    assert_string_equal(batch[0].copy.bedrock_model, "amazon.nova-pro-v1:0");
}

#define T(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_rename_model_is_good_between_any_two_instructions),
        T(test_move_model_is_good_between_any_two_instructions),
        T(test_bury_half_moved_record_is_a_row_without_cost),
        T(test_bury_half_renamed_record_is_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
