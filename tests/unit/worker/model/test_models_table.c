#include "worker/model/models_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "shm/catalogue/region.h"

static void test_base_of_ids_and_arns_has_no_region(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"us.anthropic.x", "anthropic.x"},
        {"us-gov.anthropic.x", "anthropic.x"},
        {"global.amazon.nova-2-lite-v1:0", "amazon.nova-2-lite-v1:0"},
        {"apac.x.y", "x.y"},
        {"amer.x.y", "x.y"},
        {"jp.x.y", "x.y"},
        {"au.x.y", "x.y"},
        {"anthropic.x", "anthropic.x"},
        {"arn:aws:bedrock:us-east-1::foundation-model/anthropic.x-v1:0", "anthropic.x-v1:0"},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.x", "anthropic.x"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str got = region_base(text_from(rows[i].in));
        if (!text_eq(got, text_from(rows[i].out)))
            fail_msg("%s: got %.*s", rows[i].in, STR_ARG(got));
    }
}

static const struct {
    const char *id, *family;
    uint32_t has, lacks;
} caps_rows[] = {
    {"anthropic.claude-3-haiku-20240307-v1:0", "claude-3", MODELS_IMAGES, MODELS_CACHE},
    {"us.anthropic.claude-3-5-haiku-20241022-v1:0", "claude-haiku-3-5",
     MODELS_CACHE | MODELS_DOCUMENTS | MODELS_TOOL_CHOICE, MODELS_IMAGES},
    {"anthropic.claude-3-5-sonnet-20240620-v1:0", "claude-sonnet-3-5", MODELS_IMAGES, MODELS_CACHE},
    {"apac.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-sonnet-3-5",
     MODELS_IMAGES | MODELS_CACHE, MODELS_CACHE_1H},
    {"us.anthropic.claude-3-7-sonnet-20250219-v1:0", "claude-sonnet-3-7", MODELS_CACHE,
     MODELS_CACHE_1H},
    {"us.anthropic.claude-opus-4-20250514-v1:0", "claude-opus-4", MODELS_CACHE, MODELS_CACHE_1H},
    {"us.anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4-1", MODELS_CACHE,
     MODELS_CACHE_1H},
    {"global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5",
     MODELS_CACHE_1H | MODELS_FORMAT | MODELS_STRICT, MODELS_SYSTEM_ROLE},
    {"global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6", MODELS_TOOL_SEARCH | MODELS_STOPS,
     MODELS_SYSTEM_ROLE | MODELS_CACHE_TOP},
    {"global.anthropic.claude-opus-4-7", "claude-opus-4-7",
     MODELS_CACHE_TOP | MODELS_TOOL_CHOICE | MODELS_THINKING_DISPLAY | MODELS_CALL_LIMIT,
     MODELS_SYSTEM_ROLE | MODELS_FORMAT},
    {"jp.anthropic.claude-opus-4-8", "claude-opus-4-8",
     MODELS_SYSTEM_ROLE | MODELS_TOOL_CHOICE | MODELS_CACHE_1H, MODELS_FORMAT},
    {"au.anthropic.claude-sonnet-5", "claude-sonnet-5", MODELS_TOOL_CHOICE | MODELS_SYSTEM_ROLE,
     MODELS_FORMAT},
    {"eu.anthropic.claude-haiku-5-5", "claude", MODELS_TOOL_CHOICE, MODELS_FORMAT},
    {"anthropic.claude-mythos-preview", "claude-mythos", MODELS_CLAUDE, MODELS_TOOL_CHOICE},
    {"global.anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", MODELS_SYSTEM_ROLE,
     MODELS_TOOL_CHOICE},
    {"global.anthropic.claude-opus-9", "claude", MODELS_CLAUDE | MODELS_SYSTEM_ROLE, 0},
    {"arn:aws:bedrock:us-east-1:1:provisioned-model/my-claude", "claude", MODELS_CLAUDE, 0},
    {"arn:aws:bedrock:us-east-1:1:application-inference-profile/q1", "other", MODELS_SYSTEM,
     MODELS_CLAUDE | MODELS_IMAGES | MODELS_CACHE},
    {"ai21.jamba-1-5-mini-v1:0", "jamba", MODELS_TOOLS | MODELS_STREAM_TOOLS | MODELS_DOCUMENTS,
     MODELS_IMAGES | MODELS_TOOL_CHOICE},
    {"ai21.jamba-instruct-v1:0", "jamba-instruct", MODELS_SYSTEM, MODELS_TOOLS | MODELS_DOCUMENTS},
    {"meta.llama3-70b-instruct-v1:0", "llama-3", MODELS_DOCUMENTS, MODELS_TOOLS},
    {"us.meta.llama3-1-70b-instruct-v1:0", "llama-3.1", MODELS_TOOLS | MODELS_DOCUMENTS,
     MODELS_STREAM_TOOLS | MODELS_TOOL_CHOICE | MODELS_IMAGES},
    {"us.meta.llama3-2-3b-instruct-v1:0", "llama-3.2", MODELS_DOCUMENTS,
     MODELS_TOOLS | MODELS_IMAGES},
    {"us.meta.llama3-2-11b-instruct-v1:0", "llama-3.2",
     MODELS_TOOLS | MODELS_IMAGES | MODELS_DOCUMENTS, MODELS_STREAM_TOOLS},
    {"us.meta.llama3-2-90b-instruct-v1:0", "llama-3.2", MODELS_TOOLS | MODELS_IMAGES,
     MODELS_TOOL_CHOICE},
    {"us.meta.llama4-scout-17b-instruct-v1:0", "llama-4",
     MODELS_TOOLS | MODELS_IMAGES | MODELS_DOCUMENTS, MODELS_STREAM_TOOLS | MODELS_TOOL_CHOICE},
    {"mistral.mistral-7b-instruct-v0:2", "mistral-7b", MODELS_DOCUMENTS,
     MODELS_SYSTEM | MODELS_TOOLS},
    {"mistral.mixtral-8x7b-instruct-v0:1", "mixtral", MODELS_DOCUMENTS,
     MODELS_SYSTEM | MODELS_TOOLS},
    {"mistral.mistral-small-2402-v1:0", "mistral-small", MODELS_SYSTEM | MODELS_TOOLS,
     MODELS_DOCUMENTS | MODELS_STREAM_TOOLS | MODELS_TOOL_CHOICE | MODELS_CHOICE_ANY},
    {"mistral.mistral-large-2402-v1:0", "mistral-large",
     MODELS_DOCUMENTS | MODELS_TOOLS | MODELS_CHOICE_ANY, MODELS_STREAM_TOOLS | MODELS_TOOL_CHOICE},
    {"mistral.mistral-large-2407-v1:0", "mistral-large", MODELS_CHOICE_ANY, MODELS_IMAGES},
    {"mistral.mistral-large-3-675b-instruct", "mistral-large-3",
     MODELS_IMAGES | MODELS_STREAM_TOOLS | MODELS_TOOL_CHOICE, 0},
    {"mistral.magistral-small-2509", "magistral", MODELS_IMAGES, 0},
    {"mistral.devstral-2-123b", "mistral", MODELS_TOOLS, MODELS_IMAGES},
    {"eu.mistral.pixtral-large-2502-v1:0", "pixtral", MODELS_IMAGES | MODELS_TOOLS,
     MODELS_STREAM_TOOLS},
    {"cohere.command-r-plus-v1:0", "command", MODELS_DOCUMENTS | MODELS_TOOLS | MODELS_STREAM_TOOLS,
     MODELS_TOOL_CHOICE},
    {"us.deepseek.r1-v1:0", "deepseek-r1", MODELS_SYSTEM | MODELS_DOCUMENTS, MODELS_TOOLS},
    {"deepseek.v3-v1:0", "deepseek", MODELS_STREAM_TOOLS | MODELS_TOOL_CHOICE | MODELS_FORMAT,
     MODELS_IMAGES | MODELS_STRICT},
    {"deepseek.v3.2", "deepseek", MODELS_TOOL_CHOICE, MODELS_FORMAT},
    {"google.gemma-3-4b-it", "gemma", MODELS_IMAGES, MODELS_FORMAT},
    {"google.gemma-3-27b-it", "gemma", MODELS_IMAGES | MODELS_FORMAT, MODELS_TOOLS},
    {"moonshot.kimi-k2-thinking", "kimi", MODELS_FORMAT, MODELS_IMAGES},
    {"moonshotai.kimi-k2.5", "kimi", MODELS_IMAGES, MODELS_FORMAT},
    {"mistral.ministral-3-14b-instruct", "ministral", MODELS_IMAGES | MODELS_FORMAT, MODELS_STRICT},
    {"openai.gpt-oss-120b-1:0", "gpt-oss", MODELS_FORMAT, MODELS_STRICT},
    {"qwen.qwen3-coder-480b-a35b-v1:0", "qwen-3", MODELS_FORMAT, MODELS_STRICT | MODELS_STOPS},
    {"openai.gpt-oss-20b-1:0", "gpt-oss", MODELS_TOOL_CHOICE, MODELS_IMAGES | MODELS_STOPS},
    {"global.openai.gpt-5.6-luna", "gpt", MODELS_TOOL_CHOICE | MODELS_IMAGES,
     MODELS_STOPS | MODELS_DOCUMENTS},
    {"xai.grok-4.3", "grok", MODELS_IMAGES, MODELS_DOCUMENTS | MODELS_STOPS},
    {"nvidia.nemotron-nano-12b-v2", "nemotron-vl", MODELS_IMAGES, 0},
    {"nvidia.nemotron-nano-9b-v2", "nemotron", MODELS_TOOLS, MODELS_IMAGES},
    {"writer.palmyra-x5-v1:0", "palmyra", MODELS_TOOLS, MODELS_STREAM_TOOLS},
    {"amazon.titan-text-express-v1", "titan", MODELS_DOCUMENTS, MODELS_SYSTEM | MODELS_TOOLS},
    {"amazon.titan-text-premier-v1:0", "titan-premier", MODELS_STOPS,
     MODELS_DOCUMENTS | MODELS_SYSTEM | MODELS_TOOLS},
    {"amazon.nova-micro-v1:0", "nova-micro", MODELS_TOOLS | MODELS_CACHE,
     MODELS_IMAGES | MODELS_DOCUMENTS},
    {"us.amazon.nova-premier-v1:0", "nova-premier",
     MODELS_IMAGES | MODELS_DOCUMENTS | MODELS_CACHE | MODELS_TOOL_CHOICE, MODELS_CACHE_1H},
    {"qwen.qwen3-vl-235b-a22b", "qwen-3-vl", MODELS_IMAGES | MODELS_TOOLS, MODELS_DOCUMENTS},
    {"amazon.nova-2-lite-v1:0", "nova-2", MODELS_IMAGES, 0},
    {"moonshot.kimi-k2-thinking", "kimi", MODELS_TOOLS, MODELS_IMAGES},
    {"nobody.knows", "other", MODELS_SYSTEM | MODELS_TOOLS, MODELS_CLAUDE},
};

