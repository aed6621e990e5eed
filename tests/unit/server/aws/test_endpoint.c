#include "server/aws/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_aws_by_partition_and_variant(void **state)
{
    (void)state;
    static const struct {
        const char *service, *region;
        bool fips, dualstack;
        const char *host;
    } rows[] = {
        {"dynamodb", "eu-west-1", false, false, "dynamodb.eu-west-1.amazonaws.com"},
        {"dynamodb", "us-east-1", true, false, "dynamodb-fips.us-east-1.amazonaws.com"},
        {"dynamodb", "us-east-1", false, true, "dynamodb.us-east-1.api.aws"},
        {"dynamodb", "us-east-1", true, true, "dynamodb-fips.us-east-1.api.aws"},
        {"dynamodb", "us-gov-west-1", false, false, "dynamodb.us-gov-west-1.amazonaws.com"},
        {"dynamodb", "cn-north-1", false, false, "dynamodb.cn-north-1.amazonaws.com.cn"},
        {"dynamodb", "cn-north-1", false, true, "dynamodb.cn-north-1.api.amazonwebservices.com.cn"},
        {"bedrock-runtime", "eusc-de-east-1", false, false,
         "bedrock-runtime.eusc-de-east-1.amazonaws.eu"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct endpoint e;
        endpoint_aws(rows[i].service, rows[i].region, rows[i].fips, rows[i].dualstack, &e);
        assert_string_equal(e.host, rows[i].host);
        assert_true(strncmp(e.base, "https://", 8) == 0 && strcmp(e.base + 8, e.host) == 0);
        assert_true(e.path[0] == '\0' && !e.plain_http);
    }
}

static void test_given_is_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *base, *host, *path;
        bool plain;
    } rows[] = {
        {"http://127.0.0.1:8001", "http://127.0.0.1:8001", "127.0.0.1:8001", "", true},
        {"http://LocalHost:80/", "http://localhost", "localhost", "", true},
        {"https://vpce-1.example:443/a/b/", "https://vpce-1.example", "vpce-1.example", "/a/b",
         false},
        {"HTTPS://x.example:444", "https://x.example:444", "x.example:444", "", false},
        {"http://[::1]:8001/p", "http://[::1]:8001", "[::1]:8001", "/p", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct endpoint e;
        struct err err;
        assert_int_equal(endpoint_given(text_from(rows[i].url), "X", &e, &err), STATUS_OK);
        assert_string_equal(e.base, rows[i].base);
        assert_string_equal(e.host, rows[i].host);
        assert_string_equal(e.path, rows[i].path);
        assert_int_equal(e.plain_http, rows[i].plain);
    }
}

static void test_given_unusable_names_the_setting(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "ftp://x", "http://", "https:///path"};
    char endless[800] = "https://";
    memset(endless + 8, 'a', sizeof endless - 9);
    endless[sizeof endless - 1] = '\0';
    struct endpoint e;
    struct err err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (endpoint_given(text_from(rows[i]), "A_SETTING", &e, &err) != STATUS_INVALID) {
            fail_msg("\"%s\" was taken", rows[i]);
        }
        assert_non_null(strstr(err.text, "A_SETTING"));
    }
    assert_int_equal(endpoint_given(text_from(endless), "A_SETTING", &e, &err), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aws_by_partition_and_variant),
        cmocka_unit_test(test_given_is_taken_apart),
        cmocka_unit_test(test_given_unusable_names_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
