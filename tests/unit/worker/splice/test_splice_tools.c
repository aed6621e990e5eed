/* `tools` on their way to InvokeModel. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define OLD        "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define S45        "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define O47        "global.anthropic.claude-opus-4-7"
#define MSG        "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"}]"
#define IN(tools)  "{\"model\":\"m\",\"tools\":[" tools "]," MSG "}"
#define V          "{\"anthropic_version\":\"bedrock-2023-05-31\","
#define SEARCH     "\"anthropic_beta\":[\"tool-search-tool-2025-10-19\"],"
#define OUT(tools) V "\"tools\":[" tools "]," MSG "}"
#define REFUSED(type) \
    "'m' does not support tool types: " type ". Server tools are not available on Amazon Bedrock."
#define HISTORY(block)                                                                             \
    "\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":"              \
    "\"assistant\","                                                                               \
    "\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"s\",\"input\":{}}]},"             \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":" \
    "[" block "]}]}]}"

static const struct splice_row tool_rows[] = {
    {"empty list", OLD, "",
     "{\"model\":\"m\",\"tools\":[],\"tool_choice\":{\"type\":\"auto\"}," MSG "}", V MSG "}", ""},
    {"kept byte for byte", O47, "",
     IN("{ \"name\":\"a\",\"input_schema\" : "
        "{\"type\":\"object\",\"maximum\":9007199254740993,\"x\":1e-7} }"),
     OUT("{ \"name\":\"a\",\"input_schema\" : "
         "{\"type\":\"object\",\"maximum\":9007199254740993,\"x\":1e-7} }"),
     ""},
    {"deferred, no search", OLD, "",
     IN("{\"name\":\"a\"},{\"name\":\"b\",\"defer_loading\":true},{\"name\":\"c\",\"defer_"
        "loading\":false}"),
     OUT("{\"name\":\"a\"},{\"name\":\"c\"}"), "drop:deferred_tools,drop:defer_loading"},
    {"all deferred", OLD, "",
     "{\"tools\":[{\"name\":\"b\",\"defer_loading\":true}],\"tool_choice\":{\"type\":\"auto\"},"
     "\"model\":\"m\"," MSG "}",
     V MSG "}", "drop:deferred_tools"},
    {"deferred with search: beta added", O47, "", IN("{\"name\":\"b\",\"defer_loading\":true}"),
     V SEARCH "\"tools\":[{\"name\":\"b\",\"defer_loading\":true}]," MSG "}", ""},
    {"referenced in the history", OLD, "",
     "{\"model\":\"m\",\"tools\":[{\"name\":\"b\",\"defer_loading\":true},{\"defer_loading\":"
     "true,"
     "\"name\":\"c\"}]," HISTORY("{\"type\":\"tool_reference\",\"tool_name\":\"c\"}"),
     V "\"tools\":[{\"name\":\"c\"}]," HISTORY("{\"type\":\"text\",\"text\":\"[Tool: c]\"}"),
     "drop:deferred_tools,drop:defer_loading,map:tool_reference"},
    {"members of newer models", OLD, "",
     IN("{\"eager_input_streaming\":true,\"name\":\"a\",\"strict\":true,\"input_examples\":[],"
        "\"allowed_callers\":[\"direct\"]}"),
     OUT("{\"name\":\"a\"}"),
     "drop:eager_input_streaming,drop:strict,drop:input_examples,drop:allowed_callers"},
    {"members a new model takes", O47, "",
     IN("{\"eager_input_streaming\":true,\"name\":\"a\",\"strict\":true}"),
     OUT("{\"eager_input_streaming\":true,\"name\":\"a\"}"), "drop:strict"},
    {"members of structured output", S45, "",
     IN("{\"eager_input_streaming\":true,\"name\":\"a\",\"strict\":true}"),
     OUT("{\"name\":\"a\",\"strict\":true}"), "drop:eager_input_streaming"},
    {"cache_control", OLD, "",
     IN("{\"name\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\",\"scope\":"
        "\"global\"}}"),
     OUT("{\"name\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}"),
     "drop:cache_control.ttl,drop:cache_control.scope"},
    {"client tool with a type", OLD, "", IN("{\"type\":\"bash_20250124\",\"name\":\"bash\"}"),
     OUT("{\"type\":\"bash_20250124\",\"name\":\"bash\"}"), ""},
    {"search tool undated", O47, "",
     IN("{\"type\":\"tool_search_tool_regex_20251119\",\"name\":\"r\"}"),
     V SEARCH "\"tools\":[{\"type\":\"tool_search_tool_regex\",\"name\":\"r\"}]," MSG "}",
     "map:tool_search_tool"},
    {"search tool without date", O47, "", IN("{\"type\":\"tool_search_tool_bm25\",\"name\":\"r\"}"),
     V SEARCH "\"tools\":[{\"type\":\"tool_search_tool_bm25\",\"name\":\"r\"}]," MSG "}", ""},
    {"search tool on an old model", OLD, "",
     IN("{\"type\":\"tool_search_tool_regex_20251119\",\"name\":\"r\"}"),
     REFUSED("tool_search_tool_regex_20251119"), NULL},
    {"web search", O47, "",
     IN("{\"name\":\"a\"},{\"type\":\"web_search_20250305\",\"name\":\"w\"}"),
     REFUSED("web_search_20250305"), NULL},
    {"web fetch", O47, "", IN("{\"type\":\"web_fetch_20260318\"}"), REFUSED("web_fetch_20260318"),
     NULL},
    {"code execution", O47, "", IN("{\"type\":\"code_execution_20260521\"}"),
     REFUSED("code_execution_20260521"), NULL},
    {"advisor", O47, "", IN("{\"type\":\"advisor_20260301\"}"), REFUSED("advisor_20260301"), NULL},
    {"mcp", O47, "", IN("{\"type\":\"mcp_toolset\"}"), REFUSED("mcp_toolset"), NULL},
};

static void test_tools_the_model_cannot_take_are_dropped_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tool_rows); i++)
        splice_case_check(&tool_rows[i]);
}

/* A tool never goes on without the beta it needs: one that Bedrock has refused, or the operator. */
static void test_without_its_beta_there_is_no_tool_search(void **state)
{
    static const struct splice_row rows[] = {
        {"search tool", O47, "",
         IN("{\"type\":\"tool_search_tool_regex_20251119\",\"name\":\"r\"}"),
         REFUSED("tool_search_tool_regex_20251119"), NULL},
        {"deferred", O47, "", IN("{\"name\":\"a\"},{\"name\":\"b\",\"defer_loading\":true}"),
         OUT("{\"name\":\"a\"}"), "drop:deferred_tools"},
        {"given out already", O47, "",
         "{\"model\":\"m\",\"tools\":[{\"name\":\"c\",\"defer_loading\":true}]," HISTORY(
             "{\"type\":\"tool_reference\",\"tool_name\":\"c\"}"),
         V "\"tools\":[{\"name\":\"c\"}]," HISTORY("{\"type\":\"text\",\"text\":\"[Tool: c]\"}"),
         "drop:defer_loading,map:tool_reference"},
        {"none asked", O47, "", IN("{\"name\":\"a\"}"), OUT("{\"name\":\"a\"}"), ""},
    };
    static const struct betas blocked = {.rules = {{.name = "tool-search-tool-2025-10-19"}},
                                         .count = 1};
    struct cure cure = {.what = LEARNED_BETA, .name = "tool-search-tool-2025-10-19"};
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        const struct splice_row *row = &rows[i / 2];
        struct splice_case c;
        struct models_choice choice = {
            .id = text_from(row->id),
            .caps = models_caps(text_from(row->id), &(struct models_caps){0}),
            .transport = MODELS_INVOKE};
        struct plan_options o = {.model = &choice};
        size_t at;
        if (i % 2)
            o.cure = &cure;
        else
            o.beta_rules.configured = &blocked;
        splice_case_read(&c, text_from(row->in), false);
        splice_case_convert(&c, &o, &c.body);
        struct str got = c.status == STATUS_OK ? buf_str(&c.body) : text_from(c.err.text);
        if ((c.status == STATUS_OK) != (row->changes != NULL) || !text_eq(got, text_from(row->out)))
            fail_msg("%s: %d '%.*s'", row->name, c.status, STR_ARG(got));
        if (row->changes && !text_find(buf_str(&c.changes), text_from(row->changes), &at))
            fail_msg("%s: changes '%.*s'", row->name, STR_ARG(buf_str(&c.changes)));
        splice_case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tools_the_model_cannot_take_are_dropped_or_refused),
        cmocka_unit_test(test_without_its_beta_there_is_no_tool_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
