#include "worker/model/models.h"

#include "tests/unit/models_case.h"

struct row {
    const char *name;
    const char *id;   /* NULL: unknown model */
    const char *rule; /* "retired": a 404 that names id */
};

static void check(const struct row *row, const struct segment *s)
{
    struct models_choice choice;
    struct err err;
    enum status st = models_choose(&models, s, arena, text_from(row->name), true, &choice, &err);
    if (row->rule && strcmp(row->rule, "retired") == 0) {
        if (st != STATUS_NO_MODEL || !strstr(err.text, " was retired on 202") ||
            !strstr(err.text, row->id))
            fail_msg("%s: status %d, text '%s'", row->name, st, err.text);
        return;
    }
    if (!row->id) {
        char want[300];
        snprintf(want, sizeof want, "model: %.200s", row->name);
        size_t n = strlen(want); /* the nearest name may follow */
        if (st != STATUS_NO_MODEL || strncmp(err.text, want, n) != 0 ||
            (err.text[n] && strncmp(err.text + n, "; did you mean ", 15) != 0))
            fail_msg("%s: status %d, text '%s'", row->name, st, err.text);
        return;
    }
    if (st != STATUS_OK)
        fail_msg("%s: status %d, text '%s'", row->name, st, err.text);
    if (!text_eq(choice.id, text_from(row->id)) || strcmp(choice.rule, row->rule) != 0)
        fail_msg("%s: got %.*s by %s, want %s by %s", row->name, STR_ARG(choice.id), choice.rule,
                 row->id, row->rule);
}

static void check_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&rows[i], NULL);
}

