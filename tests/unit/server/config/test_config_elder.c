/* Which variables of the earlier gateways are spoken of at the start. */
#include "server/config/config_elder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char said[400];
static unsigned lines;

static void note(void *ctx, const char *text)
{
    (void)ctx;
    lines++;
    snprintf(said, sizeof said, "%s", text);
}

static void test_only_a_wish_that_fails_is_told(void **state)
{
    static const struct {
        const char *name, *value, *line; /* NULL: nothing is said */
    } rows[] = {
        {"PRINT_PROMPTS", "true", "PRINT_PROMPTS does nothing here: prompts are never printed"},
        {"PRINT_PROMPTS", "False", NULL},
        {"PRINT_PROMPTS", " ", NULL},
        {"ENABLE_TOOL_USE", "1", NULL},
        {"ENABLE_TOOL_USE", "off",
         "ENABLE_TOOL_USE does nothing here: tools always work; create-api-key --models bounds "
         "what a key may use"},
        {"GEMINI_ENABLED", "yes", "GEMINI_ENABLED does nothing here: Bedrock is the only upstream"},
        {"RUST_LOG", "info", "RUST_LOG does nothing here: LOG_LEVEL says what is logged"},
        {"COGNITO_USER_POOL_ID", "us-east-1_secret",
         "COGNITO_USER_POOL_ID does nothing here: there is no web console; use the subcommands"},
        {"GEMINI_API_KEY", "x", NULL},
        {"JSON_MAX_DEPTH", "8", "JSON_MAX_DEPTH does nothing here: a body may nest 128 deep"},
        {"UPSTREAM_RETRIES", "1", NULL},
        {"UPSTREAM_RETRIES", "0",
         "UPSTREAM_RETRIES does nothing here: one second attempt is made, while retries are few"},
        {"STRIP_CACHE_SCOPE", "true", NULL},
        {"STRIP_CACHE_SCOPE", "false",
         "STRIP_CACHE_SCOPE does nothing here: Bedrock refuses cache_control.scope, so it is "
         "always "
         "cut out"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lines = 0;
        said[0] = '\0';
        setenv(rows[i].name, rows[i].value, 1);
        config_elder_warnings(note, NULL);
        unsetenv(rows[i].name);
        if (lines != (rows[i].line ? 1u : 0u) || (rows[i].line && strcmp(said, rows[i].line) != 0))
            fail_msg("%s=%s: %u lines, '%s'", rows[i].name, rows[i].value, lines, said);
    }
}

/* Every name that was a setting and is none any more: its line, once. Those that are read on are in
 * test_config.c. */
static void test_each_former_setting_is_told_of(void **state)
{
    static const char *const names[] = {"HTTP_MAX_LINE",
                                        "HTTP_MAX_HEADER_BYTES",
                                        "HTTP_MAX_HEADERS",
                                        "MAX_BODY_BYTES",
                                        "JSON_MAX_DEPTH",
                                        "JSON_MAX_VALUES",
                                        "JSON_MAX_KEYS",
                                        "JSON_MAX_NUMBER",
                                        "BODY_TIMEOUT",
                                        "BODY_MIN_RATE",
                                        "MAX_REQUESTS_PER_CONNECTION",
                                        "WRITE_TIMEOUT",
                                        "STREAM_BUFFER_BYTES",
                                        "EVENTSTREAM_MAX_FRAME",
                                        "UPSTREAM_CONNECT_TIMEOUT",
                                        "UPSTREAM_FIRST_BYTE_TIMEOUT",
                                        "UPSTREAM_RETRIES",
                                        "REASONING_CONTENT",
                                        "STRIP_CACHE_SCOPE",
                                        "EVENT_LOGGING_SINK",
                                        "MAX_BODIES_BYTES",
                                        "MAX_CONNECTIONS",
                                        "UPSTREAM_POOL",
                                        "USAGE_JOURNAL_RECORDS"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        lines = 0;
        setenv(names[i], "0", 1);
        config_elder_warnings(note, NULL);
        unsetenv(names[i]);
        if (lines != 1 || strncmp(said, names[i], strlen(names[i])) != 0)
            fail_msg("%s: %u lines, '%s'", names[i], lines, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_a_wish_that_fails_is_told),
                                       cmocka_unit_test(test_each_former_setting_is_told_of)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
