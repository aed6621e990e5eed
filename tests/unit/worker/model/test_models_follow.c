/* test_models_follow.c - names that stand for several models, one after the other. */
#include "worker/model/models.h"

#include "tests/unit/models_case.h"

#define ARN   "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/"
#define ENDED "us.anthropic.claude-3-5-sonnet-20241022-v2:0"

static const struct segment segment; /* whose mappings are models_case.h's */

/* "A by rule|1 B|2 C", or why not. */
static void follow_all(const char *name, char out[512])
{
    struct models_choice c;
    struct err err = {.code = STATUS_OK};
    size_t n;
    if (models_choose(&models, &segment, arena, text_from(name), true, &c, &err) != STATUS_OK) {
        snprintf(out, 512, "%s", err.text);
        return;
    }
    n = (size_t)snprintf(out, 512, "%.*s by %s", STR_ARG(c.id), c.rule);
    while (models_follow(&models, &segment, arena, text_from(name), true, &c, &err) == STATUS_OK)
        n += (size_t)snprintf(out + n, 512 - n, "|%u %.*s%s%s", c.link, STR_ARG(c.id),
                              c.transport == MODELS_INVOKE ? " invoke" : "",
                              c.one_million ? " 1m" : "");
    assert_int_equal(err.code, STATUS_NO_MODEL);
}

static void test_follow_goes_through_the_chain_of_an_override(void **state)
{
    static const struct {
        const char *opus, *name, *out;
    } rows[] = {
        {"claude-opus-4-7,claude-sonnet-4-5[1m], us.amazon.nova-pro-v1:0", "claude-opus-5",
         "global.anthropic.claude-opus-4-7 by family|1 "
         "global.anthropic.claude-sonnet-4-5-20250929-v1:0 invoke 1m|2 us.amazon.nova-pro-v1:0"},
        {"qwen.a,qwen.b", "claude-opus-5[1m]", "qwen.a by family|1 qwen.b 1m"},
        {ENDED ",qwen.b", "claude-opus-5", "qwen.b by family"},
        {"qwen.a," ENDED ",qwen.b", "claude-opus-5", "qwen.a by family|2 qwen.b"},
        {ENDED, "claude-opus-5", "model: claude-opus-5 was retired on 20"},
        {"qwen.a", "claude-opus-5", "qwen.a by family"},
        {"qwen.a,qwen.b", "us.amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0 by id"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[512];
        config.model_opus = rows[i].opus;
        follow_all(rows[i].name, out);
        if (strncmp(out, rows[i].out, strlen(rows[i].out)) != 0)
            fail_msg("%s for %s: '%s'", rows[i].opus, rows[i].name, out);
    }
}

/* As a hand may have written it into the store: what stands for nothing is passed over, and there
 * are never more than four. */
static void test_follow_goes_through_the_chain_of_a_mapping(void **state)
{
    static const struct {
        const char *to, *out;
    } rows[] = {
        {"qwen.a,qwen.b", "qwen.a by mapping|1 qwen.b"},
        {"qwen.a,qwen.b,qwen.c,qwen.d,qwen.e", "qwen.a by mapping|1 qwen.b|2 qwen.c|3 qwen.d"},
        {"?,qwen.b,!,qwen.d", "qwen.b by mapping|3 qwen.d"},
        {"?,,!", "model: x"},
    };
    (void)state;
    mapped_from = "x";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[512];
        mapped_to = rows[i].to;
        follow_all("x", out);
        if (strcmp(out, rows[i].out) != 0)
            fail_msg("%s: '%s'", rows[i].to, out);
    }
}

static void test_follow_of_the_last_leaves_the_choice(void **state)
{
    struct models_choice c;
    struct err err;
    (void)state;
    mapped_from = "x";
    mapped_to = "qwen.a," ENDED;
    assert_int_equal(models_choose(&models, &segment, arena, STR("x"), true, &c, &err), STATUS_OK);
    struct models_choice before = c;
    assert_int_equal(models_follow(&models, &segment, arena, STR("x"), true, &c, &err),
                     STATUS_NO_MODEL);
    assert_memory_equal(&c, &before, sizeof c);
}

/* An ARN behind the first is another model than the name says. */
static void test_follow_does_not_tell_an_arn_by_the_name(void **state)
{
    struct models_choice c;
    struct err err;
    (void)state;
    mapped_from = "claude-opus-4-7";
    mapped_to = ARN "a," ARN "b";
    assert_int_equal(
        models_choose(&models, &segment, arena, text_from(mapped_from), true, &c, &err), STATUS_OK);
    assert_string_equal(c.behind_by, "name");
    assert_int_equal(
        models_follow(&models, &segment, arena, text_from(mapped_from), true, &c, &err), STATUS_OK);
    assert_true(text_eq(c.id, STR(ARN "b")));
    assert_string_equal(c.behind_by, "unknown");
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_follow_goes_through_the_chain_of_an_override),
        T(test_follow_goes_through_the_chain_of_a_mapping),
        T(test_follow_of_the_last_leaves_the_choice),
        T(test_follow_does_not_tell_an_arn_by_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