static void test_choose_without_settings_follows_table_rule_and_ids(void **state)
{
    static const struct row rows[] = {
        {"claude-opus-4-7", "global.anthropic.claude-opus-4-7", "table"},
        {"claude-opus-4-7[1m]", "global.anthropic.claude-opus-4-7", "table"},
        {"claude-sonnet-4-20250514#", "use claude-sonnet-5", "retired"},
        {"claude-3-5-sonnet-20241022", "use claude-sonnet-5-5", "retired"},
        {"gpt-4o", "global.anthropic.claude-sonnet-4-6", "table"},
        {"gpt-4o-mini", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "table"},
        {"gpt-5", NULL, NULL},
        {"gpt-4.1", NULL, NULL},
        {"claude-opus-6", "global.anthropic.claude-opus-6", "rule"},
        {"claude-haiku-5-5-20261101", "global.anthropic.claude-haiku-5-5-20261101", "rule"},
        {"claude-sonnet-4-5-20251231", "global.anthropic.claude-sonnet-4-5-20251231-v1:0", "rule"},
        {"claude-3-7-sonnet-20250301", "us.anthropic.claude-3-7-sonnet-20250301-v1:0", "rule"},
        {"claude-3-5-sonnet-20240620", "use claude-sonnet-5-5", "retired"},
        {"claude-haiku-4-4", NULL, NULL},
        {"claude-nothing", NULL, NULL},
        {"claude-2.1", "anthropic.claude-v2:1", "short"},
        {"claude-opus-5/../x", NULL, NULL},
        {"eu.anthropic.claude-sonnet-4-6", "eu.anthropic.claude-sonnet-4-6", "id"},
        {"qwen.qwen3-coder-480b-a35b-v1:0", "qwen.qwen3-coder-480b-a35b-v1:0", "id"},
        {"us.amazon.nova-pro-v1:0[1m]", "us.amazon.nova-pro-v1:0", "id"},
        {"qwen.", NULL, NULL},
        {".qwen", NULL, NULL},
        {"us.", NULL, NULL},
        {"vendor.a b", NULL, NULL},
        {"a.b/c", NULL, NULL},
        {"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
         "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", "id"},
        {"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.llama3-1-8b-instruct-v1:0",
         "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/meta.llama3-1-8b-instruct-v1:0",
         "id"},
        {"arn:aws:bedrock:us-east-1:123456789012:prompt/ABC:1", NULL, NULL},
        {"arn:aws:sagemaker:us-east-1:123456789012:endpoint/x", NULL, NULL},
        {"arn:aws:bedrock:us-east-1:123456789012:custom-model/", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* Every name of the two older gateways' tables. Retired models keep their own ids: no name runs on
 * another model unsaid. */
static void test_choose_knows_the_names_of_the_older_gateways(void **state)
{
    static const struct row rows[] = {
        {"claude-3-5-sonnet-20241022", "use claude-sonnet-5-5", "retired"},
        {"claude-3-5-sonnet-latest", "use claude-sonnet-5-5", "retired"},
        {"claude-3-sonnet-20240229", "anthropic.claude-3-sonnet-20240229-v1:0", "table"},
        {"claude-sonnet-4-20250514", "use claude-sonnet-5", "retired"},
        {"claude-3-5-haiku-20241022", "use claude-haiku-5-5", "retired"},
        {"claude-3-haiku-20240307", "anthropic.claude-3-haiku-20240307-v1:0", "table"},
        {"claude-3-opus-20240229", "anthropic.claude-3-opus-20240229-v1:0", "table"},
        {"claude-opus-4-5-20251101", "global.anthropic.claude-opus-4-5-20251101-v1:0", "table"},
        {"claude-opus-4-7", "global.anthropic.claude-opus-4-7", "table"},
        {"claude-opus-4-7[1m]", "global.anthropic.claude-opus-4-7", "table"},
        {"claude-opus-4-6", "global.anthropic.claude-opus-4-6-v1", "table"},
        {"claude-opus-4-6[1m]", "global.anthropic.claude-opus-4-6-v1", "table"},
        {"claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6", "table"},
        {"claude-sonnet-4-6[1m]", "global.anthropic.claude-sonnet-4-6", "table"},
        {"claude-sonnet-4-5-20250929", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "table"},
        {"claude-haiku-4-5-20251001", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "table"},
        {"minimax.minimax-m2.5", "minimax.minimax-m2.5", "table"},
        {"zai.glm-5", "zai.glm-5", "table"},
        {"moonshotai.kimi-k2.5", "moonshotai.kimi-k2.5", "table"},
        {"gpt-4", "global.anthropic.claude-sonnet-4-6", "table"},
        {"gpt-4-turbo", "global.anthropic.claude-sonnet-4-6", "table"},
        {"gpt-4-turbo-preview", "global.anthropic.claude-sonnet-4-6", "table"},
        {"gpt-4o-2024-05-13", "global.anthropic.claude-sonnet-4-6", "table"},
        {"gpt-4o-2024-08-06", "global.anthropic.claude-sonnet-4-6", "table"},
        {"o1-mini", "global.anthropic.claude-sonnet-4-6", "table"},
        {"gpt-4o-mini-2024-07-18", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "table"},
        {"gpt-3.5-turbo", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "table"},
        {"gpt-3.5-turbo-16k", "global.anthropic.claude-haiku-4-5-20251001-v1:0", "table"},
        {"o1", "global.anthropic.claude-opus-4-7", "table"},
        {"o1-preview", "global.anthropic.claude-opus-4-7", "table"},
        /* the keys of the seed's table: three prefixes, with and without '#' */
        {"anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", "id"},
        {"us.anthropic.claude-sonnet-4-20250514-v1:0#", "use claude-sonnet-5", "retired"},
        {"global.anthropic.claude-opus-4-5-20251101-v1:0#",
         "global.anthropic.claude-opus-4-5-20251101-v1:0", "id"},
        /* newer than both */
        {"claude-fable-5", "global.anthropic.claude-fable-5", "table"},
        {"claude-haiku-5-5", "global.anthropic.claude-haiku-5-5", "table"},
        {"claude-opus-5", "global.anthropic.claude-opus-5", "table"},
        {"claude-sonnet-5", "global.anthropic.claude-sonnet-5", "table"},
        {"claude-sonnet-5-5[1m]", "global.anthropic.claude-sonnet-5-5", "table"},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* The seed listed them one by one: 7 ids, 6 spellings each. */
static void test_overrides_hold_for_every_spelling_of_an_id(void **state)
{
    static const char *const ids[] = {
        "anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-sonnet-20240229-v1:0",
        "anthropic.claude-sonnet-4-20250514-v1:0",   "anthropic.claude-3-5-haiku-20241022-v1:0",
        "anthropic.claude-3-haiku-20240307-v1:0",    "anthropic.claude-3-opus-20240229-v1:0",
        "anthropic.claude-opus-4-5-20251101-v1:0",
    };
    static const char *const before[] = {"", "us.", "global.", "eu.", "apac.", "us-gov."};
    static const char *const after[] = {"", "#", "[1m]"};
    (void)state;
    config.model_default = "zai.glm-5";
    for (size_t i = 0; i < COUNT_OF(ids) * COUNT_OF(before) * COUNT_OF(after); i++) {
        char name[120];
        size_t rest = i / COUNT_OF(ids);
        snprintf(name, sizeof name, "%s%s%s", before[rest % COUNT_OF(before)],
                 ids[i % COUNT_OF(ids)], after[rest / COUNT_OF(before)]);
        check(&(struct row){name, "zai.glm-5", "default"}, NULL);
    }
}

static void test_choose_in_other_geography_follows_region(void **state)
{
    static const struct {
        const char *region;
        struct row row;
    } rows[] = {
        {"eu-west-1",
         {"claude-3-7-sonnet-20250301", "eu.anthropic.claude-3-7-sonnet-20250301-v1:0", "rule"}},
        {"eu-west-1", {"claude-opus-4-1", "eu.anthropic.claude-opus-4-1-20250805-v1:0", "table"}},
        {"ap-southeast-2",
         {"claude-opus-4-1", "apac.anthropic.claude-opus-4-1-20250805-v1:0", "table"}},
        {"ca-central-1",
         {"claude-opus-4-1", "us.anthropic.claude-opus-4-1-20250805-v1:0", "table"}},
        {"us-gov-west-1",
         {"claude-sonnet-4-5", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "table"}},
        {"us-gov-west-1", {"claude-opus-6-1", "us-gov.anthropic.claude-opus-6-1", "rule"}},
        {"eu-west-1", {"claude-opus-4-7", "global.anthropic.claude-opus-4-7", "table"}},
        {"eu-west-1",
         {"us.anthropic.claude-opus-4-1-20250805-v1:0",
          "us.anthropic.claude-opus-4-1-20250805-v1:0", "id"}},
        {"eu-west-1", {"claude-3-5-sonnet-latest", "use claude-sonnet-5-5", "retired"}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        config.aws_region = rows[i].region;
        check(&rows[i].row, NULL);
    }
}

static void test_choose_with_overrides_prefers_family_then_default(void **state)
{
    static const struct row rows[] = {
        {"claude-sonnet-4-5-20250929", "qwen.qwen3-32b-v1:0", "family"},
        {"us.anthropic.claude-3-sonnet-20240229-v1:0", "qwen.qwen3-32b-v1:0", "family"},
        {"gpt-4o", "qwen.qwen3-32b-v1:0", "family"},
        {"claude-haiku-4-5", "global.anthropic.claude-opus-4-6-v1", "default"},
        {"gpt-5-codex", "global.anthropic.claude-opus-4-6-v1", "default"},
        {"claude-whatever", "global.anthropic.claude-opus-4-6-v1", "default"},
        {"zai.glm-5", "zai.glm-5", "table"},
        {"deepseek.r1-v1:0", "deepseek.r1-v1:0", "id"},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6",
         "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6", "id"},
        {"gemini-2.5-pro", NULL, NULL},
    };
    (void)state;
    config.model_sonnet = "qwen.qwen3-32b-v1:0";
    config.model_default = "claude-opus-4-6"; /* a client's name is understood as a target */
    check_all(rows, COUNT_OF(rows));
}

static void test_choose_with_store_mapping_prefers_it(void **state)
{
    static const struct segment segment;
    static const struct row rows[] = {
        {"my-model", "us.amazon.nova-pro-v1:0", "mapping"},
        {"my-model[1m]", "us.amazon.nova-pro-v1:0", "mapping"},
        {"us.my-model", "us.amazon.nova-pro-v1:0", "mapping"},
        {"claude-opus-4-6", "zai.glm-5", "family"},
        {"arn:aws:bedrock:us-east-1:1:imported-model/my-model",
         "arn:aws:bedrock:us-east-1:1:imported-model/my-model", "id"},
    };
    (void)state;
    mapped_from = "my-model";
    mapped_to = "us.amazon.nova-pro-v1:0";
    config.model_opus = "zai.glm-5";
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(&rows[i], &segment);
}

/* Last of all; then as if the longer name had been sent. */
static void test_choose_short_name_by_rule(void **state)
{
    static const struct segment segment;
    static const struct row rows[] = {
        {"nova-pro", "amazon.nova-pro-v1:0", "short"},
        {"openai/gpt-oss-120b", "openai.gpt-oss-120b-1:0", "short"},
        {"claude-sonnet-4.5", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "short"},
        {"claude-sonnet-4.5[1m]", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "short"},
        {"anthropic/claude-opus-4.8", "global.anthropic.claude-opus-4-8", "short"},
        {"sonnet", "global.anthropic.claude-sonnet-5-5", "table"},
        {"llama-3.3-70b", "us.meta.llama3-3-70b-instruct-v1:0", "short"},
        {"claude-3.5-sonnet", "claude-sonnet-5-5", "retired"},
        {"mistral-large", NULL, NULL},
    };
    static const struct row in_europe[] = {
        {"llama-3.3-70b", "eu.meta.llama3-3-70b-instruct-v1:0", "short"},
        {"claude-opus-4.8", "zai.glm-5", "family"},
    };
    static const struct row mapped = {"claude-haiku-4.5", "us.amazon.nova-pro-v1:0", "mapping"};
    (void)state;
    check_all(rows, COUNT_OF(rows));
    config.aws_region = "eu-west-1";
    config.model_opus = "zai.glm-5";
    check_all(in_europe, COUNT_OF(in_europe));
    mapped_from = "claude-haiku-4-5";
    mapped_to = "us.amazon.nova-pro-v1:0";
    check(&mapped, &segment);
}

static void test_choose_unknown_name_tells_the_nearest(void **state)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"clause-opus-4-8", "model: clause-opus-4-8; did you mean claude-opus-4-8?"},
        {"clause-opus-4-8[1m]", "model: clause-opus-4-8[1m]; did you mean claude-opus-4-8?"},
        {"mistral-large", "model: mistral-large; did you mean mistral-large-3-675b-instruct?"},
        {"gemini-2.5-pro", "model: gemini-2.5-pro"},
    };
    struct models_choice choice;
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (models_choose(&models, NULL, arena, text_from(rows[i].name), true, &choice, &err) !=
                STATUS_NO_MODEL ||
            strcmp(err.text, rows[i].text) != 0)
            fail_msg("%s: '%s'", rows[i].name, err.text);
}

static void test_init_with_mapping_replaces_builtin_table(void **state)
{
    struct err err;
    static const struct row rows[] = {
        {"fast", "amazon.nova-lite-v1:0", "table"},
        {"claude-3-5-sonnet-latest", NULL, NULL},
        {"claude-opus-4-7", "global.anthropic.claude-opus-4-7", "rule"},
    };
    (void)state;
    config.model_mapping = "{\"fast\":\"amazon.nova-lite-v1:0\"}";
    assert_int_equal(models_init(&models, &config, &err), STATUS_OK);
    check_all(rows, COUNT_OF(rows));
}

static void test_init_with_nonsense_names_it(void **state)
{
    static const struct {
        const char *mapping, *opus, *text;
    } rows[] = {
        {"[1]", "", "DEFAULT_MODEL_MAPPING: must be a JSON object"},
        {"{\"a\":1}", "", "DEFAULT_MODEL_MAPPING: \"a\" must name a Bedrock model id or ARN"},
        {"{\"a\":\"b c\"}", "", "DEFAULT_MODEL_MAPPING: \"a\" must name a Bedrock model id or ARN"},
        {"", "opossum",
         "ANTHROPIC_DEFAULT_OPUS_MODEL=opossum: not a Bedrock model id, ARN or known name"},
        {"", "claude-opus-4-6,opossum",
         "ANTHROPIC_DEFAULT_OPUS_MODEL=claude-opus-4-6,opossum: not up to 4 times a Bedrock model "
         "id, ARN or known name, all different"},
        {"", "qwen.a,qwen.b,qwen.c,qwen.d,qwen.e",
         "ANTHROPIC_DEFAULT_OPUS_MODEL=qwen.a,qwen.b,qwen.c,qwen.d,qwen.e: not up to 4 times a "
         "Bedrock model id, ARN or known name, all different"},
    };
    struct err err;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        config.model_mapping = rows[i].mapping;
        config.model_opus = rows[i].opus;
        if (models_check(&config, &err) != STATUS_INVALID || strcmp(err.text, rows[i].text) != 0)
            fail_msg("%s %s: '%s'", rows[i].mapping, rows[i].opus, err.text);
    }
    config.model_mapping = "{oops";
    assert_int_equal(models_check(&config, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "DEFAULT_MODEL_MAPPING: "));
}

static void test_arn_of_foreign_account_is_refused(void **state)
{
    struct models_choice choice;
    struct err err;
    struct str mine = STR("arn:aws:bedrock:us-east-1:111111111111:inference-profile/us.x.y");
    struct str other = STR("arn:aws:bedrock:us-east-1:222222222222:inference-profile/us.x.y");
    struct str shared = STR("arn:aws:bedrock:us-east-1::foundation-model/x.y");
    (void)state;
    config.model_arn_accounts = "333333333333, 111111111111";
    assert_int_equal(models_choose(&models, NULL, arena, mine, true, &choice, &err), STATUS_OK);
    assert_int_equal(models_choose(&models, NULL, arena, shared, true, &choice, &err), STATUS_OK);
    assert_int_equal(models_choose(&models, NULL, arena, other, true, &choice, &err),
                     STATUS_PERMISSION);
    assert_null(strstr(err.text, "222222222222"));
    config.model_opus = other.p; /* the operator may */
    assert_int_equal(
        models_choose(&models, NULL, arena, STR("claude-opus-4-7"), true, &choice, &err),
        STATUS_OK);
}

static void test_transport_follows_dialect_and_resolved_id(void **state)
{
    static const struct {
        const char *name;
        bool messages;
        enum models_transport want;
    } rows[] = {
        {"claude-opus-4-7", true, MODELS_INVOKE},
        {"claude-opus-4-7", false, MODELS_CONVERSE},
        {"zai.glm-5", true, MODELS_CONVERSE},
        {"arn:aws:bedrock:us-east-1:1:application-inference-profile/k3", true, MODELS_CONVERSE},
        {"arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-opus-4-7", true,
         MODELS_INVOKE},
        {"arn:aws:bedrock:us-east-1:1:custom-model/anthropic.claude-3-haiku-20240307-v1:0/x", true,
         MODELS_INVOKE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct models_choice choice;
        struct err err;
        assert_int_equal(models_choose(&models, NULL, arena, text_from(rows[i].name),
                                       rows[i].messages, &choice, &err),
                         STATUS_OK);
        if (choice.transport != rows[i].want)
            fail_msg("%s: transport %d", rows[i].name, choice.transport);
    }
}

/* For the list of models that a key may use. */
static void test_name_is_the_one_that_was_meant(void **state)
{
    static const struct segment segment;
    static const struct {
        const char *name, *mapped, *mapping, *meant;
    } rows[] = {
        {"claude-sonnet-4-5", NULL, "", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5[1m]", NULL, "", "claude-sonnet-4-5"},
        {"claude-sonnet-4.5", NULL, "", "claude-sonnet-4-5"},
        {"claude-sonnet-4.5[1m]", NULL, "", "claude-sonnet-4-5"},
        {"claude-opus-4-9", NULL, "", "claude-opus-4-9"},
        {"eu.anthropic.claude-sonnet-4-6", NULL, "", "eu.anthropic.claude-sonnet-4-6"},
        {"claude-sonnet-4-5[1m]", "claude-sonnet-4-5", "", "claude-sonnet-4-5"},
        {"claude-sonnet-4-5[1m]", "claude-sonnet-4-5[1m]", "", "claude-sonnet-4-5[1m]"},
        {"claude-sonnet-4.5[1m]", "claude-sonnet-4-5", "", "claude-sonnet-4-5"},
        {"a[1m]", NULL, "{\"a\":\"x.y\"}", "a"},
        {"a[1m]", NULL, "{\"a\":\"x.y\",\"a[1m]\":\"x.z\"}", "a[1m]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct models_choice choice;
        struct err err;
        config.model_mapping = rows[i].mapping;
        assert_int_equal(models_init(&models, &config, &err), STATUS_OK);
        mapped_from = rows[i].mapped;
        mapped_to = "us.amazon.nova-pro-v1:0";
        assert_int_equal(
            models_choose(&models, &segment, arena, text_from(rows[i].name), true, &choice, &err),
            STATUS_OK);
        if (!text_eq(choice.name, text_from(rows[i].meant))) {
            fail_msg("%s: %.*s", rows[i].name, STR_ARG(choice.name));
        }
        models_free(&models);
    }
}

static void test_one_million_suffix_is_remembered(void **state)
{
    struct models_choice choice;
    struct err err;
    (void)state;
    assert_int_equal(
        models_choose(&models, NULL, arena, STR("claude-sonnet-4-6[1M]"), true, &choice, &err),
        STATUS_OK);
    assert_true(choice.one_million);
    assert_int_equal(
        models_choose(&models, NULL, arena, STR("claude-sonnet-4-6"), true, &choice, &err),
        STATUS_OK);
    assert_false(choice.one_million);
}

static void test_is_legal_ids_and_arns(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        bool legal;
    } rows[] = {
        {"qwen.qwen3-32b-v1:0", true},
        {"us.anthropic.claude-sonnet-4-6[1m]", true},
        {"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", true},
        {"arn:aws:sagemaker:us-east-1:123456789012:endpoint/abc", false},
        {"claude-sonnet-4-6", false},
        {"gpt-4.1", false},
        {"a b.c", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (models_is_legal(text_from(rows[i].id)) != rows[i].legal) {
            fail_msg("%s", rows[i].id);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_legal_ids_and_arns),
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(test_choose_without_settings_follows_table_rule_and_ids),
        T(test_choose_knows_the_names_of_the_older_gateways),
        T(test_overrides_hold_for_every_spelling_of_an_id),
        T(test_choose_in_other_geography_follows_region),
        T(test_choose_with_overrides_prefers_family_then_default),
        T(test_choose_with_store_mapping_prefers_it),
        T(test_choose_short_name_by_rule),
        T(test_choose_unknown_name_tells_the_nearest),
        T(test_init_with_mapping_replaces_builtin_table),
        T(test_init_with_nonsense_names_it),
        T(test_arn_of_foreign_account_is_refused),
        T(test_transport_follows_dialect_and_resolved_id),
        T(test_name_is_the_one_that_was_meant),
        T(test_one_million_suffix_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
