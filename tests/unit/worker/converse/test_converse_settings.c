#include "worker/converse/converse_settings.h"

#include "tests/unit/build_bed.h"

static void test_stops_are_bounded_and_not_blank(void **state)
{
    struct build_bed bed;
    struct wish s = build_wish;
    (void)state;
    build_open(&bed, NOVA);
    converse_settings_stops(&bed.b, &s, 3000);
    converse_settings_stop(&bed.b, &s, STR("\" \\n\""));
    assert_int_equal(s.stop_count, 0);
    for (int i = 0; i < 3000; i++)
        converse_settings_stop(&bed.b, &s, STR("\"x\""));
    assert_int_equal(s.stop_count, 2500);
    assert_true(text_eq(buf_str(&bed.c.changes), STR("drop:stop")));
    convert_case_free(&bed.c);
}

static void test_nothing_asked_gives_nothing(void **state)
{
    struct build_bed bed;
    struct wish s = build_wish;
    (void)state;
    build_open(&bed, OPUS47);
    build_message(&bed);
    converse_settings_put(&bed.b, &s);
    build_want(&bed, BUILD_BODY(""), "");
}

static void test_million_token_context_is_a_beta(void **state)
{
    static const struct {
        const char *model, *betas, *extra, *body, *changes;
    } rows[] = {
        {OPUS46, "", "", BUILD_BODY(BUILD_EXTRA("\"anthropic_beta\":[\"context-1m-2025-08-07\"]")),
         ""},
        {OPUS46, "context-1m-2025-08-07", "",
         BUILD_BODY(BUILD_EXTRA("\"anthropic_beta\":[\"context-1m-2025-08-07\"]")), ""},
        {OPUS46, " x , ,y", "y,z",
         BUILD_BODY(BUILD_EXTRA("\"anthropic_beta\":[\"y\",\"context-1m-2025-08-07\"]")),
         "drop:beta:x"},
        {SONNET35, "", "", BUILD_BODY(""), "drop:beta:context-1m-2025-08-07"},
        {QWEN, "y", "y", BUILD_BODY(""), "drop:beta:y,drop:beta:context-1m-2025-08-07"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        struct wish s = build_wish;
        build_open(&bed, rows[i].model);
        bed.model.one_million = true;
        bed.o.betas = text_from(rows[i].betas);
        bed.o.beta_rules.allow = text_from(rows[i].extra);
        build_message(&bed);
        converse_settings_put(&bed.b, &s);
        build_want(&bed, rows[i].body, rows[i].changes);
    }
}

static void test_tier_of_the_request_comes_before_the_keys(void **state)
{
    static const struct {
        const char *key, *request, *body;
    } rows[] = {
        {"", "", BUILD_BODY("")},
        {"default", "", BUILD_BODY("")},
        {"flex", "", BUILD_BODY(",\"serviceTier\":{\"type\":\"flex\"}")},
        {"flex", "priority", BUILD_BODY(",\"serviceTier\":{\"type\":\"priority\"}")},
        {"flex", "default", BUILD_BODY("")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        struct wish s = build_wish;
        build_open(&bed, QWEN);
        bed.o.service_tier = text_from(rows[i].key);
        s.tier = text_from(rows[i].request);
        build_message(&bed);
        converse_settings_put(&bed.b, &s);
        build_want(&bed, rows[i].body, "");
    }
}

static void test_wish_for_json_in_words_keeps_the_schema(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    converse_settings_ask_json(&bed.b, STR("{\"a\":\"\\\"\"}"));
    build_message(&bed);
    build_want(
        &bed,
        "{\"system\":[{\"text\":\"Answer with one JSON value and nothing else: no code fence, "
        "no text around it. It must match this JSON Schema:\\n{\\\"a\\\":\\\"\\\\\\\"\\\"}\"}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}]}",
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops_are_bounded_and_not_blank),
        cmocka_unit_test(test_nothing_asked_gives_nothing),
        cmocka_unit_test(test_million_token_context_is_a_beta),
        cmocka_unit_test(test_tier_of_the_request_comes_before_the_keys),
        cmocka_unit_test(test_wish_for_json_in_words_keeps_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
