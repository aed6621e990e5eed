/* Blocks of `system` and `messages`, and the top-level cache_control. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"

#define HAIKU3        "anthropic.claude-3-haiku-20240307-v1:0"
#define OLD           "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define S45           "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define O47           "global.anthropic.claude-opus-4-7"
#define O48           "global.anthropic.claude-opus-4-8"
#define HAIKU35       "us.anthropic.claude-3-5-haiku-20241022-v1:0"
#define IN(rest)      "{\"model\":\"m\",\"max_tokens\":9," rest "}"
#define OUT(rest)     "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9," rest "}"
#define USER(content) "\"messages\":[{\"role\":\"user\",\"content\":" content "}]"
#define TEXT(more)    "{\"type\":\"text\",\"text\":\"t\"" more "}"
#define EPH           ",\"cache_control\":{\"type\":\"ephemeral\"}"
#define TOP           "\"cache_control\":{\"type\":\"ephemeral\"}"
#define SPOT          "\"cache_control\":{\"type\":\"ephemeral\"},"

static void test_blocks_lose_what_the_model_does_not_take(void **state)
{
    static const struct splice_row rows[] = {
        {"no caching", HAIKU3, "", IN(USER("[" TEXT(EPH) "]")), OUT(USER("[" TEXT("") "]")),
         "drop:cache_control"},
        {"system: scope and ttl", OLD, "",
         IN("\"system\":[" TEXT(",\"cache_control\":{\"scope\":\"global\",\"ttl\":\"1h\",\"type\":"
                                "\"ephemeral\"}") "]," USER("\"u\"")),
         OUT("\"system\":[" TEXT(EPH) "]," USER("\"u\"")),
         "drop:cache_control.scope,drop:cache_control.ttl"},
        {"ttl taken", S45, "",
         IN(USER("[" TEXT(",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}") "]")),
         OUT(USER("[" TEXT(",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}") "]")), ""},
        {"inside a tool result; caller", OLD, "",
         IN("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
            "\"content\":["
            "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"caller\":1},"
            "\"caller\":{\"type\":\"direct\"}}]},"
            "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\","
            "\"content\":[" TEXT(
                ",\"cache_control\":{\"type\":\"ephemeral\",\"scope\":\"x\"}") "]}]}]"),
         OUT("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
             "\"content\":["
             "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"caller\":1}}]},"
             "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\","
             "\"content\":[" TEXT(EPH) "]}]}]"),
         "drop:caller,drop:cache_control.scope"},
        {"effort of one message", O48, "",
         IN("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":"
            "\"s\","
            "\"output_config\":{\"effort\":\"low\"}}]"),
         OUT("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":"
             "\"s\"}]"),
         "drop:message.output_config"},
        {"redacted thinking stays", S45, "",
         IN("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
            "\"content\":["
            "{\"type\":\"redacted_thinking\",\"data\":\"A\\/"
            "\\u0000+\"}]},{\"role\":\"user\",\"content\":\"v\"}]"),
         OUT("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
             "\"content\":["
             "{\"type\":\"redacted_thinking\",\"data\":\"A\\/"
             "\\u0000+\"}]},{\"role\":\"user\",\"content\":\"v\"}]"),
         ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

#define TTL(t) ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"" t "\"}"
/* an hour that was put in */
#define FILLED ",\"cache_control\":{\"ttl\":\"1h\",\"type\":\"ephemeral\"}"
#define MAPPED "map:cache_control.ttl"

