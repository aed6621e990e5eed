#include "server/http/http_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_header_first_of_the_name_in_any_case(void **state)
{
    (void)state;
    struct http_header headers[] = {
        {STR("Host"), STR("x")}, {STR("Accept"), STR("a")}, {STR("accept"), STR("b")}};
    struct http_request r = {.headers = headers, .header_count = 3};
    struct str value = STR("before");
    assert_true(http_request_header(&r, STR("ACCEPT"), &value));
    assert_true(text_eq(value, STR("a")));
    assert_false(http_request_header(&r, STR("accep"), &value));
    assert_true(text_eq(value, STR("a"))); /* left alone */
}

static void test_header_of_a_request_without_headers_is_absent(void **state)
{
    (void)state;
    struct http_request r = {.path = STR("/")}; /* what is known of a refused head */
    struct str value;
    assert_false(http_request_header(&r, STR("host"), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_first_of_the_name_in_any_case),
        cmocka_unit_test(test_header_of_a_request_without_headers_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
