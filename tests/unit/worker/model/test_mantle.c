#include "worker/model/mantle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_id_is_a_name(void **state)
{
    static const struct {
        const char *id, *name;
    } rows[] = {
        {"anthropic.claude-opus-5-5", "claude-opus-5-5"},
        {"anthropic.claude-opus-5-5[1m]", "claude-opus-5-5[1m]"},
        {"anthropic.claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"},
        {"anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"},
        {"anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6-v1"},
        {"us.anthropic.claude-opus-5-5", "us.anthropic.claude-opus-5-5"},
        {"claude-opus-5-5", "claude-opus-5-5"},
        {"openai.gpt-6-sol", "openai.gpt-6-sol"},
        {"anthropic.", ""},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str got = mantle_name(NULL, text_from(rows[i].id));
        if (!text_eq(got, text_from(rows[i].name)))
            fail_msg("%s: %.*s", rows[i].id, STR_ARG(got));
    }
}

static void test_runtime_id_loses_region_and_version(void **state)
{
    static const struct {
        const char *id, *there;
    } rows[] = {
        {"global.anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"},
        {"us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929"},
        {"anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6"},
        {"anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022"},
        {"anthropic.claude-vx", "anthropic.claude-vx"},
        {"anthropic.claude-v1:x", "anthropic.claude-v1:x"},
        {"us.amazon.nova-pro-v1:0", ""},
        {"arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-opus-5-5",
         "anthropic.claude-opus-5-5"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char room[MANTLE_ROOM];
        struct str got = mantle_id(text_from(rows[i].id), room);
        if (!text_eq(got, text_from(rows[i].there)))
            fail_msg("%s: %.*s", rows[i].id, STR_ARG(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_is_a_name),
        cmocka_unit_test(test_runtime_id_loses_region_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
