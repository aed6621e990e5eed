/* Ids of tool calls: legal for the model (W15), each its own (W16). */
#include "worker/plan/plan_ids.h"

#include "tests/unit/plan_case.h"

static struct plan_ids begin(struct plan_case *c, const char *model)
{
    struct plan_ids ids;
    plan_case_read(c, DIALECT_ANTHROPIC, model, ",\"max_tokens\":9");
    plan_case_make(c);
    assert_int_equal(c->status, STATUS_OK);
    plan_ids_begin(&ids, &c->plan);
    return ids;
}

static struct str result(struct plan_ids *ids, struct str id)
{
    struct str out;
    return plan_ids_result(ids, id, &out) ? out : STR("gone");
}

static void test_id_is_of_the_letters_the_model_takes(void **state)
{
    static const struct {
        const char *model, *id;
        bool stays;
    } rows[] = {
        {QWEN, "call_1.a:b-c", true},
        {SONNET45, "call_1.a:b-c", false},
        {SONNET45, "functions.look:0", false},
        {SONNET45, "toolu_01-A", true},
        {SONNET45, "0123456789012345678901234567890123456789012345678901234567890123", true},
        {SONNET45, "01234567890123456789012345678901234567890123456789012345678901234", false},
        {QWEN, "call|1", false},
        {QWEN, "", false},
        {QWEN, "x-0123456789012345678901234567890123456789", false}, /* looks like an alias */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct plan_case c;
        struct plan_ids ids = begin(&c, rows[i].model);
        struct str id = text_from(rows[i].id), up = plan_ids_call(&ids, id);
        if (text_eq(up, id) != rows[i].stays || !text_only_of(up, "_-.:") || up.n > 64)
            fail_msg("%s: %.*s", rows[i].id, STR_ARG(up));
        assert_true(text_eq(result(&ids, id), up));
        assert_int_equal(buf_len(&c.changes), 0);
        plan_case_free(&c);
    }
}

static void test_two_ids_never_meet(void **state)
{
    struct plan_case c;
    struct plan_ids ids = begin(&c, SONNET45);
    char *id[600];
    struct str up[600];
    (void)state;
    for (unsigned i = 0; i < 600; i++) { /* more than the table begins with */
        id[i] = arena_printf(c.arena, "f.%u:%u", i / 2, i % 2);
        up[i] = plan_ids_call(&ids, text_from(id[i]));
    }
    for (unsigned i = 0; i < 600; i++)
        for (unsigned k = 0; k < i; k++)
            assert_false(text_eq(up[i], up[k]));
    for (unsigned i = 0; i < 600; i++)
        assert_true(text_eq(result(&ids, text_from(id[i])), up[i]));
    plan_case_free(&c);
}

static void test_result_that_comes_again_goes(void **state)
{
    struct plan_case c;
    struct plan_ids ids = begin(&c, QWEN);
    (void)state;
    (void)plan_ids_call(&ids, STR("c1"));
    (void)plan_ids_call(&ids, STR("c2"));
    assert_true(text_eq(result(&ids, STR("c1")), STR("c1")));
    assert_true(text_eq(result(&ids, STR("c1")), STR("gone")));
    assert_true(text_eq(result(&ids, STR("c2")), STR("c2")));
    assert_true(text_eq(buf_str(&c.changes), STR("drop:tool_result")));
    plan_case_free(&c);
}

static void test_id_that_is_used_again_gets_another(void **state)
{
    struct plan_case c;
    struct plan_ids ids = begin(&c, QWEN);
    struct str second, third;
    (void)state;
    assert_true(text_eq(plan_ids_call(&ids, STR("call_0")), STR("call_0")));
    assert_true(text_eq(result(&ids, STR("call_0")), STR("call_0")));
    second = plan_ids_call(&ids, STR("call_0"));
    third = plan_ids_call(&ids, STR("call_0")); /* twice in one turn */
    assert_false(text_eq(second, STR("call_0")) || text_eq(second, third));
    assert_true(text_eq(result(&ids, STR("call_0")), second));
    assert_true(text_eq(result(&ids, STR("call_0")), third));
    assert_true(text_eq(result(&ids, STR("call_0")), STR("gone")));
    assert_true(text_eq(buf_str(&c.changes), STR("map:tool_id,drop:tool_result")));
    plan_case_free(&c);
}

/* A turn of which one result is missing must not give its results to the next. */
static void test_results_belong_to_their_turn(void **state)
{
    struct plan_case c;
    struct plan_ids ids = begin(&c, QWEN);
    struct str third;
    (void)state;
    (void)plan_ids_call(&ids, STR("a"));
    (void)plan_ids_call(&ids, STR("a"));
    (void)result(&ids, STR("a"));
    third = plan_ids_call(&ids, STR("a"));
    assert_true(text_eq(result(&ids, STR("a")), third));
    plan_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_is_of_the_letters_the_model_takes),
        cmocka_unit_test(test_two_ids_never_meet),
        cmocka_unit_test(test_result_that_comes_again_goes),
        cmocka_unit_test(test_id_that_is_used_again_gets_another),
        cmocka_unit_test(test_results_belong_to_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
