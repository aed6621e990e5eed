#include "server/base/panic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *place; /* shared with the child */

static int set_up(void **state)
{
    (void)state;
    place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(place, 'x', 4096);
    return place == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return munmap(place, 4096);
}

/* A process whose assertion fails, with size bytes to say so; 0: none. Returns what ended it. */
static int fails(size_t size)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        panic_keep_at(size ? place : NULL, size);
        assert(pid != 0);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_assertion_text_outlives_the_process(void **state)
{
    (void)state;
    static const char file[] = "tests/unit/server/base/test_panic.c:";
    assert_int_equal(fails(88), SIGABRT);
    assert_memory_equal(place, file, strlen(file));
    assert_string_equal(place + strlen(place) - 10, ": pid != 0");
}

static void test_assertion_text_is_cut(void **state)
{
    (void)state;
    assert_int_equal(fails(8), SIGABRT);
    assert_memory_equal(place, "tests/u\0x", 9);
}

static void test_assertion_without_a_place_only_ends_the_process(void **state)
{
    (void)state;
    assert_int_equal(fails(0), SIGABRT);
    assert_int_equal(place[0], 'x');
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_assertion_text_outlives_the_process),
        CASE(test_assertion_text_is_cut),
        CASE(test_assertion_without_a_place_only_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
