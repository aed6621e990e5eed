#include "worker/model/behind.h"

#include "tests/unit/models_case.h"

#define ARN     "arn:aws:bedrock:us-west-2:123456789012:"
#define PROFILE ARN "application-inference-profile/k3v9x0q7t2ab"

/* Whose abilities, and how that is known. */
static void test_behind_an_arn_is_a_model(void **state)
{
    static const struct segment segment;
    static const struct {
        const char *name, *from, *to, *as; /* asked for, and the mapping */
        const char *behind, *by;
        enum models_transport transport;
    } rows[] = {
        {"my-model", "my-model", PROFILE, "claude-opus-4-8", "anthropic.claude-opus-4-8",
         "declared", MODELS_INVOKE},
        {"my-model", "my-model", PROFILE, "us.anthropic.claude-opus-4-8",
         "us.anthropic.claude-opus-4-8", "declared", MODELS_INVOKE},
        {"my-model", "my-model", PROFILE, "nova-pro", "amazon.nova-pro-v1:0", "declared",
         MODELS_CONVERSE},
        {"claude-sonnet-4-6", "claude-sonnet-4-6", PROFILE, "claude-opus-4-8",
         "anthropic.claude-opus-4-8", "declared", MODELS_INVOKE},
        {"claude-opus-4-8", "claude-opus-4-8", PROFILE, "", "anthropic.claude-opus-4-8", "name",
         MODELS_INVOKE},
        {"claude-opus-4.8[1m]", "claude-opus-4-8", PROFILE, "", "anthropic.claude-opus-4-8", "name",
         MODELS_INVOKE},
        {"claude-opus-9", "claude-opus-9", ARN "custom-model-deployment/x", "",
         "anthropic.claude-opus-9", "name", MODELS_INVOKE},
        {"us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0", ARN "provisioned-model/x", "",
         "us.amazon.nova-pro-v1:0", "name", MODELS_CONVERSE},
        {"gpt-4o", "gpt-4o", ARN "imported-model/x", "", "", "unknown", MODELS_CONVERSE},
        {"my-model", "my-model", PROFILE, "", "", "unknown", MODELS_CONVERSE},
        {PROFILE, "x", "y", "", "", "unknown", MODELS_CONVERSE},
        {PROFILE, "my-model", PROFILE, "claude-opus-4-8", "anthropic.claude-opus-4-8", "declared",
         MODELS_INVOKE},
        {PROFILE "[1m]", "my-model", PROFILE, "claude-opus-4-8", "anthropic.claude-opus-4-8",
         "declared", MODELS_INVOKE},
        {PROFILE, "my-model", PROFILE "x", "claude-opus-4-8", "", "unknown", MODELS_CONVERSE},
        {PROFILE, "my-model", PROFILE, "", "", "unknown", MODELS_CONVERSE},
        {PROFILE, PROFILE, PROFILE, "claude-opus-4-8", "anthropic.claude-opus-4-8", "declared",
         MODELS_INVOKE},
        {"my-model", "my-model", ARN "default-prompt-router/anthropic.claude:1", "claude-opus-4-8",
         "anthropic.claude-opus-4-8", "declared", MODELS_CONVERSE},
        {"my-model", "my-model", ARN "inference-profile/eu.anthropic.claude-opus-4-8", "", "", NULL,
         MODELS_INVOKE},
        {"my-model", "my-model", "us.anthropic.claude-opus-4-8", "", "", NULL, MODELS_INVOKE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct models_choice c;
        struct models_caps caps;
        struct err err;
        mapped_from = rows[i].from;
        mapped_to = rows[i].to;
        mapped_as = rows[i].as;
        if (models_choose(&models, &segment, arena, text_from(rows[i].name), true, &c, &err) !=
            STATUS_OK)
            fail_msg("row %zu: %s", i, err.text);
        bool by = c.behind_by && rows[i].by ? strcmp(c.behind_by, rows[i].by) == 0
                                            : c.behind_by == rows[i].by;
        models_caps(models_behind(&c), &caps);
        if (!by || !text_eq(c.behind, text_from(rows[i].behind)) ||
            c.transport != rows[i].transport || c.caps->flags != caps.flags)
            fail_msg("row %zu, %s: '%.*s' by %s", i, rows[i].name, STR_ARG(c.behind),
                     c.behind_by ? c.behind_by : "-");
    }
}

/* Weaker than what AWS says, better than nothing. */
static void test_behind_an_arn_for_a_family_is_the_name(void **state)
{
    struct models_choice c;
    struct err err;
    (void)state;
    config.model_opus = PROFILE;
    config.model_default = PROFILE;
    assert_int_equal(models_choose(&models, NULL, arena, STR("claude-opus-4-8"), true, &c, &err),
                     STATUS_OK);
    assert_true(text_eq(c.behind, STR("anthropic.claude-opus-4-8")));
    assert_string_equal(c.behind_by, "name");
    assert_int_equal(models_choose(&models, NULL, arena, STR("claude-sonnet-5"), true, &c, &err),
                     STATUS_OK);
    assert_string_equal(c.behind_by, "unknown"); /* everything goes there: it may be a Nova */
}

/* Of several mappings to one ARN, all that say something have to say the same. */
static void test_word_for_an_arn_is_taken_from_any_mapping(void **state)
{
    static const struct segment segment;
    static struct directory_mapping more[] = {
        {.from = "silent", .to = PROFILE},
        {.from = "other", .to = PROFILE "x", .as = "nova-pro"},
        {.from = "one", .to = PROFILE},
        {.from = "two", .to = PROFILE "[1m]"}};
    static const struct {
        const char *one, *two, *behind, *by;
    } rows[] = {
        {"claude-opus-4-8", "claude-opus-4-8", "anthropic.claude-opus-4-8", "declared"},
        {"claude-opus-4-8", "", "anthropic.claude-opus-4-8", "declared"},
        {"", "claude-opus-4-8", "anthropic.claude-opus-4-8", "declared"},
        {"claude-opus-4-8", "claude-opus-4-7", "", "unknown"},
        {"", "", "", "unknown"},
    };
    struct models_choice c;
    struct err err;
    (void)state;
    mapped_more = more;
    mapped_more_n = COUNT_OF(more);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        text_copy(text_from(rows[i].one), more[2].as, sizeof more[2].as);
        text_copy(text_from(rows[i].two), more[3].as, sizeof more[3].as);
        assert_int_equal(models_choose(&models, &segment, arena, STR(PROFILE), true, &c, &err),
                         STATUS_OK);
        if (!text_eq(c.behind, text_from(rows[i].behind)) || strcmp(c.behind_by, rows[i].by) != 0) {
            fail_msg("row %zu: '%.*s' by %s", i, STR_ARG(c.behind), c.behind_by);
        }
    }
    /* A name that was mapped to it without a word tells more about its own mapping. */
    text_copy(STR("claude-opus-4-7"), more[2].as, sizeof more[2].as);
    mapped_from = "claude-opus-4-8";
    mapped_to = PROFILE;
    mapped_as = "";
    assert_int_equal(
        models_choose(&models, &segment, arena, STR("claude-opus-4-8"), true, &c, &err), STATUS_OK);
    assert_string_equal(c.behind_by, "name");
}

static void test_known_is_what_the_table_has(void **state)
{
    static const char *const known[] = {"claude-opus-4-8", "us.anthropic.claude-opus-4-8",
                                        "nova-pro", "anthropic.claude-opus-99", "claude-opus-99"};
    static const char *const unknown[] = {"", "no-such-model", "nobody.knows", "gpt-4o", PROFILE};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (!behind_is_known(&config, text_from(known[i])))
            fail_msg("%s", known[i]);
    for (size_t i = 0; i < COUNT_OF(unknown); i++)
        if (behind_is_known(&config, text_from(unknown[i])))
            fail_msg("%s", unknown[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_behind_an_arn_is_a_model),
        T(test_behind_an_arn_for_a_family_is_the_name),
        T(test_word_for_an_arn_is_taken_from_any_mapping),
        T(test_known_is_what_the_table_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