static void test_caps_of_id_come_from_longest_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(caps_rows); i++) {
        const struct models_caps *c =
            models_caps(text_from(caps_rows[i].id), &(struct models_caps){0});
        if (strcmp(c->family, caps_rows[i].family) != 0)
            fail_msg("%s: family %s, want %s", caps_rows[i].id, c->family, caps_rows[i].family);
        if ((c->flags & caps_rows[i].has) != caps_rows[i].has ||
            (c->flags & caps_rows[i].lacks) != 0)
            fail_msg("%s: flags %x", caps_rows[i].id, c->flags);
    }
}

/* How it is told to think, and which settings of sampling it takes. */
static void test_caps_tell_thinking_and_sampling(void **state)
{
    static const struct {
        const char *id, *top_k, *efforts;
        enum models_thinking thinking;
        enum models_level_at level_at;
        enum models_sampling sampling;
    } rows[] = {
#define EFFORTS "low,medium,high,xhigh,max"
#define ROW(id, top_k, efforts, thinking, level, sampling) \
    {id,                                                   \
     top_k,                                                \
     efforts,                                              \
     MODELS_THINKING_##thinking,                           \
     MODELS_LEVEL_##level,                                 \
     MODELS_SAMPLING_##sampling}
        ROW("anthropic.claude-3-haiku-20240307-v1:0", "top_k", "", NONE, NOWHERE, ALL),
        ROW("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "top_k", "", BUDGET, NOWHERE, ALL),
        ROW("us.anthropic.claude-opus-4-20250514-v1:0", "top_k", "", BUDGET, NOWHERE, ALL),
        ROW("us.anthropic.claude-opus-4-1-20250805-v1:0", "top_k", "", BUDGET, NOWHERE, ONE),
        ROW("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "top_k", "", BUDGET, NOWHERE, ONE),
        ROW("global.anthropic.claude-opus-4-5-20251101-v1:0", "top_k", "low,medium,high", BUDGET,
            OUTPUT_CONFIG, ONE),
        ROW("global.anthropic.claude-opus-4-6-v1", "top_k", "low,medium,high,max", EITHER,
            OUTPUT_CONFIG, ONE),
        ROW("global.anthropic.claude-opus-4-7", "", EFFORTS, ADAPTIVE, OUTPUT_CONFIG, NONE),
        ROW("au.anthropic.claude-sonnet-5", "", EFFORTS, ADAPTIVE, OUTPUT_CONFIG, NONE),
        ROW("global.anthropic.claude-opus-9", "", EFFORTS, ADAPTIVE, OUTPUT_CONFIG, NONE),
        ROW("us.amazon.nova-premier-v1:0", "inferenceConfig.topK", "", NONE, NOWHERE, ALL),
        ROW("amazon.nova-2-lite-v1:0", "inferenceConfig.topK", "low,medium,high", LEVEL,
            REASONING_CONFIG, ALL),
        ROW("openai.gpt-oss-20b-1:0", "", "low,medium,high", ALWAYS, REASONING_EFFORT, ALL),
        ROW("global.openai.gpt-5.6-luna", "", "none," EFFORTS, ALWAYS, REASONING, NONE),
        ROW("moonshotai.kimi-k2.5", "", "low,high", SWITCH, REASONING_EFFORT, ALL),
        ROW("deepseek.v3.2", "", "low,high", SWITCH, REASONING_EFFORT, ALL),
        ROW("us.deepseek.r1-v1:0", "", "", NONE, NOWHERE, ALL),
        ROW("qwen.qwen3-vl-235b-a22b", "", "", NONE, NOWHERE, ALL),
        ROW("nobody.knows", "", "", NONE, NOWHERE, ALL),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct models_caps *c = models_caps(text_from(rows[i].id), &(struct models_caps){0});
        if (c->thinking != rows[i].thinking || c->level_at != rows[i].level_at ||
            c->sampling != rows[i].sampling || strcmp(c->top_k, rows[i].top_k) != 0 ||
            strcmp(c->efforts, rows[i].efforts) != 0)
            fail_msg("%s: thinking %d, level at %d, sampling %d, top_k '%s', efforts '%s'",
                     rows[i].id, c->thinking, c->level_at, c->sampling, c->top_k, c->efforts);
    }
}

/* What a client asks for beyond it is lowered, or else Bedrock refuses the request. */
static void test_caps_tell_the_most_tokens_of_an_answer(void **state)
{
    static const struct {
        const char *id;
        uint32_t output;
    } rows[] = {
        {"anthropic.claude-3-5-sonnet-20240620-v1:0", 4096},
        {"anthropic.claude-3-5-sonnet-20241022-v2:0", 8192},
        {"us.anthropic.claude-opus-4-20250514-v1:0", 32000},
        {"us.anthropic.claude-sonnet-4-20250514-v1:0", 64000},
        {"global.anthropic.claude-sonnet-4-6", 64000},
        {"global.anthropic.claude-opus-5", 128000},
        {"us.amazon.nova-premier-v1:0", 25000},
        {"us.amazon.nova-2-lite-v1:0", 65535},
        {"amazon.titan-text-premier-v1:0", 3072},
        {"moonshot.kimi-k2-thinking", 16000},
        {"moonshotai.kimi-k2.5", 16000},
        {"openai.gpt-oss-120b-1:0", 16384},
        {"qwen.qwen3-32b-v1:0", 16384},
        {"qwen.qwen3-coder-480b-a35b-v1:0", 65536},
        {"eu.mistral.pixtral-large-2502-v1:0", 16384},
        {"nobody.knows", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint32_t got = models_caps(text_from(rows[i].id), &(struct models_caps){0})->output_max;
        if (got != rows[i].output)
            fail_msg("%s: %u tokens, want %u", rows[i].id, got, rows[i].output);
    }
}

/* What a client's name leads to is a model that somebody has described. */
static void test_names_lead_to_known_ids(void **state)
{
    static const char *const rows[][2] = {
        {"claude-3-haiku-20240307", "anthropic.claude-3-haiku-20240307-v1:0"},
        {"claude-opus-4-1", "us.anthropic.claude-opus-4-1-20250805-v1:0"},
        {"claude-opus-4-8", "global.anthropic.claude-opus-4-8"},
        {"gpt-4o", "global.anthropic.claude-sonnet-4-6"},
        {"zai.glm-5", "zai.glm-5"},
    };
    const struct catalogue_row *row;
    struct models_caps room;
    char id[MODELS_ID_ROOM];
    (void)state;
    assert_true(catalogue_names() > 40);
    for (uint32_t i = 0; i < catalogue_names(); i++) {
        struct str name = catalogue_name(i, &row);
        if (strcmp(models_caps(models_id(row, id), &room)->family, "other") == 0)
            fail_msg("%.*s: no abilities for %s", STR_ARG(name), id);
        if (catalogue_named(name) != row)
            fail_msg("%.*s is not found", STR_ARG(name));
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (!text_eq(models_id(catalogue_named(text_from(rows[i][0])), id), text_from(rows[i][1])))
            fail_msg("%s: %s", rows[i][0], id);
}

/* Every beta is dated, so a typing error in the list shows. */
static void test_betas_of_each_row_are_dated(void **state)
{
    const struct catalogue *t = catalogue_now();
    (void)state;
    for (uint32_t i = 0; i < t->rows; i++) {
        struct str list = catalogue_text(&t->row[i], CATALOGUE_BETAS), one;
        while (text_split(&list, ',', &one)) {
            bool dated = one.n > 11 && one.p[one.n - 11] == '-' && one.p[one.n - 10] == '2' &&
                         one.p[one.n - 6] == '-' && one.p[one.n - 3] == '-';
            if (one.n > 0 && !dated)
                fail_msg("%s: beta '%.*s'", catalogue_text(&t->row[i], CATALOGUE_ID).p,
                         STR_ARG(one));
        }
    }
}

/* What a request holds is its own: two later tables of models do not change it. */
static void test_keep_outlives_the_table(void **state)
{
    struct err err;
    struct arena *arena = arena_new(65536);
    const struct models_caps *c = models_keep(arena, STR("us.anthropic.claude-opus-4-5"));
    char betas[400];
    (void)state;
    assert_non_null(c);
    text_copy(text_from(c->betas), betas, sizeof betas);
    for (int i = 0; i < 2; i++) {
        memset(catalogue_room(), 'x', sizeof(struct catalogue));
        assert_int_equal(catalogue_load(NULL, &err), STATUS_OK);
    }
    memset(catalogue_room(), 'x', sizeof(struct catalogue));
    assert_string_equal(c->betas, betas);
    assert_string_equal(c->family, "claude-opus-4-5");
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_of_ids_and_arns_has_no_region),
        cmocka_unit_test(test_caps_of_id_come_from_longest_prefix),
        cmocka_unit_test(test_caps_tell_thinking_and_sampling),
        cmocka_unit_test(test_caps_tell_the_most_tokens_of_an_answer),
        cmocka_unit_test(test_names_lead_to_known_ids),
        cmocka_unit_test(test_betas_of_each_row_are_dated),
        cmocka_unit_test(test_keep_outlives_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
