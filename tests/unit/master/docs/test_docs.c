#include "master/docs/docs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/config/config_docs.h"
#include "server/json/json.h"
#include "tests/unit/cli_case.h"
#include "worker/door/metrics.h"
#include "worker/exchange/routes.h"

static const struct option_row options[] = {
    {'f', "form", "a|b", "one of two"},
    {0, "hidden", NULL, NULL},
    {0, "flag", NULL, "a | in words"},
};
static const struct commands_about about = {"do-it", "WHAT|WHY", "Does it.", options, 3};
static const struct commands_about bare_about = {"rest", "", "Rests.", NULL, 0};

static int nothing(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 0;
}

static const struct commands_row commands[] = {{"do-it", nothing, "does it", &about},
                                               {"rest", nothing, "rests", &bare_about}};

static int docs(int argc, char **argv)
{
    return docs_run(commands, 2, argc, argv);
}

static void has(const char *part)
{
    if (!strstr(cli_out, part)) {
        fail_msg("\"%s\" is not in:\n%.3000s", part, cli_out);
    }
}

static void test_settings_row_of_each(void **state)
{
    (void)state;
    assert_int_equal(cli_run(docs, "settings"), 0);
    assert_string_equal(cli_err, "");
    has("| Variable | Default | Meaning |\n|---|---|---|\n");
    has("| `PORT` | `8000` | port to listen on (1 to 65535); takes a restart |\n");
    has("else JSON lines (auto, text, json); takes a restart |\n");
    has("length of the window (1 to 86400); also `RATE_LIMIT_WINDOW` |\n");
    has("| `MASTER_API_KEY` |  | a key");
    const struct config_docs_row *r;
    size_t n = 0;
    for (; (r = config_docs_row(n)) != NULL; n++) {
        char start[80];
        snprintf(start, sizeof start, "\n| `%s` | ", r->name);
        has(start);
    }
    assert_int_equal(cli_lines(cli_out), n + 7); /* the heads of two tables, and what is between */
}

static void test_settings_never_show_values(void **state)
{
    (void)state;
    setenv("PORT", "8123", 1);
    setenv("MASTER_API_KEY", "correct-horse-battery", 1);
    static const char *const lines[] = {"settings", "settings --output json"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(cli_run(docs, lines[i]), 0);
        assert_null(strstr(cli_out, "8123"));
        assert_null(strstr(cli_out, "correct-horse"));
    }
    unsetenv("PORT");
}

static void test_routes_are_called_as_printed(void **state)
{
    (void)state;
    assert_int_equal(cli_run(docs, "routes"), 0);
    has("| `POST /v1/messages` | key | Anthropic Messages, streamed or not |\n");
    has("| `GET, HEAD /v1/models/{id}` | key | one model |\n");
    has("| `GET, HEAD /metrics` | METRICS_TOKEN or master key | ");
    has("| `GET, HEAD /health` | anybody | ");
    size_t n = 0;
    while (routes_row(n)) {
        n++;
    }
    assert_int_equal(cli_lines(cli_out), n + 2);
    assert_null(strstr(cli_out, "`?"));
    assert_null(strchr(cli_out, '*'));
}

static void test_metrics_families_and_their_values(void **state)
{
    (void)state;
    struct metrics_family f;
    assert_int_equal(cli_run(docs, "metrics"), 0);
    for (size_t i = 0; metrics_family(i, &f); i++) {
        char start[100];
        snprintf(start, sizeof start, "\n| `%s` | %s | ", f.name, f.type);
        has(start);
    }
    has("| `requests_ended_total` | counter | `route`, `dialect`, `transport`, `class` | ");
    has("| `workers_ready` | gauge |  | Workers that serve |\n");
    has("\n\n`refusals_total`, by `reason`:\n\n| reason | meaning |\n|---|---|\n| `http` | ");
    has("\n\n`upstream_errors_total`, by `type`:\n\n| type | meaning |\n|---|---|\n");
    has("| `cut` | the connection or the stream ended before the answer did |\n");
}

