#include "worker/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

static void test_base_of_ids_and_arns_has_no_region(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"us.anthropic.x", "anthropic.x"},
        {"us-gov.anthropic.x", "anthropic.x"},
        {"global.amazon.nova-2-lite-v1:0", "amazon.nova-2-lite-v1:0"},
        {"apac.x.y", "x.y"},
        {"anthropic.x", "anthropic.x"},
        {"arn:aws:bedrock:us-east-1::foundation-model/anthropic.x-v1:0", "anthropic.x-v1:0"},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.x", "anthropic.x"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str got = models_base(text_from(rows[i].in));
        if (!text_eq(got, text_from(rows[i].out)))
            fail_msg("%s: got %.*s", rows[i].in, STR_ARG(got));
    }
}

static void test_caps_of_id_come_from_longest_prefix(void **state)
{
    static const struct {
        const char *id, *family;
        uint32_t has, lacks;
    } rows[] = {
        {"anthropic.claude-3-haiku-20240307-v1:0", "claude-3", MODELS_SAMPLING,
         MODELS_CACHE | MODELS_THINKING_ENABLED},
        {"us.anthropic.claude-3-5-haiku-20241022-v1:0", "claude-haiku-3-5", MODELS_CACHE,
         MODELS_THINKING_ENABLED | MODELS_THINKING_ADAPTIVE},
        {"us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-sonnet-3-7",
         MODELS_THINKING_ENABLED, MODELS_CACHE_1H | MODELS_SAMPLING_ONE},
        {"us.anthropic.claude-opus-4-20250514-v1:0", "claude-opus-4", MODELS_THINKING_ENABLED,
         MODELS_SAMPLING_ONE},
        {"us.anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4-1", MODELS_SAMPLING_ONE,
         MODELS_CACHE_1H},
        {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5",
         MODELS_CACHE_1H | MODELS_FORMAT, MODELS_EFFORT | MODELS_THINKING_ADAPTIVE},
        {"global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6",
         MODELS_THINKING_ENABLED | MODELS_THINKING_ADAPTIVE | MODELS_EFFORT,
         MODELS_SYSTEM_ROLE | MODELS_CACHE_TOP},
        {"global.anthropic.claude-opus-4-7", "claude-opus-4-7",
         MODELS_SYSTEM_ROLE | MODELS_CACHE_TOP | MODELS_TOOL_CHOICE | MODELS_THINKING_DISPLAY,
         MODELS_SAMPLING | MODELS_THINKING_ENABLED},
        {"global.anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", MODELS_SYSTEM_ROLE,
         MODELS_TOOL_CHOICE | MODELS_SAMPLING},
        {"global.anthropic.claude-opus-9", "claude", MODELS_CLAUDE | MODELS_SYSTEM_ROLE,
         MODELS_SAMPLING},
        {"arn:aws:bedrock:us-east-1:1:provisioned-model/my-claude", "claude", MODELS_CLAUDE, 0},
        {"arn:aws:bedrock:us-east-1:1:application-inference-profile/q1", "other", MODELS_SYSTEM,
         MODELS_CLAUDE | MODELS_IMAGES | MODELS_CACHE},
        {"us.meta.llama3-1-70b-instruct-v1:0", "llama-3.1", MODELS_TOOLS, MODELS_STREAM_TOOLS},
        {"us.deepseek.r1-v1:0", "deepseek-r1", MODELS_SYSTEM, MODELS_TOOLS},
        {"amazon.nova-micro-v1:0", "nova-micro", MODELS_TOOLS, MODELS_IMAGES},
        {"amazon.nova-2-lite-v1:0", "nova-2", MODELS_IMAGES, 0},
        {"moonshot.kimi-k2-thinking", "kimi", MODELS_TOOLS, MODELS_IMAGES},
        {"nobody.knows", "other", MODELS_SYSTEM | MODELS_TOOLS, MODELS_CLAUDE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct models_caps *c = models_caps(text_from(rows[i].id));
        if (strcmp(c->family, rows[i].family) != 0)
            fail_msg("%s: family %s, want %s", rows[i].id, c->family, rows[i].family);
        if ((c->flags & rows[i].has) != rows[i].has || (c->flags & rows[i].lacks) != 0)
            fail_msg("%s: flags %x", rows[i].id, c->flags);
    }
}

static void test_builtin_names_are_sorted_and_known(void **state)
{
    const struct models_builtin *b = models_builtin;
    (void)state;
    for (; b->name; b++) {
        if (b > models_builtin && strcmp(b[-1].name, b->name) >= 0)
            fail_msg("%s stands after %s", b->name, b[-1].name);
        if (strcmp(models_caps(text_from(b->id))->family, "other") == 0)
            fail_msg("%s: no capabilities for %s", b->name, b->id);
        if (models_builtin_find(text_from(b->name)) != b)
            fail_msg("%s is not found", b->name);
    }
    assert_true(b - models_builtin > 40);
}

static void test_builtin_find_other_name_is_null(void **state)
{
    (void)state;
    static const struct str names[] = {STR(""),
                                       STR("a"),
                                       STR("claude-opus-4-"),
                                       STR("gpt-4"
                                           "\0"),
                                       STR("gpt-4p"),
                                       STR("zzz")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (models_builtin_find(names[i]))
            fail_msg("\"%.*s\" is found", STR_ARG(names[i]));
}

/* Every beta is dated, so a typing error in the list shows. */
static void test_betas_of_each_builtin_are_dated(void **state)
{
    (void)state;
    for (const struct models_builtin *b = models_builtin; b->name; b++) {
        struct str list = text_from(models_caps(text_from(b->id))->betas), one;
        while (text_split(&list, ',', &one)) {
            bool dated = one.n > 11 && one.p[one.n - 11] == '-' && one.p[one.n - 10] == '2' &&
                         one.p[one.n - 6] == '-' && one.p[one.n - 3] == '-';
            if (one.n > 0 && !dated)
                fail_msg("%s: beta '%.*s'", b->id, STR_ARG(one));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_of_ids_and_arns_has_no_region),
        cmocka_unit_test(test_caps_of_id_come_from_longest_prefix),
        cmocka_unit_test(test_builtin_names_are_sorted_and_known),
        cmocka_unit_test(test_builtin_find_other_name_is_null),
        cmocka_unit_test(test_betas_of_each_builtin_are_dated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
