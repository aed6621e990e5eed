#include "shm/refresher/inquiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define IN(region, model) \
    "{\"modelArn\":\"arn:aws:bedrock:" region "::foundation-model/" model "\"}"

/* The geography that the regions of its models tell. */
static void test_read_the_model_of_a_profile(void **state)
{
    static const struct {
        const char *body, *id; /* NULL: nothing */
    } rows[] = {
        {"{\"models\":[" IN("us-west-2", "anthropic.claude-x") "]}", "anthropic.claude-x"},
        {"{\"models\":[" IN("us-east-1", "anthropic.claude-x") "," IN("us-west-2",
                                                                      "anthropic.claude-x") "]}",
         "us.anthropic.claude-x"},
        {"{\"models\":[" IN("eu-west-1", "amazon.nova-pro-v1:0") "," IN(
             "eu-north-1", "amazon.nova-pro-v1:0") "," IN("eu-west-3", "amazon.nova-pro-v1:0") "]}",
         "eu.amazon.nova-pro-v1:0"},
        {"{\"models\":[" IN("", "anthropic.claude-x") "," IN("us-west-2",
                                                             "anthropic.claude-x") "]}",
         "global.anthropic.claude-x"},
        {"{\"models\":[" IN("us-east-1", "anthropic.claude-x") "," IN(
             "us-west-2", "anthropic.claude-x") "," IN("", "anthropic.claude-x") "]}",
         "global.anthropic.claude-x"},
        {"{\"models\":[" IN("us-west-2", "anthropic.claude-x") "," IN("us-west-2",
                                                                      "anthropic.claude-y") "]}",
         NULL},
        {"{\"models\":[]}", NULL},
        {"{\"models\":[{}]}", NULL},
        {"{\"models\":7}", NULL},
        {"[]", NULL},
        {"", NULL},
        {"{oops", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char id[128] = "";
        bool found = inquiry_read(text_from(rows[i].body), id);
        if (found != (rows[i].id != NULL) || (found && strcmp(id, rows[i].id) != 0))
            fail_msg("%s: '%s'", rows[i].body, found ? id : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_the_model_of_a_profile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
