#include "worker/turn/quiet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* C.4: which field and which rule stays, what the client wrote goes. */
static void test_quoted_words_of_others_become_their_length(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"Too many requests, please wait.", "Too many requests, please wait."},
        {"1 validation error detected: Value 'my secret plan' at 'messages.1.member.content' "
         "failed "
         "to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+",
         "1 validation error detected: Value '[14 bytes]' at 'messages.1.member.content' failed to "
         "satisfy constraint: Member must satisfy regular expression pattern: [a-z]+"},
        {"Value 'word' at 'a' failed", "Value '[4 bytes]' at 'a' failed"},
        {"Value 'it's \"what' he said' at 'a' failed", "Value '[19 bytes]' at 'a' failed"},
        {"Value 'no end of it", "Value '[12 bytes]"},
        {"Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header",
         "Unexpected value(s) `context-1m-2025-08-07` for the `anthropic-beta` header"},
        {"isn't supported and doesn't work", "isn't supported and doesn't work"},
        {"tools.0.name: 'two words' is none", "tools.0.name: '[9 bytes]' is none"},
        {"field \"isn't his\" is none", "field \"[9 bytes]\" is none"},
        {"'" A64 "' 'a" A64 "'", "'" A64 "' '[65 bytes]'"},
        {"empty '' is none", "empty '[0 bytes]' is none"},
        {"never 'closed by anything", "never '[18 bytes]"},
        {"first line\nsecond line", "first line"},
        {"'", "'[0 bytes]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[QUIET_SIZE];
        struct str got = quiet_sentence(text_from(rows[i].in), out);
        assert_string_equal(out, rows[i].out);
        assert_int_equal(got.n, strlen(out));
    }
}

static void test_long_sentence_is_cut(void **state)
{
    char in[1000], out[QUIET_SIZE];
    (void)state;
    memset(in, 'x', sizeof in);
    assert_int_equal(quiet_sentence((struct str){in, sizeof in}, out).n, QUIET_SIZE - 1);
    memset(in, '\'', sizeof in);
    assert_true(quiet_sentence((struct str){in, sizeof in}, out).n < QUIET_SIZE);
    assert_int_equal(quiet_sentence((struct str){NULL, 0}, out).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoted_words_of_others_become_their_length),
        cmocka_unit_test(test_long_sentence_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
