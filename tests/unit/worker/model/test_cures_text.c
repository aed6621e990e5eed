#include "worker/model/cures_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_word_stands_alone(void **state)
{
    static const struct {
        const char *sentence, *word;
        int at; /* -1: not there */
    } rows[] = {
        {"the effort", "effort", 4},
        {"Effort", "effort", 0},
        {"effortless", "effort", -1},
        {"reasoning_effort", "effort", -1},
        {"`effort`", "effort", 1},
        {"output_config.effort: x", "effort", 14},
        {"efforts effort", "effort", 8},
        {"", "effort", -1},
        {"effort", "", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t at = 0;
        bool found = cures_text_word(text_from(rows[i].sentence), text_from(rows[i].word), &at);
        if (found != (rows[i].at >= 0) || (found && at != (size_t)rows[i].at)) {
            fail_msg("\"%s\"", rows[i].sentence);
        }
    }
}

static void test_quotes_are_names_or_more(void **state)
{
    static const struct {
        const char *sentence;
        bool echoes;
    } rows[] = {
        {"`temperature` and `top_p`", false},
        {"type \"tool\" and \"any\"", false},
        {"This model doesn't support the model's fields", false},
        {"Value 'two words' at", true},
        {"Value '[a, b]' at 'x'", true},
        {"'no end", true},
        {"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", true},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (cures_text_echoes(text_from(rows[i].sentence)) != rows[i].echoes) {
            fail_msg("%s", rows[i].sentence);
        }
    }
}

static void test_place_is_where_it_points(void **state)
{
    static const struct {
        const char *sentence;
        enum cures_place place;
        const char *path;
    } rows[] = {
        {"temperature: no", CURES_TEXT_TOP, ""},
        {"output_config.format: no", CURES_TEXT_TOP, ""},
        {"messages: no", CURES_TEXT_TOP, ""},
        {"toolConfig.toolChoice.any: no", CURES_TEXT_TOP, ""},
        {"tools.0.custom.strict: no", CURES_TEXT_PART, "tools.0.custom.strict"},
        {"In `tools[0].strict`, no", CURES_TEXT_PART, "tools[0].strict"},
        {"#/messages/0/content/1: no", CURES_TEXT_PART, "#/messages/0/content/1"},
        {"tools.0.custom.input_schema: no", CURES_TEXT_INSIDE, "tools.0.custom.input_schema"},
        {"messages.0.content.0.thinking.signature: no", CURES_TEXT_INSIDE,
         "messages.0.content.0.thinking.signature"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str path;
        enum cures_place place = cures_text_place(text_from(rows[i].sentence), &path);
        if (place != rows[i].place || !text_eq(path, text_from(rows[i].path))) {
            fail_msg("%s: %d %.*s", rows[i].sentence, (int)place, STR_ARG(path));
        }
    }
}

static void test_number_below_what_was_asked(void **state)
{
    static const struct {
        const char *sentence;
        int64_t asked;
        uint32_t want;
    } rows[] = {
        {"9000 > 8192", 9000, 8192},
        {"at most 32,768 tokens", 64000, 32768},
        {"(64000) is greater than 16384, the", 64000, 16384},
        {"model-4 v2.5 64k a16384", 64000, 0},
        {"none", 64000, 0},
        {"64000", 64000, 0},
        {"99999999999999999999", INT64_MAX, 0},
        {"1048576 1048575", INT64_MAX, 1048575},
        {"", 5, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t got = cures_text_number(text_from(rows[i].sentence), rows[i].asked);
        if (got != rows[i].want) {
            fail_msg("%s: %u", rows[i].sentence, got);
        }
    }
}

static void test_company_is_not_the_model(void **state)
{
    (void)state;
    assert_false(cures_text_with(STR("not supported with this model")));
    assert_false(cures_text_with(STR("without thinking")));
    assert_true(cures_text_with(STR("not supported with thinking")));
    assert_true(cures_text_with(STR("with this model, and with thinking: x with thinking")));
}

static void test_patterns_want_all_their_words(void **state)
{
    static const char *const list[] = {"one", "two"};
    (void)state;
    assert_true(cures_text_fits(STR("B and A"), STR("a&b")));
    assert_false(cures_text_fits(STR("A"), STR("a&b")));
    assert_true(cures_text_any(STR("twofold"), list, 2));
    assert_false(cures_text_any_word(STR("twofold"), list, 2));
    assert_true(cures_text_any_word(STR("one"), list, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_stands_alone),
        cmocka_unit_test(test_quotes_are_names_or_more),
        cmocka_unit_test(test_place_is_where_it_points),
        cmocka_unit_test(test_number_below_what_was_asked),
        cmocka_unit_test(test_company_is_not_the_model),
        cmocka_unit_test(test_patterns_want_all_their_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
