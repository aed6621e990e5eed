/* litellm.c, models_dev.c: which entries of the public tables are ours, and what they say. */
#include "master/models/litellm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "master/models/models_dev.h"
#include "server/base/arena.h"
#include "server/json/json.h"

static struct sheet *sheet;

static const struct sheet_offer *read_one(const char *text,
                                          void (*read)(const struct cJSON *, struct sheet *))
{
    struct err err;
    struct cJSON *doc = json_parse(text_from(text), &err);
    assert_non_null(doc);
    sheet->n = 0;
    read(doc, sheet);
    json_free(doc);
    return sheet->n == 1 ? &sheet->offer[0] : NULL;
}

#define CHAT "\"litellm_provider\":\"bedrock\",\"mode\":\"chat\""

static void test_litellm_keys_by_form(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id, *where; /* id NULL: not ours */
    } rows[] = {
        {"{\"house.a\":{" CHAT "}}", "house.a", ""},
        {"{\"us.house.a\":{" CHAT "}}", "house.a", "us"},
        {"{\"bedrock/house.a\":{" CHAT "}}", "house.a", ""},
        {"{\"bedrock/eu-west-2/house.a\":{" CHAT "}}", "house.a", "eu-west-2"},
        {"{\"bedrock/us-gov-west-1/house.a\":{" CHAT "}}", "house.a", "us-gov-west-1"},
        {"{\"house.a\":{\"litellm_provider\":\"bedrock_converse\"}}", "house.a", ""},
        {"{\"bedrock/invoke/house.a\":{" CHAT "}}", NULL, NULL},
        {"{\"bedrock/us-east-1/1-month-commitment/house.a\":{" CHAT "}}", NULL, NULL},
        {"{\"bedrock/*/1-month-commitment/house.a\":{" CHAT "}}", NULL, NULL},
        {"{\"azure/eu-west-2/house.a\":{" CHAT "}}", NULL, NULL},
        {"{\"house.a\":{\"litellm_provider\":\"bedrock_mantle\",\"mode\":\"chat\"}}", NULL, NULL},
        {"{\"house.a\":{\"litellm_provider\":\"bedrock\",\"mode\":\"embedding\"}}", NULL, NULL},
        {"{\"house.a\":7}", NULL, NULL},
        {"{\"\":{" CHAT "}}", NULL, NULL},
        {"{\"/\":{" CHAT "}}", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct sheet_offer *o = read_one(rows[i].text, litellm_read);
        if (rows[i].id
                ? !o || strcmp(o->id, rows[i].id) != 0 || strcmp(o->where, rows[i].where) != 0
                : sheet->n != 0) {
            fail_msg("%s: %s at \"%s\"", rows[i].text, o ? o->id : "none", o ? o->where : "");
        }
    }
}

static void test_litellm_figures(void **state)
{
    (void)state;
    const struct sheet_offer *o = read_one(
        "{\"house.a\":{" CHAT ",\"max_input_tokens\":1000,\"max_output_tokens\":0,"
        "\"input_cost_per_token\":2e-06,\"output_cost_per_token\":1e-05,"
        "\"cache_read_input_token_cost\":\"x\","
        "\"cache_creation_input_token_cost_above_1hr\":4e-06,"
        "\"input_cost_per_token_above_272k_tokens\":4e-06,"
        "\"output_cost_per_token_above_272k_tokens\":1.5e-05,"
        "\"input_cost_per_token_priority\":3.5e-06,\"output_cost_per_token_priority\":1.75e-05,"
        "\"deprecation_date\":\"2027-03-30\",\"successor_model\":\"bedrock/us-east-1/"
        "us.house.b\"}}",
        litellm_read);
    assert_non_null(o);
    assert_int_equal(o->context, 1000);
    assert_int_equal(o->output, CATALOGUE_NONE);
    assert_int_equal(o->in, 2000000);
    assert_int_equal(o->out, 10000000);
    assert_int_equal(o->cache_read, CATALOGUE_NONE);
    assert_int_equal(o->write_5m, CATALOGUE_NONE);
    assert_int_equal(o->write_1h, 4000000);
    assert_int_equal(o->long_from, 272000);
    assert_int_equal(o->long_in, 4000000);
    assert_int_equal(o->long_out, 15000000);
    assert_int_equal(o->tier_in[TIER_PRIORITY], 3500000);
    assert_int_equal(o->tier_in[TIER_FLEX], CATALOGUE_NONE);
    assert_string_equal(o->status, "legacy 2027-03-30 house.b");
}

static void test_models_dev_long_prompts_in_both_forms(void **state)
{
    (void)state;
    static const struct {
        const char *cost;
        uint32_t from, in;
    } rows[] = {
        {"\"input\":1,\"output\":2", CATALOGUE_NONE, CATALOGUE_NONE},
        {"\"input\":1,\"output\":2,\"context_over_200k\":{\"input\":3,\"output\":4}", 200000,
         3000000},
        {"\"tiers\":[{\"input\":5,\"output\":6,\"tier\":{\"type\":\"context\",\"size\":272000}}],"
         "\"context_over_200k\":{\"input\":3,\"output\":4}",
         272000, 5000000},
        {"\"tiers\":[{\"input\":5,\"output\":6,\"tier\":{\"type\":\"speed\",\"size\":1}}]",
         CATALOGUE_NONE, CATALOGUE_NONE},
        {"\"tiers\":7", CATALOGUE_NONE, CATALOGUE_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"amazon-bedrock\":{\"models\":{\"house.a\":{\"cost\":{%s}}}}}", rows[i].cost);
        const struct sheet_offer *o = read_one(text, models_dev_read);
        if (!o || o->long_from != rows[i].from || o->long_in != rows[i].in) {
            fail_msg("%s", rows[i].cost);
        }
    }
}

static void test_forms_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool litellm, dev;
    } rows[] = {
        {"{\"x\":{\"litellm_provider\":\"openai\"}}", true, false},
        {"{\"sample_spec\":{\"litellm_provider\":\"one of\"}}", false, false},
        {"{\"amazon-bedrock\":{\"models\":{}}}", false, true},
        {"{\"amazon-bedrock\":{\"models\":[]}}", false, false},
        {"[]", false, false},
        {"7", false, false},
        {"{}", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err;
        struct cJSON *doc = json_parse(text_from(rows[i].text), &err);
        if (litellm_is(doc) != rows[i].litellm || models_dev_is(doc) != rows[i].dev) {
            fail_msg("%s", rows[i].text);
        }
        json_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_litellm_keys_by_form),
        cmocka_unit_test(test_litellm_figures),
        cmocka_unit_test(test_models_dev_long_prompts_in_both_forms),
        cmocka_unit_test(test_forms_are_told_apart),
    };
    sheet = heap_new(sizeof *sheet);
    int failed = sheet ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    heap_drop(sheet);
    return failed;
}
