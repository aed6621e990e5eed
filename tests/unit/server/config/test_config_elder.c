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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_a_wish_that_fails_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
