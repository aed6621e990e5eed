#include "server/dynamo/dynamo_sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/clock.h"

static const struct creds_value value = {.access_key_id = "AKIDEXAMPLE",
                                         .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

static const char *find(const struct dynamo_sign_request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (strncmp(r->headers[i].line, name, strlen(name)) == 0) {
            return r->headers[i].line + strlen(name);
        }
    }
    return NULL;
}

/* The signature was made by npm @smithy/signature-v4 5.7.5 (applyChecksum: false) over
 * the same headers at 2026-01-15T12:00:00Z. */
static void test_make_signature_is_the_sdks(void **state)
{
    (void)state;
    struct config c = {.aws_region = "us-east-1", .dynamodb_endpoint_url = ""};
    struct dynamo_sign g;
    struct dynamo_sign_request r;
    struct err err;
    struct arena *arena = arena_new(65536);
    assert_int_equal(dynamo_sign_init(&g, &c, &err), STATUS_OK);
    dynamo_sign_take(&g, &value);
    assert_int_equal(dynamo_sign_make(&g, STR("GetItem"), STR("{\"TableName\":\"t\"}"),
                                      1768478400000, arena, &r, &err),
                     STATUS_OK);
    assert_string_equal(r.url, "https://dynamodb.us-east-1.amazonaws.com/");
    assert_string_equal(find(&r, "host: "), "dynamodb.us-east-1.amazonaws.com");
    assert_string_equal(find(&r, "x-amz-date: "), "20260115T120000Z");
    assert_string_equal(find(&r, "x-amz-target: "), "DynamoDB_20120810.GetItem");
    assert_null(find(&r, "x-amz-security-token: "));
    assert_string_equal(
        find(&r, "authorization: "),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260115/us-east-1/dynamodb/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
        "Signature=d2f02132c03e464d4ee87d46d1dd12e0f9607c2671b2058eca194447e38ef113");
    arena_drop(arena);
    dynamo_sign_free(&g);
    assert_false(g.has_value || g.value.secret[0]);
}

static void test_init_endpoint_by_setting(void **state)
{
    (void)state;
    static const struct {
        const char *region, *url;
        bool fips, dualstack;
        const char *base; /* NULL: INVALID */
    } rows[] = {
        {"eu-west-1", "", false, false, "https://dynamodb.eu-west-1.amazonaws.com"},
        {"", "", false, false, "https://dynamodb.us-east-1.amazonaws.com"},
        {"us-east-2", "", true, false, "https://dynamodb-fips.us-east-2.amazonaws.com"},
        {"us-gov-west-1", "", true, false, "https://dynamodb.us-gov-west-1.amazonaws.com"},
        {"us-gov-west-1", "", true, true, "https://dynamodb-fips.us-gov-west-1.api.aws"},
        {"cn-north-1", "", false, false, "https://dynamodb.cn-north-1.amazonaws.com.cn"},
        {"eu-west-1", "http://127.0.0.1:8001", true, true, "http://127.0.0.1:8001"},
        {"a.b", "", false, false, NULL},
        {"a/b", "", false, false, NULL},
        {"eu-west-1", "http://", false, false, NULL},
    };
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.aws_region = rows[i].region,
                           .dynamodb_endpoint_url = rows[i].url,
                           .use_fips = rows[i].fips,
                           .use_dualstack = rows[i].dualstack};
        struct dynamo_sign g;
        struct err err;
        enum status status = dynamo_sign_init(&g, &c, &err);
        if (status != (rows[i].base ? STATUS_OK : STATUS_INVALID) ||
            (rows[i].base && strcmp(g.endpoint.base, rows[i].base) != 0)) {
            fail_msg("row %zu: status %d, %s", i, (int)status, g.endpoint.base);
        }
        dynamo_sign_free(&g);
    }
}

static void test_make_path_skew_and_token(void **state)
{
    (void)state;
    struct config c = {.aws_region = "us-east-1", .dynamodb_endpoint_url = "http://h:1/prefix"};
    struct creds_value temporary = value;
    struct dynamo_sign g;
    struct dynamo_sign_request r;
    struct err err;
    struct arena *arena = arena_new(65536);
    text_copy(STR("token"), temporary.token, sizeof temporary.token);
    assert_int_equal(dynamo_sign_init(&g, &c, &err), STATUS_OK);
    dynamo_sign_take(&g, &temporary);
    g.skew_ms = 600000;
    assert_int_equal(dynamo_sign_make(&g, STR("Scan"), STR("{}"), 1768521300000, arena, &r, &err),
                     STATUS_OK);
    assert_string_equal(r.url, "http://h:1/prefix/");
    assert_string_equal(find(&r, "host: "), "h:1");
    assert_string_equal(find(&r, "x-amz-security-token: "), "token");
    assert_string_equal(find(&r, "x-amz-date: "), "20260116T000500Z"); /* past midnight for AWS */
    assert_non_null(strstr(find(&r, "authorization: "), "/20260116/us-east-1/"));
    arena_drop(arena);
    dynamo_sign_free(&g);
}

static void test_make_arena_used_up_is_an_error(void **state)
{
    (void)state;
    struct config c = {.aws_region = "us-east-1", .dynamodb_endpoint_url = ""};
    struct dynamo_sign g;
    struct dynamo_sign_request r;
    struct err err;
    assert_int_equal(dynamo_sign_init(&g, &c, &err), STATUS_OK);
    dynamo_sign_take(&g, &value);
    size_t failures = 0;
    for (size_t ceiling = 16; ceiling < 1024; ceiling += 16) {
        struct arena *arena = arena_new(ceiling);
        if (dynamo_sign_make(&g, STR("Scan"), STR("{}"), 0, arena, &r, &err) != STATUS_OK) {
            assert_int_equal(err.code, STATUS_UNAVAILABLE);
            failures++;
        }
        arena_drop(arena);
    }
    assert_true(failures > 5);
    dynamo_sign_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_signature_is_the_sdks),
        cmocka_unit_test(test_init_endpoint_by_setting),
        cmocka_unit_test(test_make_path_skew_and_token),
        cmocka_unit_test(test_make_arena_used_up_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
