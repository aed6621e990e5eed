#include "server/config/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_holds_rows(void **state)
{
    (void)state;
    static const struct {
        const char *list, *address;
        bool want;
    } rows[] = {
        {"10.0.0.0/8", "10.255.1.2", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8, 192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"10.1.2.0/23", "10.1.3.255", true},
        {"10.1.2.0/23", "10.1.4.0", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "::1", false}, /* all of IPv4 is not all of IPv6 */
        {"::/0", "8.8.8.8", true},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"10.0.0.0/8", "::ffff:10.2.3.4", true},
        {"127.0.0.1", "localhost", false},
        {"10.0.0.0/8", "", false},
        {"", "10.0.0.1", false},
        {"nonsense,10.0.0.0/8", "10.0.0.1", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (network_holds(text_from(rows[i].list), text_from(rows[i].address)) != rows[i].want) {
            fail_msg("%s holds %s", rows[i].list, rows[i].address);
        }
    }
}

static void test_odd_rows(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"10.0.0.0/8, ::1,fd00::/128 ,1.2.3.4/0", ""},
        {"10.0.0.0/33", "10.0.0.0/33"},
        {"::/129", "::/129"},
        {"10.0.0.0/8,proxy", "proxy"},
        {"10.0.0/8", "10.0.0/8"},
        {"10.0.0.0/", "10.0.0.0/"},
        {"10.0.0.0/-1", "10.0.0.0/-1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str odd = network_odd(text_from(rows[i][0]));
        if (!text_eq(odd, text_from(rows[i][1]))) {
            fail_msg("%s: %.*s", rows[i][0], STR_ARG(odd));
        }
    }
}

static void test_address_rows(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"192.0.2.7", "192.0.2.7"},
        {" 192.0.2.7:443 ", "192.0.2.7"},
        {"[fd00::1]:443", "fd00::1"},
        {"[fd00::1]", "fd00::1"},
        {"fd00::1", "fd00::1"},
        {"unknown", ""},
        {"", ""},
        {"_hidden", ""},
        {"192.0.2.7.9", ""},
        {"[fd00::1", ""},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str got = network_address(text_from(rows[i][0]));
        if (!text_eq(got, text_from(rows[i][1]))) {
            fail_msg("%s: %.*s", rows[i][0], STR_ARG(got));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_rows),
        cmocka_unit_test(test_odd_rows),
        cmocka_unit_test(test_address_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
