#include "server/base/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_url_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool plain;
        const char *authority, *host, *port, *path; /* port NULL: none */
    } rows[] = {
        {"http://a", true, "a", "a", NULL, ""},
        {"https://a.b-c.example/x/y?z#w", false, "a.b-c.example", "a.b-c.example", NULL,
         "/x/y?z#w"},
        {"HTTP://Host:8000/", true, "Host:8000", "Host", "8000", "/"},
        {"hTTpS://[::1]:65535?x", false, "[::1]:65535", "::1", "65535", "?x"},
        {"http://[::ffff:127.0.0.1]#/", true, "[::ffff:127.0.0.1]", "::ffff:127.0.0.1", NULL, "#/"},
        {"http://my_host:1//", true, "my_host:1", "my_host", "1", "//"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url u;
        if (!url_cut(text_from(rows[i].text), &u)) {
            fail_msg("%s was refused", rows[i].text);
        }
        bool port = rows[i].port ? text_eq(u.port, text_from(rows[i].port)) : u.port.p == NULL;
        if (u.plain_http != rows[i].plain || !text_eq(u.authority, text_from(rows[i].authority)) ||
            !text_eq(u.host, text_from(rows[i].host)) || !port ||
            !text_eq(u.path, text_from(rows[i].path))) {
            fail_msg("%s gave %d '%.*s' '%.*s' '%.*s' '%.*s'", rows[i].text, u.plain_http,
                     STR_ARG(u.authority), STR_ARG(u.host), STR_ARG(u.port), STR_ARG(u.path));
        }
    }
}

static void test_url_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "a",
        "//a",
        "ftp://a",
        "httpx://a",
        "http:/a",
        "http:a",
        "http://",
        "https:///x",
        "http://?x",
        "http://:80",
        "http://a:",
        "http://a:0",
        "http://a:b",
        "http://a:1:2",
        "http://a:+1",
        "http://u@a",
        "http://u:p@a",
        "http://a b",
        "http://a%2e",
        "http://a\\b/",
        "http://[]",
        "http://[::1",
        "http://[::1]x",
        "http://[a]b@c/",
        "http://a:65536",
        "http://a:99999999999999999999",
        " http://a",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url u;
        if (url_cut(text_from(rows[i]), &u)) {
            fail_msg("'%s' was taken for a URL", rows[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_is_taken_apart),
        cmocka_unit_test(test_url_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
