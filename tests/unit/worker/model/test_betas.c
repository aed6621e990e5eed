/* What becomes of an anthropic-beta value: the operator's rules, the model's list, the renames. */
#include "worker/model/betas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "shm/memory/directory.h"

#define O55   "global.anthropic.claude-opus-5-5"
#define S37   "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
#define QWEN  "qwen.qwen3-32b-v1:0"
#define THINK "interleaved-thinking-2025-05-14"

static struct config config_with(const char *mapping, const char *block, const char *pass,
                                 const char *models)
{
    return (struct config){.beta_mapping = mapping,
                           .beta_blocklist = block,
                           .beta_passthrough = pass,
                           .beta_models = models};
}

static struct betas configured;

static void init(const char *mapping, const char *block, const char *pass, const char *models)
{
    struct config c = config_with(mapping, block, pass, models);
    struct err err;
    assert_int_equal(betas_init(&configured, &c, &err), STATUS_OK);
}

/* "taken x", "mapped y z", "dropped" */
static void judge(const struct betas_rules *rules, const char *id, const char *value, char *out,
                  size_t size)
{
    static const char *const words[] = {"taken", "mapped", "dropped"};
    struct arena *arena = arena_new(65536);
    struct models_choice model = {.id = text_from(id),
                                  .caps = models_caps(text_from(id), &(struct models_caps){0})};
    struct str to[BETAS_TO_MAX];
    uint32_t n;
    enum betas_verdict v = betas_judge(rules, &model, arena, text_from(value), to, &n);
    size_t at = (size_t)snprintf(out, size, "%s", words[v]);
    for (uint32_t i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, size - at, " %.*s", STR_ARG(to[i]));
    arena_drop(arena);
}

struct row {
    const char *name, *id, *value, *out;
};

static void check(const struct betas_rules *rules, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char out[400];
        judge(rules, rows[i].id, rows[i].value, out, sizeof out);
        if (strcmp(out, rows[i].out) != 0)
            fail_msg("%s: %s", rows[i].name, out);
    }
}

static void test_environment_rules_come_before_the_built_in_table(void **state)
{
    static const struct row rows[] = {
        {"built-in still there", O55, THINK, "taken " THINK},
        {"blocked though the model has it", O55, "context-1m-2025-08-07", "dropped"},
        {"blocked and mapped", O55, "both-1", "dropped"},
        {"mapped", O55, "new-1", "mapped a-1 b-2"},
        {"mapped without the model's list", S37, "new-1", "mapped a-1 b-2"},
        {"mapped to nothing", O55, "none-1", "dropped"},
        {"as it is", O55, "pass-1", "taken pass-1"},
        {"allowed", O55, "allow-1", "taken allow-1"},
        {"built-in rename", O55, "advanced-tool-use-2025-11-20",
         "mapped tool-search-tool-2025-10-19"},
        {"unknown", O55, "who-1", "dropped"},
        {"not Claude", QWEN, "pass-1", "dropped"},
        {"not Claude, allowed", QWEN, "allow-1", "dropped"},
        {"no name", O55, "a b", "dropped"},
    };
    struct betas_rules rules = {STR("x, allow-1"), NULL, &configured};
    (void)state;
    init("{\"new-1\":[\"a-1\",\"b-2\"],\"none-1\":[],\"both-1\":[\"a-1\"]}",
         "[\"context-1m-2025-08-07\",\"both-1\"]", "[\"pass-1\"]", "");
    check(&rules, rows, COUNT_OF(rows));
}

static void test_rules_hold_for_the_models_that_are_named(void **state)
{
    static const struct row rows[] = {
        {"named", O55, "new-1", "mapped a-1"},
        {"other", S37, "new-1", "dropped"},
        {"other, the built-in list goes on", S37, "computer-use-2025-01-24",
         "taken computer-use-2025-01-24"},
        {"a block holds everywhere", S37, "output-128k-2025-02-19", "dropped"},
    };
    struct betas_rules rules = {STR(""), NULL, &configured};
    (void)state;
    init("{\"new-1\":[\"a-1\"],\"computer-use-2025-01-24\":[\"z-9\"]}",
         "[\"output-128k-2025-02-19\"]", "", "[\"haiku\",\"OPUS\"]");
    check(&rules, rows, COUNT_OF(rows));
}

static void test_table_comes_before_the_environment(void **state)
{
    static const struct row rows[] = {
        {"the table's mapping", O55, "new-1", "mapped t-1 t-2"},
        {"the table's block", O55, THINK, "dropped"},
        {"the environment's", O55, "env-1", "taken env-1"},
    };
    struct segment s;
    struct err err;
    (void)state;
    assert_int_equal(segment_create(&s, 1, 64, &err), STATUS_OK);
    directory_begin(&s);
    assert_true(directory_add_beta(&s, STR("new-1"), STR("t-1,t-2")));
    assert_true(directory_add_beta(&s, STR(THINK), STR("")));
    directory_publish(&s, 1);
    struct betas_rules rules = {STR(""), &s, &configured};
    init("{\"new-1\":[\"a-1\"]}", "", "[\"env-1\",\"" THINK "\"]", "");
    check(&rules, rows, COUNT_OF(rows));
    segment_drop(&s);
}

static void test_init_wrong_content_names_the_variable(void **state)
{
    static const struct {
        const char *mapping, *block, *pass, *models, *text;
    } rows[] = {
        {"[1]", "", "", "", "BETA_HEADER_MAPPING: must be a JSON object of lists"},
        {"{\"a\":\"b\"}", "", "", "",
         "BETA_HEADER_MAPPING: \"a\" must have a list of names of betas"},
        {"{\"a\":[\"b c\"]}", "", "", "",
         "BETA_HEADER_MAPPING: \"a\" must have a list of names of betas"},
        {"{\"a b\":[]}", "", "", "", "BETA_HEADER_MAPPING: \"a b\" is no name of a beta"},
        {"", "{}", "", "", "BETA_HEADERS_BLOCKLIST: must be a JSON list of names"},
        {"", "[5]", "", "", "BETA_HEADERS_BLOCKLIST: \"\" is no name of a beta"},
        {"", "", "\"x\"", "", "BETA_HEADERS_PASSTHROUGH: must be a JSON list of names"},
        {"", "", "", "[\"\"]",
         "BETA_HEADER_SUPPORTED_MODELS: must be a JSON list of words, together under 512 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config c = config_with(rows[i].mapping, rows[i].block, rows[i].pass, rows[i].models);
        struct err err;
        if (betas_init(&configured, &c, &err) != STATUS_INVALID ||
            strcmp(err.text, rows[i].text) != 0)
            fail_msg("%s: %s", rows[i].text, err.text);
    }
    struct config c = config_with("", "a,b", "", "");
    struct err err;
    assert_int_equal(betas_init(&configured, &c, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "BETA_HEADERS_BLOCKLIST: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment_rules_come_before_the_built_in_table),
        cmocka_unit_test(test_rules_hold_for_the_models_that_are_named),
        cmocka_unit_test(test_table_comes_before_the_environment),
        cmocka_unit_test(test_init_wrong_content_names_the_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
