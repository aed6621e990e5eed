/* choices.c: an answer is given again only as long as nothing that it rests on has changed. */
#include "worker/model/choices.h"

#include "tests/unit/models_case.h"

#define PROFILE "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/k3v9x0q7t2ab"

static const struct segment segment;
static struct choices choices;

static int set_up(void **state)
{
    choices = (struct choices){0};
    mapped_generation = 1;
    return begin(state);
}

static void map(const char *from, const char *to, const char *as)
{
    mapped_from = from;
    mapped_to = to;
    mapped_as = as;
}

static struct models_choice choose(const char *name, bool messages_route)
{
    struct models_choice c;
    struct err err;
    if (choices_find(&choices, &models, &segment, arena, text_from(name), messages_route, &c,
                     &err) != STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    return c;
}

static void assert_id(const struct models_choice *c, const char *id)
{
    assert_true(text_eq(c->id, text_from(id)));
}

static void test_second_answer_is_the_first_one_in_own_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"claude-opus-4-7[1m]", "gpt-4o",
                                        "qwen.qwen3-coder-480b-a35b-v1:0",
                                        "eu.amazon.nova-pro-v1:0"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct models_choice a = choose(names[i], true);
        struct models_choice b = choose(names[i], true);
        assert_true(text_eq(a.id, b.id) && a.id.p != b.id.p && b.id.p[b.id.n] == '\0');
        assert_true(text_eq(a.name, b.name) && b.name.p[b.name.n] == '\0');
        assert_int_equal(a.transport, b.transport);
        assert_int_equal(a.one_million, b.one_million);
        assert_string_equal(a.rule, b.rule);
        assert_true(a.behind.n == b.behind.n && a.behind_by == b.behind_by);
        assert_ptr_not_equal(a.caps, b.caps);
        assert_int_equal(a.caps->flags, b.caps->flags);
        assert_int_equal(a.caps->output_max, b.caps->output_max);
        assert_string_equal(a.caps->family, b.caps->family);
        assert_string_equal(a.caps->vendor, b.caps->vendor);
        assert_string_equal(a.caps->top_k, b.caps->top_k);
        assert_string_equal(a.caps->efforts, b.caps->efforts);
        assert_string_equal(a.caps->betas, b.caps->betas);
        choices = (struct choices){0}; /* what was given needs no row */
        assert_string_equal(a.caps->betas, b.caps->betas);
    }
}

/* What stands in a row is given at all: the mapping below is not looked at again. */
static void test_answer_stands_until_mappings_change(void **state)
{
    (void)state;
    map("mine", "us.amazon.nova-pro-v1:0", "");
    struct models_choice c = choose("mine", true);
    assert_id(&c, "us.amazon.nova-pro-v1:0");
    map("mine", "eu.amazon.nova-pro-v1:0", "");
    c = choose("mine", true);
    assert_id(&c, "us.amazon.nova-pro-v1:0");
    mapped_generation++;
    c = choose("mine", true);
    assert_id(&c, "eu.amazon.nova-pro-v1:0");
}

static void test_answer_stands_until_another_table_is_in_force(void **state)
{
    (void)state;
    struct err err;
    map("mine", "us.amazon.nova-pro-v1:0", "");
    choose("mine", true);
    map("mine", "eu.amazon.nova-pro-v1:0", "");
    assert_int_equal(catalogue_load(NULL, &err), STATUS_OK);
    struct models_choice c = choose("mine", true);
    assert_id(&c, "eu.amazon.nova-pro-v1:0");
}

static void test_route_is_part_of_the_question(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(choose("claude-opus-4-7", true).transport, MODELS_INVOKE);
        assert_int_equal(choose("claude-opus-4-7", false).transport, MODELS_CONVERSE);
    }
}

static void test_refusals_and_what_is_behind_an_arn_are_asked_again(void **state)
{
    (void)state;
    struct models_choice c;
    struct err err;
    assert_int_equal(choices_find(&choices, &models, &segment, arena, STR("mine"), true, &c, &err),
                     STATUS_NO_MODEL);
    map("claude-opus-4-8", PROFILE, "");
    c = choose("claude-opus-4-8", true);
    assert_string_equal(c.behind_by, "name");
    map("claude-opus-4-8", PROFILE, "nova-pro");
    c = choose("claude-opus-4-8", true);
    assert_string_equal(c.behind_by, "declared");
    map("claude-opus-4-8", PROFILE, "");
    for (int i = 0; i < 2; i++) { /* that is kept */
        c = choose("claude-opus-4-8", true);
        assert_string_equal(c.behind_by, "declared");
        assert_true(text_eq(c.behind, STR("amazon.nova-pro-v1:0")));
        assert_int_equal(c.transport, MODELS_CONVERSE);
    }
}

/* Names that are too long to be kept, and more of them than there are rows. */
static void test_any_name_is_answered(void **state)
{
    (void)state;
    char name[CHOICES_NAME + 40], want[CHOICES_NAME + 60];
    for (int round = 0; round < 2; round++) {
        for (int n = 1; n < CHOICES_NAME + 30; n++) {
            snprintf(name, sizeof name, "vendor.%0*d", n, 7);
            snprintf(want, sizeof want, "%s", name);
            struct models_choice c = choose(name, true);
            assert_id(&c, want);
        }
    }
}

/* 303 bytes of id beside the texts of its row. */
static void test_longest_id_of_a_mapping_is_answered(void **state)
{
    (void)state;
    char id[DIRECTORY_MAPPING_TO];
    memset(id, 'a', sizeof id - 1);
    memcpy(id, "vendor.", 7);
    id[sizeof id - 1] = '\0';
    map("mine", id, "");
    for (int i = 0; i < 2; i++) {
        struct models_choice c = choose("mine", true);
        assert_id(&c, id);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_second_answer_is_the_first_one_in_own_memory),
        TEST(test_answer_stands_until_mappings_change),
        TEST(test_answer_stands_until_another_table_is_in_force),
        TEST(test_route_is_part_of_the_question),
        TEST(test_refusals_and_what_is_behind_an_arn_are_asked_again),
        TEST(test_any_name_is_answered),
        TEST(test_longest_id_of_a_mapping_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
