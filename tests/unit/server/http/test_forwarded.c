#include "server/http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_client_rows(void **state)
{
    (void)state;
    static const struct {
        const char *proxies, *peer, *first, *second; /* two headers */
        const char *want;
    } rows[] = {
        {"10.0.0.0/8", "10.0.0.9:555", "203.0.113.5", "", "203.0.113.5"},
        {"10.0.0.0/8", "10.0.0.9:555", "1.1.1.1, 203.0.113.5", "", "203.0.113.5"}, /* invented */
        {"10.0.0.0/8", "10.0.0.9:555", "203.0.113.5, 10.0.0.8", "", "203.0.113.5"},
        {"10.0.0.0/8", "10.0.0.9:555", "203.0.113.5", "10.0.0.8", "203.0.113.5"},
        {"10.0.0.0/8", "10.0.0.9:555", "1.1.1.1", "203.0.113.5", "203.0.113.5"},
        {"10.0.0.0/8", "10.0.0.9:555", "10.0.0.7, 10.0.0.8", "", "10.0.0.7"},
        {"10.0.0.0/8", "10.0.0.9:555", "1.1.1.1, unknown, 10.0.0.8", "", "10.0.0.8"},
        {"10.0.0.0/8", "10.0.0.9:555", "unknown", "", ""},
        {"10.0.0.0/8", "10.0.0.9:555", "", "", ""},
        {"10.0.0.0/8", "192.0.2.1:555", "203.0.113.5", "", ""}, /* not from a proxy */
        {"", "10.0.0.9:555", "203.0.113.5", "", ""},
        {"fd00::/8", "[fd00::9]:555", "2001:db8::5", "", "2001:db8::5"},
        {"10.0.0.0/8", "10.0.0.9:555", "203.0.113.5:4711", "", "203.0.113.5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_header h[] = {{STR("X-Forwarded-For"), text_from(rows[i].first)},
                                  {STR("accept"), STR("9.9.9.9")},
                                  {STR("x-forwarded-for"), text_from(rows[i].second)}};
        struct http_request r = {.headers = h, .header_count = 3};
        struct str got = forwarded_client(text_from(rows[i].proxies), text_from(rows[i].peer), &r);
        if (!text_eq(got, text_from(rows[i].want))) {
            fail_msg("row %zu: %.*s", i, STR_ARG(got));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_client_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
