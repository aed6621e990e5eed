/* Blocks that only Anthropic's own service understands: kept, told in words, dropped. */
#include "worker/plan/plan_history.h"

#include "tests/unit/plan_case.h"

#define SEARCH "{\"type\":\"server_tool_use\",\"name\":\"tool_search_tool_bm25\",\"input\":{}}"
#define FOUND  "{\"type\":\"tool_search_tool_result\",\"content\":[]}"
#define SUM    "{\"type\":\"compaction\",\"content\":\"s\"}"

static void test_verdict_of_each_block(void **state)
{
    static const struct {
        const char *model, *beta, *block;
        enum plan_verdict verdict;
        const char *text;
    } rows[] = {
        {SONNET45, "", SEARCH, PLAN_KEEP, NULL},
        {SONNET45, "", FOUND, PLAN_KEEP, NULL},
        {SONNET35, "", FOUND, PLAN_MAP, "[tool_search_tool_result]"},
        {QWEN, "", SEARCH, PLAN_MAP, "[server_tool_use tool_search_tool_bm25]"},
        {OPUS47, "", SUM, PLAN_MAP, "s"},
        {OPUS47, "compact-2026-01-12", SUM, PLAN_KEEP, NULL},
        {OPUS47, "compact-2026-09-04", SUM, PLAN_KEEP, NULL},
        {OPUS47, "", "{\"type\":\"compaction\"}", PLAN_DROP, NULL},
        {OPUS47, "", "{\"type\":\"text\",\"text\":\"t\"}", PLAN_KEEP, NULL},
        {OPUS47, "", "{\"type\":\"browser_state\",\"url\":7,\"data\":\"AAAA\"}", PLAN_MAP,
         "[browser_state]"},
    };
    static const struct scan_limits limits = {
        .depth = 64, .values = 1000, .keys = 100, .number_len = 64};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct plan_case c;
        struct scan s;
        struct str text = {NULL, 0};
        plan_case_read(&c, DIALECT_ANTHROPIC, rows[i].model, ",\"max_tokens\":9");
        plan_case_make(&c);
        c.plan.betas.value[0] = text_from(rows[i].beta);
        c.plan.betas.count = rows[i].beta[0] != 0;
        assert_int_equal(scan_parse(&s, c.arena, text_from(rows[i].block), &limits, NULL),
                         STATUS_OK);
        enum plan_verdict got = plan_history(&c.plan, &s, 0, &text);
        if (got != rows[i].verdict || (rows[i].text && !text_eq(text, text_from(rows[i].text))))
            fail_msg("%s: %d, %.*s", rows[i].block, got, STR_ARG(text));
        assert_int_equal(buf_len(&c.changes) > 0, got != PLAN_KEEP);
        plan_case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdict_of_each_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
