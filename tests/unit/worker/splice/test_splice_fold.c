/* Role "system" inside messages for models without it. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define OLD       "anthropic.claude-3-5-sonnet-20241022-v2:0"
#define NEW       "global.anthropic.claude-opus-4-8"
#define IN        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":["
#define OUT       "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9,\"messages\":["
#define TAGGED(t) "{\"type\":\"text\",\"text\":\"<system-reminder>\\n" t "\\n</system-reminder>\""

static const struct splice_row rows[] = {
    {"both lists", OLD, "",
     IN "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"b\","
        "\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
     OUT "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}," TAGGED(
         "b") ",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
     "map:system_role"},
    {"both strings", OLD, "",
     IN "{\"role\":\"user\",\"content\":\"a\\\"\"},{\"role\":\"system\",\"content\":\"b\"}]}",
     OUT
     "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\\\"\"}," TAGGED("b") "}]}]}",
     "map:system_role"},
    {"role after content", OLD, "",
     IN "{\"content\":\"a\",\"role\":\"user\",\"x\":1.0},{\"content\":\"b\",\"role\":\"system\"},"
        "{\"role\":\"assistant\",\"content\":\"c\"}]}",
     OUT "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}," TAGGED(
         "b") "}],\"role\":\"user\",\"x\":1.0},{\"role\":\"assistant\",\"content\":\"c\"}]}",
     "map:system_role"},
    {"two in a row, spaces", OLD, "",
     IN " {\"role\":\"user\",\"content\":\"a\"} , {\"role\":\"system\",\"content\":\"b\"} ,"
        " {\"role\":\"system\",\"content\": [ {\"type\":\"text\",\"text\":\"c\"} ] } ]}",
     OUT " {\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}," TAGGED(
         "b") "}, " TAGGED("c") "} ]} ]}",
     "map:system_role"},
    {"first of all: becomes the user message", OLD, "",
     IN "{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"assistant\",\"content\":\"c\"}]}",
     OUT "{\"role\":\"user\",\"content\":[" TAGGED(
         "s") "}]},{\"role\":\"assistant\",\"content\":\"c\"}]}",
     "map:system_role"},
    {"before a user message: takes it in", OLD, "",
     IN "{\"content\":\"s\",\"role\":\"system\"},{\"role\":\"user\",\"content\":\"u\"}]}",
     OUT "{\"content\":[" TAGGED("s") "},{\"type\":\"text\",\"text\":\"u\"}],\"role\":\"user\"}]}",
     "map:system_role"},
    {"only an effort: gone, comma too", OLD, "",
     IN "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\"},"
        "{\"role\":\"system\",\"content\":[],\"output_config\":{\"effort\":\"low\"}}]}",
     OUT "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\"}]}",
     "drop:message.output_config,map:system_role"},
    {"effort only, behind a user message", OLD, "",
     IN "{\"role\":\"user\",\"content\":\"u\"},"
        "{\"role\":\"system\",\"output_config\":{\"effort\":\"low\"},\"content\":\"\"}]}",
     OUT "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"u\"}]}]}",
     "drop:message.output_config,map:system_role"},
    {"members around the content of a joined message", OLD, "",
     IN
     "{\"role\":\"user\",\"content\":\"u\",\"output_config\":{\"effort\":\"low\"}},"
     "{\"output_config\":{\"effort\":\"low\"},\"role\":\"system\",\"content\":\"s\",\"clear_at\":"
     "\"never\"}]}",
     OUT "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"u\"}," TAGGED("s") "}]}]}",
     "drop:message.output_config,drop:message.clear_at,map:system_role"},
    {"a block that is no text", OLD, "",
     IN "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":["
        "{\"type\":\"tool_addition\",\"tools\":[]},{\"type\":\"text\",\"text\":\"s\"}]}]}",
     OUT "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"u\"}," TAGGED("s") "}]}]}",
     "map:system_role,drop:system_block"},
    {"top-level cache_control on a folded string", OLD, "",
     IN "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":\"s\"}],"
        "\"cache_control\":{\"type\":\"ephemeral\"}}",
     OUT "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"u\"}," TAGGED(
         "s") ",\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
     "map:system_role,map:cache_control"},
    {"tool results stay in front", OLD, "",
     IN "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":["
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]},"
        "{\"role\":\"system\",\"content\":\"s\"}]}",
     OUT "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":["
         "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}]},"
         "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}," TAGGED(
             "s") "}]}]}",
     "map:system_role"},
    {"4.7 does not", "global.anthropic.claude-opus-4-7", "",
     IN "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":\"s\"}]}",
     OUT "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"u\"}," TAGGED("s") "}]}]}",
     "map:system_role"},
    {"a model that knows the role", NEW, "",
     IN "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":\"s\"}]}",
     OUT "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":\"s\"}]}", ""},
};

static void test_system_role_without_support_is_folded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_role_without_support_is_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
