#include "master/docs/manual.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "server/config/config_docs.h"

static const struct option_row options[] = {
    {'f', "form", "a|b", "one of two"},
    {0, "hidden", NULL, NULL},
    {0, "two-words", NULL, ".begins with a dot, has a \\"},
};
static const struct commands_about about = {"do-it", "WHAT", "Does it.", options, 3};
static const struct commands_about bare_about = {"rest", "", "'Rests'.", NULL, 0};

static const struct commands_row commands[] = {{"do-it", NULL, "does it", &about},
                                               {"rest", NULL, "rests", &bare_about}};

static struct buf page;
static char *text;

static int write_page(void **state)
{
    (void)state;
    buf_init(&page, 1 << 20);
    manual_write(commands, 2, &page);
    buf_put_char(&page, '\0');
    text = (char *)buf_data(&page);
    return buf_ok(&page) ? 0 : -1;
}

static int free_page(void **state)
{
    (void)state;
    buf_free(&page);
    return 0;
}

static void has(const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("\"%s\" is not in:\n%.3000s", part, text);
    }
}

static void test_options_of_each_command(void **state)
{
    (void)state;
    has(".SS \"do\\-it \\fIWHAT\\fR\"\nDoes it.\n"
        ".TP\n\\fB\\-f\\fR, \\fB\\-\\-form\\fR \\fIa|b\\fR\none of two\n");
    has(".SS \"rest\"\n");
    assert_null(strstr(text, "hidden"));
}

static void test_text_is_no_request_of_roff(void **state)
{
    (void)state;
    has("\\fB\\-\\-two\\-words\\fR\n\\&.begins with a dot, has a \\e\n");
    has("\n\\&'Rests'.\n");
}

static void test_each_setting_has_its_paragraph(void **state)
{
    (void)state;
    const struct config_docs_row *r;
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        char start[80];
        snprintf(start, sizeof start, ".TP\n\\fB%s\\fR", r->name);
        has(start);
    }
    has("\\fBPORT\\fR (8000)\nport to listen on (1 to 65535).\n");
    has("else JSON lines (auto, text, json).\n");
    has("length of the window (1 to 86400). Also \\fBRATE_LIMIT_WINDOW\\fR.\n");
}

/* Every line is text or a request of the man macros that this page uses. */
static void test_lines_are_text_or_known_requests(void **state)
{
    (void)state;
    static const char *const known[] = {".TH ", ".SH ", ".SS ", ".TP\n", ".B "};
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        bool good = line[0] != '.' && line[0] != '\'';
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            good = good || strncmp(line, known[i], strlen(known[i])) == 0;
        }
        if (!good) {
            fail_msg("a line that roff takes for a request: %.80s", line);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_of_each_command),
        cmocka_unit_test(test_text_is_no_request_of_roff),
        cmocka_unit_test(test_each_setting_has_its_paragraph),
        cmocka_unit_test(test_lines_are_text_or_known_requests),
    };
    return cmocka_run_group_tests(tests, write_page, free_page);
}
