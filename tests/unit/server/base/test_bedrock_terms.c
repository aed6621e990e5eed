#include "server/base/bedrock_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define ARN(kind) "arn:aws:bedrock:us-east-1:123456789012:" kind "/"

/* Rows of service-2.json's patterns (botocore 1.44.8), and what comes near them. */
static void test_guardrail_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id, *version; /* id NULL: refused */
        bool async;
    } rows[] = {
        {"gr4bcdefghij:1", "gr4bcdefghij", "1", false},
        {"gr:DRAFT", "gr", "DRAFT", false},
        {"gr:12345678", "gr", "12345678", false},
        {"gr:7:async", "gr", "7", true},
        {ARN("guardrail") "ab12:3", ARN("guardrail") "ab12", "3", false},
        {ARN("guardrail") "ab12:DRAFT:async", ARN("guardrail") "ab12", "DRAFT", true},
        {"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/x:1",
         "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/x", "1", false},
        {"", NULL, NULL, false},
        {"gr", NULL, NULL, false},
        {"gr:", NULL, NULL, false},
        {":1", NULL, NULL, false},
        {"gr:0", NULL, NULL, false},
        {"gr:01", NULL, NULL, false},
        {"gr:123456789", NULL, NULL, false},
        {"gr:draft", NULL, NULL, false},
        {"gr:async", NULL, NULL, false},
        {"gr:1:sync", NULL, NULL, false},
        {"gr:1:async:async", NULL, NULL, false},
        {"GR:1", NULL, NULL, false},
        {"g-r:1", NULL, NULL, false},
        {"g\r:1", NULL, NULL, false},
        {ARN("guardrail") ":1", NULL, NULL, false},
        {ARN("project") "ab12:1", NULL, NULL, false},
        {"arn:aws:bedrock:us-east-1:12345678901:guardrail/x:1", NULL, NULL, false},
        {"arn:aws:s3:us-east-1:123456789012:guardrail/x:1", NULL, NULL, false},
        {"arn:aws:bedrock::123456789012:guardrail/x:1", NULL, NULL, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bedrock_terms_guardrail g;
        bool good = bedrock_terms_guardrail(text_from(rows[i].text), &g);
        if (good != (rows[i].id != NULL) ||
            (good &&
             (!text_eq(g.id, text_from(rows[i].id)) ||
              !text_eq(g.version, text_from(rows[i].version)) || g.async != rows[i].async)) ||
            (!good && (g.id.n || g.version.n || g.async))) {
            fail_msg("%s: %d", rows[i].text, good);
        }
    }
}

static void test_project_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"proj_abcdefghijklmnopqrst", true},
        {"default", true},
        {"A-b_9", true},
        {ARN("project") "proj_1-X", true},
        {"arn:aws-eusc:bedrock:eusc-de-east-1:123456789012:project/p", true},
        {"", false},
        {"a b", false},
        {"a\"b", false},
        {ARN("project"), false},
        {ARN("guardrail") "x", false},
        {"arn:gcp:bedrock:us-east-1:123456789012:project/x", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (bedrock_terms_project(text_from(rows[i].text)) != rows[i].want) {
            fail_msg("%s", rows[i].text);
        }
    }
}

static void test_metadata_rows(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool good;
        unsigned want;
    } rows[] = {
        {"", true, 0},
        {"user", true, BEDROCK_TERMS_USER},
        {"user,key,request", true, BEDROCK_TERMS_USER | BEDROCK_TERMS_KEY | BEDROCK_TERMS_REQUEST},
        {"request , key", true, BEDROCK_TERMS_KEY | BEDROCK_TERMS_REQUEST},
        {"user,", true, BEDROCK_TERMS_USER},
        {"user,prompt", false, BEDROCK_TERMS_USER},
        {",user", false, 0},
        {"on", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned got;
        if (bedrock_terms_metadata(text_from(rows[i].list), &got) != rows[i].good ||
            got != rows[i].want) {
            fail_msg("'%s': %u", rows[i].list, got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guardrail_rows),
        cmocka_unit_test(test_project_rows),
        cmocka_unit_test(test_metadata_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
