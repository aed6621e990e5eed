/* The mock's demo: when it is played, with which tools, and how their answers lead it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/mock/fault.c"
#include "tests/mock/play.c"
#include "tests/mock/ask.c"

#define FOLDER "/tmp/d"
#define TEXT   "{\"type\":\"string\"}"
#define SCHEMA(properties, required) \
    "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "]}"
#define READ SCHEMA("\"file_path\":" TEXT, "\"file_path\"")
#define EDIT \
    SCHEMA("\"file_path\":" TEXT ",\"old_string\":" TEXT ",\"new_string\":" TEXT, "\"file_path\"")
#define BASH SCHEMA("\"command\":" TEXT ",\"description\":" TEXT, "\"command\"")

static const struct faults none;

static int make(void **state)
{
    *state = arena_new(1 << 20);
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    arena_drop(*state);
    return 0;
}

static struct ask begin(const char *prompt)
{
    struct ask ask = {.play_folder = FOLDER, .text = text_from(prompt), .model = STR("qwen.x")};
    play_turn_begin(&ask.play);
    play_hear_text(&ask.play, text_from(prompt));
    play_turn_end(&ask.play);
    return ask;
}

static struct ask begin_with_tools(const char *prompt)
{
    struct ask ask = begin(prompt);
    ask_add_tool(&ask, STR("Bash"), STR(BASH));
    ask_add_tool(&ask, STR("Edit"), STR(EDIT));
    ask_add_tool(&ask, STR("Read"), STR(READ));
    return ask;
}

static void answer(struct ask *ask, const char *text, bool failed)
{
    play_turn_begin(&ask->play);
    play_hear_result(&ask->play, text_from(text), failed);
    play_turn_end(&ask->play);
}

static void expect_call(struct arena *arena, const struct ask *ask, const char *name,
                        const char *input)
{
    struct reply out;
    assert_true(ask_reply(arena, ask, &none, &out));
    assert_string_equal(out.stop_reason, "tool_use");
    assert_int_equal(out.block_n, 2);
    assert_int_equal(out.block[0].kind, BLOCK_TEXT);
    assert_int_equal(out.block[1].kind, BLOCK_TOOL);
    assert_int_equal(out.pace_ms, PLAY_PACE_MS);
    if (!text_eq(out.block[1].name, text_from(name)) ||
        !text_eq(out.block[1].text, text_from(input)))
        fail_msg("%.*s %.*s", STR_ARG(out.block[1].name), STR_ARG(out.block[1].text));
}

static void expect_text(struct arena *arena, const struct ask *ask, const char *part)
{
    struct reply out;
    size_t at;
    assert_true(ask_reply(arena, ask, &none, &out));
    assert_string_equal(out.stop_reason, "end_turn");
    assert_int_equal(out.block_n, 1);
    if (!text_find(out.block[0].text, text_from(part), &at))
        fail_msg("\"%s\" is not in \"%.*s\"", part, STR_ARG(out.block[0].text));
}

static void test_prompt_table_names_the_demo(void **state)
{
    (void)state;
    static const struct {
        const char *prompt;
        bool on;
    } rows[] = {
        {"demo", true},
        {"Play the DEMO!", true},
        {"a \"demo\".", true},
        {"demonstrate it", false},
        {"the demo-folder", false},
        {"/tmp/demo", false},
        {"/demo/x", false},
        {"hello", false},
        {"", false},
        {" <system-reminder>\nthe demo</system-reminder>", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (begin(rows[i].prompt).play.on != rows[i].on)
            fail_msg("%s", rows[i].prompt);
}

static void test_memory_lasts_from_prompt_to_prompt(void **state)
{
    (void)state;
    struct ask ask = begin("the demo");
    answer(&ask, "a", false);
    assert_true(ask.play.on);
    play_turn_begin(&ask.play); /* what the client adds by itself */
    play_hear_text(&ask.play, STR("<system-reminder>x</system-reminder>"));
    play_turn_end(&ask.play);
    assert_true(ask.play.on);
    assert_int_equal(ask.play.result_n, 1);
    play_turn_begin(&ask.play); /* a result with words beside it is no prompt */
    play_hear_text(&ask.play, STR("go on"));
    play_hear_result(&ask.play, STR("b"), false);
    play_turn_end(&ask.play);
    assert_int_equal(ask.play.result_n, 2);
    for (int i = 0; i < 9; i++)
        answer(&ask, "c", false); /* more than there is room for */
    assert_int_equal(ask.play.result_n, 11);
    play_turn_begin(&ask.play);
    play_hear_text(&ask.play, STR("and now?"));
    play_turn_end(&ask.play);
    assert_false(ask.play.on);
    assert_int_equal(ask.play.result_n, 0);
}

