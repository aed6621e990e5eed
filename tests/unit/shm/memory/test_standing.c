#include "shm/memory/standing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 2, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static void test_read_gives_what_was_told_last(void **state)
{
    (void)state;
    struct standing now;
    standing_read(&seg, &now);
    assert_string_equal(now.store, "");
    standing_tell(&seg, &(struct standing){"dynamodb", "no table"});
    standing_tell(&seg, &(struct standing){"sqlite", ""});
    standing_read(&seg, &now);
    assert_string_equal(now.store, "sqlite");
    assert_string_equal(now.trouble, "");
    seg.standing = NULL; /* `top`, another program */
    standing_read(&seg, &now);
    assert_string_equal(now.store, "");
}

/* The same letter throughout, so that a text that is half old and half new shows. */
static void tell_for_ever(void)
{
    for (int i = 0;; i++) {
        struct standing now = {"sqlite", ""};
        memset(now.trouble, 'a' + i % 26, (size_t)(i % 200) + 1);
        standing_tell(&seg, &now);
    }
}

static void test_teller_killed_at_random_leaves_a_whole_text_or_none(void **state)
{
    (void)state;
    for (int round = 0; round < 30; round++) {
        struct standing now;
        pid_t pid = fork();
        if (pid == 0) {
            tell_for_ever();
        }
        for (int i = 0; i < 300; i++) {
            standing_read(&seg, &now);
            assert_int_equal(strspn(now.trouble, (char[]){now.trouble[0], '\0'}),
                             strlen(now.trouble));
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        standing_read(&seg, &now);
        assert_true(now.store[0] == '\0' || strcmp(now.store, "sqlite") == 0 ||
                    strcmp(now.store, "dynamodb") == 0);          /* killed before its first word */
        standing_tell(&seg, &(struct standing){"dynamodb", "x"}); /* a successor */
        standing_read(&seg, &now);
        assert_string_equal(now.store, "dynamodb");
    }
}

static void test_warning_table(void **state)
{
    (void)state;
    static const struct {
        const char *store, *environment;
        bool keys_required;
        uint32_t keys;
        bool warned;
    } rows[] = {
        {"sqlite", "production", true, 0, true},   {"sqlite", "prod", true, 0, true},
        {"sqlite", "production", true, 1, false},  {"sqlite", "production", false, 0, false},
        {"sqlite", "development", true, 0, false}, {"dynamodb", "production", true, 0, false},
        {"", "production", true, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.environment = rows[i].environment,
                           .require_api_key = rows[i].keys_required};
        struct standing now = {"", ""};
        snprintf(now.store, sizeof now.store, "%s", rows[i].store);
        if ((standing_warning(&now, &c, rows[i].keys) != NULL) != rows[i].warned) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_read_gives_what_was_told_last),
        T(test_teller_killed_at_random_leaves_a_whole_text_or_none),
        T(test_warning_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
