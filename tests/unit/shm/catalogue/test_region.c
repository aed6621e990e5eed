#include "shm/catalogue/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_base_and_prefix_take_ids_and_arns_apart(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"anthropic.claude-x", "anthropic.claude-x", ""},
        {"us.anthropic.claude-x", "anthropic.claude-x", "us"},
        {"global.anthropic.claude-x", "anthropic.claude-x", "global"},
        {"us-gov.anthropic.claude-x", "anthropic.claude-x", "us-gov"},
        {"in.moonshotai.kimi-k3", "moonshotai.kimi-k3", "in"},
        {"mx.amazon.nova", "amazon.nova", "mx"},
        {"apac.amazon.nova", "amazon.nova", "apac"},
        {"arn:aws:bedrock:us-west-2:1:inference-profile/us.zai.glm-5", "zai.glm-5", "us"},
        {"arn:aws:bedrock:us-west-2:1:application-inference-profile/abc123", "abc123", ""},
        {"qwen.qwen3-32b-v1:0", "qwen.qwen3-32b-v1:0", ""},
        {"us.", "us.", ""},
        {"us", "us", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str id = text_from(rows[i][0]);
        if (!text_eq(region_base(id), text_from(rows[i][1])) ||
            !text_eq(region_prefix(id), text_from(rows[i][2]))) {
            fail_msg("%s", rows[i][0]);
        }
    }
}

static void test_geography_is_the_prefix_of_a_region(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"us-east-1", "us"},
                                          {"us-gov-west-1", "us-gov"},
                                          {"eu-west-2", "eu"},
                                          {"ap-south-1", "apac"},
                                          {"ca-central-1", "ca"},
                                          {"moon-1", ""},
                                          {"", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str got = region_geography(text_from(rows[i][0]));
        if (!text_eq(got, text_from(rows[i][1])) || (got.n && !region_is_prefix(got))) {
            fail_msg("%s", rows[i][0]);
        }
    }
}

static void test_serves_by_geography_and_by_the_region_of_an_arn(void **state)
{
    (void)state;
    static const struct {
        const char *region, *id, *home;
        bool serves;
    } rows[] = {
        {"us-east-1", "us.anthropic.x", "us-west-2", true},
        {"eu-west-1", "us.anthropic.x", "us-west-2", false},
        {"us-gov-west-1", "us.anthropic.x", "us-west-2", false},
        {"ca-central-1", "us.anthropic.x", "us-west-2", false},
        {"eu-west-1", "eu.anthropic.x", "us-west-2", true},
        {"us-west-2", "eu.anthropic.x", "us-west-2", false},
        {"ap-south-1", "apac.anthropic.x", "us-west-2", true},
        {"eu-west-1", "global.anthropic.x", "us-west-2", true},
        {"eu-west-1", "anthropic.x", "us-west-2", true},
        {"ap-northeast-1", "jp.anthropic.x", "ap-northeast-3", true},
        {"us-east-1", "jp.anthropic.x", "ap-northeast-3", false},
        {"eu-west-1", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a", "us-west-2",
         true},
        {"us-west-2", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/a", "us-west-2",
         false},
        {"us-west-2", "arn:aws:bedrock", "us-west-2", false},
        {"us-west-2", "arn:aws:bedrock:us-west-2::foundation-model/us.x", "us-west-2", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (region_serves(text_from(rows[i].region), text_from(rows[i].id),
                          text_from(rows[i].home)) != rows[i].serves) {
            fail_msg("%s in %s", rows[i].id, rows[i].region);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_and_prefix_take_ids_and_arns_apart),
        cmocka_unit_test(test_geography_is_the_prefix_of_a_region),
        cmocka_unit_test(test_serves_by_geography_and_by_the_region_of_an_arn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