static void test_scenes_follow_the_answers(void **state)
{
    struct ask ask = begin_with_tools("demo");
    expect_call(*state, &ask, "Read", "{\"file_path\":\"" FOLDER "/notes.txt\"}");
    answer(&ask, "1\tx\n2\tTimes played: 41\n", false);
    expect_call(*state, &ask, "Edit",
                "{\"file_path\":\"" FOLDER "/notes.txt\",\"old_string\":\"Times played: 41\","
                "\"new_string\":\"Times played: 42\"}");
    answer(&ask, "done", false);
    expect_call(*state, &ask, "Bash",
                "{\"command\":\"grep -n 'Times played: ' " FOLDER "/notes.txt\","
                "\"description\":\"Show the line with the number\"}");
    struct ask other = ask;
    answer(&ask, "2:Times played: 42\n", false);
    expect_text(*state, &ask, "from 41 to 42. The shell agrees:\n\n    2:Times played: 42\n\n");
    expect_text(*state, &ask, "You answered 3 tool calls");
    expect_text(*state, &ask, "as qwen.x.");
    answer(&other, "2:Times played: 41\n", false);
    expect_text(*state, &other, "But the shell shows:\n\n    2:Times played: 41\n\n");
}

static void test_scenes_end_where_a_tool_fails(void **state)
{
    struct ask ask = begin_with_tools("demo");
    answer(&ask, "2\tTimes played: 1\n", false);
    answer(&ask, "No permission\n", true);
    expect_text(*state, &ask, "The demo ends here, because your tool said:\n\n> No permission\n");
    ask = begin_with_tools("demo");
    answer(&ask, "another file", false);
    expect_text(*state, &ask, "has no line \"Times played: N\" any more");
    ask = begin_with_tools("demo");
    answer(&ask, "Times played: 99999999999999999999999", false);
    expect_text(*state, &ask, "has no line");
}

static void test_tools_table_whose_input_can_be_written(void **state)
{
    static const struct {
        const char *name, *tool, *schema, *input; /* input NULL: it is not called */
    } rows[] = {
        {"Claude Code", "Read", READ, "{\"file_path\":\"/tmp/d/notes.txt\"}"},
        {"OpenCode", "read", SCHEMA("\"filePath\":" TEXT, "\"filePath\""),
         "{\"filePath\":\"/tmp/d/notes.txt\"}"},
        {"nothing required", "view", "{\"properties\":{\"path\":" TEXT "}}",
         "{\"path\":\"/tmp/d/notes.txt\"}"},
        {"another name", "Fetch", READ, NULL},
        {"something else is required", "Read",
         SCHEMA("\"file_path\":" TEXT ",\"why\":" TEXT, "\"file_path\",\"why\""), NULL},
        {"not text", "Read", SCHEMA("\"file_path\":{\"type\":\"array\"}", ""), NULL},
        {"no properties", "Read", "{\"type\":\"object\"}", NULL},
        {"no schema", "Read", "", NULL},
        {"no JSON", "Read", "{", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ask ask = begin("demo");
        struct reply out = {.stop_reason = "end_turn"};
        ask_add_tool(&ask, text_from(rows[i].tool), text_from(rows[i].schema));
        bool played = play_reply(*state, &ask, &out);
        if (played != (rows[i].input != NULL) ||
            (played && !text_eq(out.block[1].text, text_from(rows[i].input))))
            fail_msg("%s", rows[i].name);
    }
}

static void test_client_with_a_shell_alone(void **state)
{
    struct ask ask = begin("demo");
    ask_add_tool(&ask, STR("Bash"), STR(BASH));
    ask_add_tool(&ask, STR("Edit"), STR(EDIT)); /* of no use: nothing reads the number for it */
    expect_call(*state, &ask, "Bash",
                "{\"command\":\"grep -n 'Times played: ' " FOLDER "/notes.txt\","
                "\"description\":\"Show the line with the number\"}");
    answer(&ask, "2:Times played: 3", false);
    expect_text(*state, &ask, "That was the demo. The shell agrees:\n\n    2:Times played: 3\n\n");
}

static void test_no_folder_is_no_play(void **state)
{
    struct ask ask = begin_with_tools("say: a demo");
    ask.play_folder = NULL;
    expect_text(*state, &ask, "a demo");
}

static void test_folder_table_of_plain_characters(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool good;
    } rows[] = {
        {"/tmp/llm-api-converter.x1Y", true},
        {"/tmp/a b", false},
        {"/tmp/a'b", false},
        {"/tmp/$(x)", false},
        {"tmp/a", false},
        {"/", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (play_is_folder(rows[i].path) != rows[i].good)
            fail_msg("%s", rows[i].path);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_prompt_table_names_the_demo),
        T(test_memory_lasts_from_prompt_to_prompt),
        T(test_scenes_follow_the_answers),
        T(test_scenes_end_where_a_tool_fails),
        T(test_tools_table_whose_input_can_be_written),
        T(test_client_with_a_shell_alone),
        T(test_no_folder_is_no_play),
        T(test_folder_table_of_plain_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