static void test_commands_escape_bars_and_hide_the_hidden(void **state)
{
    (void)state;
    assert_int_equal(cli_run(docs, "commands"), 0);
    assert_string_equal(cli_out, "| Command | Meaning |\n|---|---|\n"
                                 "| `do-it WHAT\\|WHY` | does it |\n| `rest` | rests |\n\n"
                                 "| Command | Option | Meaning |\n|---|---|---|\n"
                                 "| `do-it` | `-f`, `--form a\\|b` | one of two |\n"
                                 "| `do-it` | `--flag` | a \\| in words |\n");
}

static void test_json_of_each_table(void **state)
{
    (void)state;
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"settings --output json",
         "{\"name\":\"PORT\",\"alias\":\"\",\"class\":\"basic\",\"restart\":true,"
         "\"type\":\"number\",\"default\":\"8000\","
         "\"choices\":[],\"min\":1,\"max\":65535,\"secret\":false,\"meaning\":\"port"},
        {"settings --output json", "\"choices\":[\"auto\",\"text\",\"json\"]"},
        {"routes --output json",
         "{\"path\":\"/v1/models/{id}\",\"methods\":[\"GET\",\"HEAD\"],\"caller\":\"key\","
         "\"dialect\":\"as anthropic-version tells\","},
        {"routes --output json", "{\"path\":\"/v1/chat/completions\",\"methods\":[\"POST\"],"
                                 "\"caller\":\"key\",\"dialect\":\"openai\","},
        {"metrics --output json", "{\"prefix\":\"llm_api_converter_\",\"metrics\":[{\"name\":"},
        {"metrics --output json", "{\"metric\":\"refusals_total\",\"label\":\"reason\","
                                  "\"value\":\"http\",\"meaning\":\"against"},
        {"commands --output json",
         "[{\"name\":\"do-it\",\"arguments\":\"WHAT|WHY\",\"meaning\":\"does it\",\"options\":["
         "{\"name\":\"form\",\"letter\":\"f\",\"value\":\"a|b\",\"meaning\":\"one of two\"},"
         "{\"name\":\"flag\",\"letter\":\"\",\"value\":\"\",\"meaning\":\"a | in words\"}]},"
         "{\"name\":\"rest\",\"arguments\":\"\",\"meaning\":\"rests\",\"options\":[]}]"},
    };
    struct err err;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(cli_run(docs, rows[i].line), 0);
        struct cJSON *doc = json_parse(text_from(cli_out), &err);
        assert_non_null(doc);
        json_free(doc);
        has(rows[i].part);
    }
}

static void test_papers_begin_as_their_readers_want(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"man", ".TH LLM"},
                                          {"bash-completion", "# bash completion"},
                                          {"zsh-completion", "#compdef llm-api-converter\n"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(cli_run(docs, rows[i][0]), 0);
        assert_true(strncmp(cli_out, rows[i][1], strlen(rows[i][1])) == 0);
    }
}

static void test_wrong_arguments_exit_2_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"",
                                        "nothing",
                                        "settings routes",
                                        "routes --output text",
                                        "--output json",
                                        "man --output json"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(cli_run(docs, lines[i]), 2);
        assert_int_equal(cli_lines(cli_err), 1);
        assert_string_equal(cli_out, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLI_CASE(test_settings_row_of_each),
        CLI_CASE(test_settings_never_show_values),
        CLI_CASE(test_routes_are_called_as_printed),
        CLI_CASE(test_metrics_families_and_their_values),
        CLI_CASE(test_commands_escape_bars_and_hide_the_hidden),
        CLI_CASE(test_json_of_each_table),
        CLI_CASE(test_papers_begin_as_their_readers_want),
        CLI_CASE(test_wrong_arguments_exit_2_with_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
