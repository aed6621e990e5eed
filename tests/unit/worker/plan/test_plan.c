#include "worker/plan/plan.h"

#include "tests/unit/plan_case.h"

static void test_notes_stand_once_and_the_first_loss_is_kept(void **state)
{
    struct plan_case c;
    (void)state;
    plan_case_read(&c, DIALECT_ANTHROPIC, QWEN, ",\"max_tokens\":9");
    plan_case_make(&c);
    plan_note(&c.plan, PLAN_MAP, "a", (struct str){NULL, 0});
    assert_string_equal(c.plan.notes.lost, "");
    plan_note(&c.plan, PLAN_CLAMP, "b", (struct str){NULL, 0});
    plan_note(&c.plan, PLAN_DROP, "c:", STR("d\r\ne,f"));
    plan_note(&c.plan, PLAN_DROP, "c:", STR("d\r\ne,f"));
    plan_judge(&c.plan, PLAN_TOP_K, PLAN_DROP, "top_k");
    assert_int_equal(c.plan.verdict[PLAN_TOP_K], PLAN_DROP);
    assert_string_equal(c.plan.notes.lost, "b");
    assert_true(text_eq(buf_str(&c.changes), STR("map:a,map:b,drop:c:d??e?f,drop:top_k")));
    plan_case_free(&c);
}

static void test_list_of_notes_is_bounded_and_counts_the_rest(void **state)
{
    struct plan_case c;
    char name[100];
    size_t at;
    (void)state;
    plan_case_read(&c, DIALECT_ANTHROPIC, QWEN, ",\"max_tokens\":9");
    plan_case_make(&c);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%090d", i);
        plan_note(&c.plan, PLAN_DROP, "", text_from(name));
        snprintf(name, sizeof name, "n%d", i);
        plan_note(&c.plan, PLAN_DROP, "", text_from(name));
    }
    assert_in_range(buf_len(&c.changes), 900, 1000);
    assert_true(text_find(buf_str(&c.changes), STR(",more:8"), &at));
    plan_case_free(&c);
}

static void test_marks_are_taken_by_model_and_operator(void **state)
{
    static const struct {
        const char *model;
        bool off, takes;
    } rows[] = {{OPUS47, false, true}, {OPUS47, true, false}, {QWEN, false, false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct plan_case c;
        plan_case_read(&c, DIALECT_ANTHROPIC, rows[i].model, ",\"max_tokens\":9");
        c.o.cache.off = rows[i].off;
        plan_case_make(&c);
        assert_int_equal(plan_takes_marks(&c.plan), rows[i].takes);
        plan_case_free(&c);
    }
}

/* L5: the token is Claude Code's alone; an ARN is the operator's. */
static void test_media_is_refused_in_words_but_for_claude_code(void **state)
{
    static const struct {
        bool tokens;
        enum dialect dialect;
        const char *behind, *says, *param;
    } rows[] = {
        {true, DIALECT_ANTHROPIC, "", "capability_rejected: image_block", ""},
        {false, DIALECT_ANTHROPIC, "", "messages: " QWEN " takes no images", ""},
        {false, DIALECT_OPENAI, "", "Invalid 'messages': " QWEN " takes no images.", "messages"},
        {false, DIALECT_OPENAI, "arn:aws:bedrock:us-east-1:123456789012:x/y",
         "Invalid 'messages': this model takes no images.", "messages"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct plan_case c;
        struct err err;
        plan_case_read(&c, rows[i].dialect, QWEN, ",\"max_tokens\":9");
        c.o.capability_tokens = rows[i].tokens;
        plan_case_make(&c);
        c.model.behind = text_from(rows[i].behind);
        assert_int_equal(plan_refuse_media(&c.plan, "image", "messages", &err), STATUS_INVALID);
        assert_string_equal(err.text, rows[i].says);
        assert_string_equal(err.param, rows[i].param);
        plan_case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes_stand_once_and_the_first_loss_is_kept),
        cmocka_unit_test(test_list_of_notes_is_bounded_and_counts_the_rest),
        cmocka_unit_test(test_marks_are_taken_by_model_and_operator),
        cmocka_unit_test(test_media_is_refused_in_words_but_for_claude_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
