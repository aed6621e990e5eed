/* anthropic_beta: gathered, mapped, filtered. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define OLD        "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define S45        "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define O55        "global.anthropic.claude-opus-5-5"
#define REST       "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]}"
#define IN         "{\"model\":\"m\"," REST
#define OUT(betas) "{\"anthropic_version\":\"bedrock-2023-05-31\"," betas REST
#define THINK      "interleaved-thinking-2025-05-14"

static void test_betas_not_allowed_are_dropped_and_named(void **state)
{
    static const struct splice_row rows[] = {
        {"none", O55, "", IN, OUT(""), ""},
        {"empty parts", O55, " ,,", IN, OUT(""), ""},
        {"one taken, one not", O55, "claude-code-20250219, " THINK, IN,
         OUT("\"anthropic_beta\":[\"" THINK "\"],"), "drop:beta:claude-code-20250219"},
        {"twice", O55, THINK "," THINK, IN, OUT("\"anthropic_beta\":[\"" THINK "\"],"), ""},
        {"tool search by its other name", O55, "advanced-tool-use-2025-11-20", IN,
         OUT("\"anthropic_beta\":[\"tool-search-tool-2025-10-19\"],"),
         "map:beta:advanced-tool-use-2025-11-20"},
        {"its examples, too", S45, "advanced-tool-use-2025-11-20", IN,
         OUT("\"anthropic_beta\":[\"tool-search-tool-2025-10-19\",\"tool-examples-2025-10-29\"],"),
         "map:beta:advanced-tool-use-2025-11-20"},
        {"no tool search", OLD, "advanced-tool-use-2025-11-20", IN, OUT(""),
         "drop:beta:advanced-tool-use-2025-11-20"},
        {"[1m]", S45 "[1m]", "", IN, OUT("\"anthropic_beta\":[\"context-1m-2025-08-07\"],"), ""},
        {"[1m] where there is none", OLD "[1m]", "", IN, OUT(""),
         "drop:beta:context-1m-2025-08-07"},
        {"bytes that may not stand in a header", O55, "a\r\nb,\"", IN, OUT(""),
         "drop:beta:a??b,drop:beta:?"},
        {"members of the body", O55, "",
         "{\"anthropic_beta\":[\"" THINK
         "\",5],\"model\":\"m\",\"betas\":\"context-1m-2025-08-07,x\"," REST,
         OUT("\"anthropic_beta\":[\"" THINK "\",\"context-1m-2025-08-07\"],"), "drop:beta:x"},
        {"version of the body", O55, "",
         "{\"model\":\"m\",\"anthropic_version\":\"2026-10-21\"," REST, OUT(""), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

static void test_betas_of_the_operator_are_allowed(void **state)
{
    struct splice_case c;
    struct models_choice choice = {.id = STR(OLD),
                                   .caps = models_caps(STR(OLD), &(struct models_caps){0}),
                                   .transport = MODELS_INVOKE};
    struct plan_options o = {.model = &choice,
                             .betas = STR("context-management-2025-06-27"),
                             .beta_rules.allow = STR("x, context-management-2025-06-27")};
    (void)state;
    splice_case_read(&c, STR("{\"model\":\"m\",\"context_management\":{\"edits\":[]}," REST),
                     false);
    assert_int_equal(c.status, STATUS_OK);
    splice_case_convert(&c, &o, &c.body);
    assert_int_equal(c.status, STATUS_OK);
    assert_true(
        text_eq(buf_str(&c.body), STR(OUT("\"anthropic_beta\":[\"context-management-2025-06-27\"],"
                                          "\"context_management\":{\"edits\":[]},"))));
    assert_int_equal(buf_len(&c.changes), 0);
    splice_case_free(&c);
}

static const struct {
    const char *name, *id, *betas, *in, *text; /* text NULL: it goes */
} losses[] = {
    {"field", O55, "", "{\"model\":\"m\",\"context_management\":{\"edits\":[]}," REST,
     "context_management"},
    {"beta", O55, "claude-code-20250219", IN, "beta:claude-code-20250219"},
    {"tool member", OLD, "",
     "{\"model\":\"m\",\"tools\":[{\"name\":\"t\",\"input_schema\":{},"
     "\"eager_input_streaming\":true}]," REST,
     "eager_input_streaming"},
    {"sampling", O55, "", "{\"model\":\"m\",\"temperature\":0.5," REST, "temperature"},
    {"one of two sampling fields", S45, "",
     "{\"model\":\"m\",\"temperature\":0.5,\"top_p\":0.5," REST, "top_p"},
    {"effort", OLD, "", "{\"model\":\"m\",\"output_config\":{\"effort\":\"low\"}," REST,
     "output_config.effort"},
    {"block member", "us.anthropic.claude-3-haiku-20240307-v1:0", "",
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
     "{\"type\":\"text\",\"text\":\"u\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
     "cache_control"},
    {"a value that Bedrock judges", OLD, "", "{\"model\":\"m\",\"temperature\":1.5," REST, NULL},
    {"a number that Bedrock judges", OLD, "",
     "{\"model\":\"m\",\"max_tokens\":999999,\"messages\":[{\"role\":\"user\",\"content\":"
     "\"u\"}]}",
     NULL},
    {"a system turn is told in other words", OLD, "",
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"},"
     "{\"role\":\"system\",\"content\":\"s\"}]}",
     NULL},
    {"a block that Bedrock judges", OLD, "",
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
     "{\"type\":\"text\",\"text\":\"u\"},{\"type\":\"container_upload\",\"file_id\":\"f\"}]}]}",
     NULL},
    {"a server's block, likewise", OLD, "",
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{"
     "\"role\":\"assistant\",\"content\":["
     "{\"type\":\"text\",\"text\":\"u\"},{\"type\":\"server_tool_use\",\"id\":\"srvtoolu_1\","
     "\"name\":\"web_search\",\"input\":{}}]},{\"role\":\"user\",\"content\":\"u\"}]}",
     NULL},
    {"deferred tool", OLD, "",
     "{\"model\":\"m\",\"tools\":[{\"name\":\"t\",\"input_schema\":{}},{\"name\":\"u\",\"input_"
     "schema\":{},\"defer_loading\":true}]," REST,
     "deferred_tools"},
    {"a translation is no loss", O55, "advanced-tool-use-2025-11-20", IN, NULL},
    {"nothing to lose", O55, THINK, IN, NULL},
};

/* STRICT_FIELDS: every kind of change that takes something away is a refusal by name, and the body
 * that would have gone without it differs from the client's only where the change is. */
static void test_strict_refuses_each_kind_of_loss(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(losses); i++) {
        struct splice_case c;
        struct models_choice choice = {
            .id = text_from(losses[i].id),
            .caps = models_caps(text_from(losses[i].id), &(struct models_caps){0}),
            .transport = MODELS_INVOKE};
        struct plan_options o = {
            .model = &choice, .betas = text_from(losses[i].betas), .strict_fields = true};
        char want[160];
        splice_case_read(&c, text_from(losses[i].in), false);
        splice_case_convert(&c, &o, &c.body);
        enum status st = c.status;
        snprintf(want, sizeof want, "%s: this model does not take it as it is (STRICT_FIELDS)",
                 losses[i].text ? losses[i].text : "");
        if (st != (losses[i].text ? STATUS_INVALID : STATUS_OK))
            fail_msg("%s: status %d", losses[i].name, (int)st);
        if (losses[i].text && strcmp(c.err.text, want) != 0)
            fail_msg("%s: %s", losses[i].name, c.err.text);
        splice_case_free(&c);
    }
}

/* A thousand of them must not become a thousand names in a response header. */
static void test_changes_of_many_betas_stay_short(void **state)
{
    struct splice_case c;
    struct buf many;
    (void)state;
    buf_init(&many, 65536);
    for (int i = 0; i < 1000; i++)
        buf_printf(&many, "beta-%d,", i);
    splice_case_run(&c, STR(O55), buf_str(&many), STR(IN));
    assert_int_equal(c.status, STATUS_OK);
    assert_in_range(buf_len(&c.changes), 500, 1000);
    struct str rest = buf_str(&c.changes), one;
    uint64_t named = 0, more = 0;
    for (; text_split(&rest, ',', &one); named++)
        if (text_starts(one, STR("more:")))
            assert_true(text_u64(text_sub(one, 5, one.n), &more));
    assert_int_equal(named - 1 + more, 1000);
    splice_case_free(&c);
    buf_free(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_betas_not_allowed_are_dropped_and_named),
        cmocka_unit_test(test_betas_of_the_operator_are_allowed),
        cmocka_unit_test(test_strict_refuses_each_kind_of_loss),
        cmocka_unit_test(test_changes_of_many_betas_stay_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
