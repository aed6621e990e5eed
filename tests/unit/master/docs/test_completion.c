#include "master/docs/completion.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct option_row options[] = {
    {'f', "form", "a|b", "one of two: [this], it's"},
    {0, "hidden", NULL, NULL},
    {0, "when", "TIME|Nd", "a time"},
    {0, "env-file", "FILE", "settings"},
    {0, "flag", NULL, "a flag"},
};
static const struct commands_about about = {"do-it", "what|why", "Does it.", options, 5};
static const struct commands_about sub_about = {"sub", "[PATTERN] | in FILE | out FILE | all",
                                                "Subs.", NULL, 0};
static const struct commands_about bare_about = {"rest", "KEY-ID", "Rests.", NULL, 0};

static const struct commands_row commands[] = {{"do-it", NULL, "does it", &about},
                                               {"rest", NULL, "rests: [all]", &bare_about},
                                               {"sub", NULL, "subs", &sub_about}};

static struct buf script;

static const char *written(void (*write)(const struct commands_row *, size_t, struct buf *))
{
    buf_init(&script, 1 << 20);
    write(commands, COUNT_OF(commands), &script);
    buf_put_char(&script, '\0');
    assert_true(buf_ok(&script));
    assert_null(strstr(buf_data(&script), "hidden"));
    return buf_data(&script);
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("\"%s\" is not in:\n%.4000s", part, text);
    }
}

static void test_bash_words_files_and_the_unknown(void **state)
{
    (void)state;
    const char *text = written(completion_bash);
    has(text, "    first) words='do-it rest sub --help' ;;\n");
    has(text, "    do-it)\n        case $before in\n"
              "        -f|--form) words='a b' ;;\n"
              "        --when) nothing=yes ;;\n"
              "        --env-file) files=yes ;;\n"
              "        *) words='--form --when --env-file --flag --help what why' ;;\n"
              "        esac\n        ;;\n");
    has(text, "    rest)\n        case $before in\n        *) words='--help' ;;\n");
    has(text, "    sub)\n        case $before in\n        in) files=yes ;;\n"
              "        out) files=yes ;;\n        all) ;;\n"
              "        *) words='--help in out all' ;;\n");
    buf_free(&script);
}

static void test_zsh_descriptions_are_quoted(void **state)
{
    (void)state;
    const char *text = written(completion_zsh);
    has(text, "        'do-it:does it'\n        'rest:rests\\: \\[all\\]'\n");
    has(text, "        do-it)\n        _arguments '(-h --help)'{-h,--help}'[its options]' \\\n");
    has(text, "'(-f --form)'{-f,--form}'[one of two\\: \\[this\\], it'\\''s]:a|b:(a b)' \\\n");
    has(text, "'--when[a time]:TIME|Nd:' \\\n");
    has(text, "'--env-file[settings]:FILE:_files' \\\n");
    has(text, "'--flag[a flag]' \\\n            '1:what|why:(what why)'\n        ;;\n");
    has(text, "        rest)\n        _arguments '(-h --help)'{-h,--help}'[its options]'\n");
    has(text, "        sub)\n        _arguments '(-h --help)'{-h,--help}'[its options]' \\\n"
              "            '1::what:(in out all)' \\\n            '2::FILE:_files'\n");
    buf_free(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bash_words_files_and_the_unknown),
        cmocka_unit_test(test_zsh_descriptions_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
