#include "worker/plan/plan.h"

#include "tests/unit/plan_case.h"

static void test_notes_stand_once_and_the_first_loss_is_kept(void **state)
{
    struct plan_case c;
    (void)state;
    plan_case_read(&c, DIALECT_ANTHROPIC, QWEN, ",\"max_tokens\":9");
    plan_case_make(&c);
    plan_note(&c.plan, PLAN_MAP, "a", (struct str){NULL, 0});
    assert_string_equal(c.plan.lost, "");
    plan_note(&c.plan, PLAN_CLAMP, "b", (struct str){NULL, 0});
    plan_note(&c.plan, PLAN_DROP, "c:", STR("d\r\ne,f"));
    plan_note(&c.plan, PLAN_DROP, "c:", STR("d\r\ne,f"));
    plan_judge(&c.plan, PLAN_TOP_K, PLAN_DROP, "top_k");
    assert_int_equal(c.plan.verdict[PLAN_TOP_K], PLAN_DROP);
    assert_string_equal(c.plan.lost, "b");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes_stand_once_and_the_first_loss_is_kept),
        cmocka_unit_test(test_list_of_notes_is_bounded_and_counts_the_rest),
        cmocka_unit_test(test_marks_are_taken_by_model_and_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
