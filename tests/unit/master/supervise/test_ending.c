#include "master/supervise/ending.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>

#include "worker/exchange/exchange.h"

#define CODE(n) ((n) << 8) /* as waitpid has it */

static void test_describe_as_listed(void **state)
{
    (void)state;
    static const struct {
        struct scoreboard_end end;
        const char *text;
    } rows[] = {
        {{.status = CODE(1)}, "ended with code 1"},
        {{.status = SIGKILL}, "was killed by SIGKILL"},
        {{.status = SIGSEGV | 0x80}, "was killed by SIGSEGV"}, /* with a core */
        {{.status = SIGSEGV, .exchange = 1 + EXCHANGE_AUTH},
         "was killed by SIGSEGV; its last exchange was in AUTH"},
        {{.status = SIGABRT, .exchange = 1 + EXCHANGE_DONE, .panic = "a.c:1: x"},
         "was killed by SIGABRT; its last exchange was in DONE; a.c:1: x"},
        {{.status = SIGABRT, .panic = "a.c:1: x"}, "was killed by SIGABRT; a.c:1: x"},
        {{.status = SIGABRT, .exchange = 2 + EXCHANGE_DONE}, "was killed by SIGABRT"},
        {{.status = SIGABRT, .exchange = UINT32_MAX}, "was killed by SIGABRT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[ENDING_MAX];
        ending_describe(&rows[i].end, out);
        assert_string_equal(out, rows[i].text);
    }
}

static void test_describe_longest_text_fits(void **state)
{
    (void)state;
    char out[ENDING_MAX];
    struct scoreboard_end end = {.status = SIGVTALRM, .exchange = 1 + EXCHANGE_CONVERT};
    memset(end.panic, 'x', sizeof end.panic - 1);
    ending_describe(&end, out);
    assert_int_equal(out[strlen(out) - 1], 'x');
    assert_true(strlen(out) > sizeof end.panic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe_as_listed),
        cmocka_unit_test(test_describe_longest_text_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
