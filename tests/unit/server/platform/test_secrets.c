#include "server/platform/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "server/base/arena.h"

/* putenv: these bytes themselves are the environment, as those of execve are */
static char secret[] = "AWS_SECRET_ACCESS_KEY=hunter2", id[] = "AWS_ACCESS_KEY_ID=AKIAX";

static int put(void **state)
{
    (void)state;
    memcpy(secret, "AWS_SECRET_ACCESS_KEY=hunter2", sizeof secret);
    memcpy(id, "AWS_ACCESS_KEY_ID=AKIAX", sizeof id);
    putenv(secret);
    putenv(id);
    setenv("AWS_REGION", "us-west-2", 1);
    return 0;
}

static int take_away(void **state)
{
    (void)state;
    secrets_forget();
    secrets_close();
    return 0;
}

static void lock_away(void)
{
    struct err err;
    assert_int_equal(secrets_lock_away(&err), STATUS_OK);
}

static void test_lock_away_leaves_neither_names_nor_bytes(void **state)
{
    (void)state;
    lock_away();
    assert_null(getenv("AWS_SECRET_ACCESS_KEY"));
    assert_null(getenv("AWS_ACCESS_KEY_ID"));
    assert_memory_equal(secret + 22, "\0\0\0\0\0\0\0", 7);
    assert_memory_equal(id + 18, "\0\0\0\0\0", 5);
    assert_string_equal(getenv("AWS_REGION"), "us-west-2"); /* no secret */
}

static void test_bring_back_gives_all_and_again(void **state)
{
    (void)state;
    lock_away();
    for (int i = 0; i < 3; i++) { /* as many reloads */
        secrets_bring_back(SECRETS_ALL);
        assert_string_equal(getenv("AWS_SECRET_ACCESS_KEY"), "hunter2");
        assert_string_equal(getenv("AWS_ACCESS_KEY_ID"), "AKIAX");
        lock_away();
        assert_null(getenv("AWS_SECRET_ACCESS_KEY"));
    }
}

static void test_bring_back_of_credentials_leaves_the_settings(void **state)
{
    (void)state;
    setenv("MASTER_API_KEY", "correct-horse", 1);
    setenv("AWS_BEARER_TOKEN_BEDROCK", "bearer", 1);
    lock_away();
    secrets_bring_back(SECRETS_CREDENTIALS);
    assert_string_equal(getenv("AWS_SECRET_ACCESS_KEY"), "hunter2");
    assert_null(getenv("MASTER_API_KEY"));
    assert_null(getenv("AWS_BEARER_TOKEN_BEDROCK"));
}

static void test_forget_keeps_what_is_locked_away(void **state)
{
    (void)state;
    lock_away();
    secrets_bring_back(SECRETS_ALL);
    setenv("AWS_SECRET_ACCESS_KEY", "of a refused .env", 1);
    secrets_forget();
    assert_null(getenv("AWS_SECRET_ACCESS_KEY"));
    secrets_bring_back(SECRETS_ALL);
    assert_string_equal(getenv("AWS_SECRET_ACCESS_KEY"), "hunter2");
}

static void test_close_ends_it(void **state)
{
    (void)state;
    lock_away();
    secrets_close();
    secrets_bring_back(SECRETS_ALL);
    assert_null(getenv("AWS_SECRET_ACCESS_KEY"));
    assert_null(secrets_entry("AWS_SECRET_ACCESS_KEY="));
}

static void test_entry_by_name(void **state)
{
    (void)state;
    lock_away();
    char *whole = secrets_entry("AWS_SECRET_ACCESS_KEY=whatever");
    assert_string_equal(whole, "AWS_SECRET_ACCESS_KEY=hunter2");
    heap_drop(whole);
    assert_null(secrets_entry("MASTER_API_KEY=")); /* has none */
    assert_null(secrets_entry("PATH=/bin"));
    assert_null(secrets_entry("AWS_SECRET_ACCESS_KEY")); /* no entry */
    assert_true(secrets_is("MASTER_API_KEY="));
    assert_false(secrets_is("MASTER_API_KEYS="));
    assert_false(secrets_is("AWS_SECRET_ACCESS_KEY"));
}

static void test_blank_values_are_none(void **state)
{
    (void)state;
    secrets_forget();
    setenv("AWS_SESSION_TOKEN", " ", 1);
    lock_away();
    assert_null(secrets_entry("AWS_SESSION_TOKEN="));
    secrets_bring_back(SECRETS_ALL);
    assert_null(getenv("AWS_SESSION_TOKEN"));
}

/* The descriptor that a child inherits cannot be used to change what the next one gets. */
static void test_lock_away_seals(void **state)
{
    (void)state;
    char path[64], target[64];
    bool found = false;
    lock_away();
    for (int fd = 3; fd < 64 && !found; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strncmp(target, "/memfd:settings", 15) == 0) {
            found = true;
            assert_int_equal(write(fd, "x", 1), -1);
            assert_int_equal(ftruncate(fd, 0), -1);
            assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        }
    }
    assert_true(found);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, put, take_away)
    const struct CMUnitTest tests[] = {
        CASE(test_lock_away_leaves_neither_names_nor_bytes),
        CASE(test_bring_back_gives_all_and_again),
        CASE(test_bring_back_of_credentials_leaves_the_settings),
        CASE(test_forget_keeps_what_is_locked_away),
        CASE(test_close_ends_it),
        CASE(test_entry_by_name),
        CASE(test_blank_values_are_none),
        CASE(test_lock_away_seals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