static void test_cache_policy_changes_the_lifetime_only(void **state)
{
    static const struct cache_policy hour = {.forced = DIRECTORY_TTL_1H},
                                     minutes = {.forced = DIRECTORY_TTL_5M},
                                     unsaid = {.unsaid = DIRECTORY_TTL_1H}, off = {.off = true};
    static const struct {
        const struct cache_policy *policy;
        struct splice_row row;
    } rows[] = {
        {&hour,
         {"forced hour", S45, "", IN(USER("[" TEXT(TTL("5m")) "," TEXT(EPH) "]")),
          OUT(USER("[" TEXT(TTL("1h")) "," TEXT(FILLED) "]")), MAPPED}},
        {&hour,
         {"already so", S45, "", IN(USER("[" TEXT(TTL("1h")) "]")),
          OUT(USER("[" TEXT(TTL("1h")) "]")), ""}},
        {&hour,
         {"model without", OLD, "", IN(USER("[" TEXT(EPH) "]")), OUT(USER("[" TEXT(EPH) "]")), ""}},
        {&hour,
         {"top level", O47, "", IN(TOP "," USER("\"u\"")),
          OUT("\"cache_control\":{\"ttl\":\"1h\",\"type\":\"ephemeral\"}," USER("\"u\"")), MAPPED}},
        {&hour,
         {"top level placed", S45, "", IN(TOP "," USER("\"u\"")),
          OUT(USER("[{\"type\":\"text\",\"text\":\"u\"" TTL("1h") "}]")), "map:cache_control"}},
        {&minutes,
         {"forced minutes", S45, "", IN(USER("[" TEXT(TTL("1h")) "," TEXT(EPH) "]")),
          OUT(USER("[" TEXT(TTL("5m")) "," TEXT(EPH) "]")), MAPPED}},
        {&unsaid,
         {"unsaid filled", S45, "", IN(USER("[" TEXT(TTL("1h")) "," TEXT(EPH) "]")),
          OUT(USER("[" TEXT(TTL("1h")) "," TEXT(FILLED) "]")), MAPPED}},
        {&unsaid,
         {"tools, too", S45, "",
          IN("\"tools\":[{\"name\":\"n\",\"input_schema\":{\"type\":\"object\"}" EPH
             "}]," USER("\"u\"")),
          OUT("\"tools\":[{\"name\":\"n\",\"input_schema\":{\"type\":\"object\"}" FILLED
              "}]," USER("\"u\"")),
          MAPPED}},
        {&off,
         {"off", S45, "", IN(TOP "," USER("[" TEXT(TTL("1h")) "]")), OUT(USER("[" TEXT("") "]")),
          "drop:cache_control"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check_with(&rows[i].row, *rows[i].policy);
}

static void test_top_level_cache_control_becomes_a_breakpoint(void **state)
{
    static const struct splice_row rows[] = {
        {"taken", O47, "", IN(TOP "," USER("\"u\"")), OUT(TOP "," USER("\"u\"")), ""},
        {"last block", S45, "", IN(USER("[" TEXT("") "," TEXT("") "]") "," TOP),
         OUT(USER("[" TEXT("") ",{" SPOT "\"type\":\"text\",\"text\":\"t\"}]")),
         "map:cache_control"},
        {"string", S45, "", IN(TOP "," USER("\"u\"")),
         OUT(USER("[{\"type\":\"text\",\"text\":\"u\"" EPH "}]")), "map:cache_control"},
        {"one hour kept", S45, "",
         IN("\"cache_control\":{\"ttl\":\"1h\",\"type\":\"ephemeral\",\"scope\":\"x\"}," USER(
             "[" TEXT("") "]")),
         OUT(USER("[{\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"},\"type\":\"text\","
                  "\"text\":\"t\"}]")),
         "map:cache_control"},
        {"one hour not taken", OLD, "",
         IN("\"cache_control\":{\"ttl\":\"1h\",\"type\":\"ephemeral\"}," USER("[" TEXT("") "]")),
         OUT(USER("[{" SPOT "\"type\":\"text\",\"text\":\"t\"}]")), "map:cache_control"},
        {"the block has one", S45, "", IN(TOP "," USER("[" TEXT(EPH) "]")),
         OUT(USER("[" TEXT(EPH) "]")), "drop:cache_control"},
        {"not on thinking", S45, "",
         IN("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
            "\"content\":[" TEXT(
                "") ",{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"s\"}]}]," TOP),
         OUT("\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","
             "\"content\":["
             "{" SPOT "\"type\":\"text\",\"text\":\"t\"},{\"type\":\"thinking\",\"thinking\":\"x\","
             "\"signature\":\"s\"}]}]"),
         "map:cache_control"},
        {"empty last message: system", S45, "",
         IN("\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":"
            "\"assistant\",\"content\":\"\"}]," TOP),
         OUT("\"system\":[{\"type\":\"text\",\"text\":\"s\"" EPH
             "}],\"messages\":[{\"role\":\"user\",\"content\":\"u\"},"
             "{\"role\":\"assistant\",\"content\":\"\"}]"),
         "map:cache_control"},
        {"no caching at all", HAIKU3, "", IN(TOP "," USER("\"u\"")), OUT(USER("\"u\"")),
         "drop:cache_control"},
        {"null", S45, "", IN("\"cache_control\":null," USER("\"u\"")), OUT(USER("\"u\"")), ""},
        {"a fifth breakpoint", S45, "",
         IN(TOP "," USER("[" TEXT(EPH) "," TEXT(EPH) "," TEXT(EPH) "," TEXT(EPH) "," TEXT("") "]")),
         "A maximum of 4 blocks with cache_control may be provided. Found 5.", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

/* Claude Code leaves the blocks out when it reads these words, and only then. */
static void test_media_the_model_does_not_take_is_refused_by_its_token(void **state)
{
#define IMAGE                                                                     \
    "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/" \
    "png\",\"data\":\"AA==\"}}"
#define CALL                                                                           \
    "\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\","     \
    "\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}]}," \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"," \
    "\"content\":[" IMAGE "]}]}]"
#define PARTS(x) \
    USER("[{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[" x "]}}]")
    static const char refused[] = "capability_rejected: image_block";
    static const struct splice_row rows[] = {
        {"image", HAIKU35, "", IN(USER("[" TEXT("") "," IMAGE "]")), refused, NULL},
        {"image in a tool result", HAIKU35, "", IN(CALL), refused, NULL},
        {"image in a document", HAIKU35, "", IN(PARTS(IMAGE)), refused, NULL},
        {"document", HAIKU35, "", IN(PARTS(TEXT(""))), OUT(PARTS(TEXT(""))), ""},
        {"image taken", HAIKU3, "", IN(CALL), OUT(CALL), ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        splice_case_check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_lose_what_the_model_does_not_take),
        cmocka_unit_test(test_media_the_model_does_not_take_is_refused_by_its_token),
        cmocka_unit_test(test_cache_policy_changes_the_lifetime_only),
        cmocka_unit_test(test_top_level_cache_control_becomes_a_breakpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
