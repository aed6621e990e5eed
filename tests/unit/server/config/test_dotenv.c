#include "server/config/dotenv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char seen[512]; /* name=value| for each call */

static void note(void *ctx, struct str name, struct str value)
{
    (void)ctx;
    size_t n = strlen(seen);
    snprintf(seen + n, sizeof(seen) - n, "%.*s=%.*s|", STR_ARG(name), STR_ARG(value));
}

static const struct dotenv_sink sink = {note, NULL};

static enum status parse(const char *text, struct err *err)
{
    char *copy = strdup(text); /* exact size, so that ASan sees an overrun */
    seen[0] = '\0';
    enum status status = dotenv_parse(copy, strlen(text), "x.env", sink, err);
    free(copy);
    return status;
}

static void test_parse_legal_lines(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *out;
    } rows[] = {
        {"empty", "", ""},
        {"plain", "A=b", "A=b|"},
        {"two lines", "A=b\nB2_=c\n", "A=b|B2_=c|"},
        {"export", "export A=b", "A=b|"},
        {"blanks", "  A =  b c \t", "A=b c|"},
        {"empty value", "A=", "A=|"},
        {"equals in value", "A=b=c==", "A=b=c==|"},
        {"comments", "# x\n\n  # y\nA=b # z\nB=#c\nC=d#e", "A=b|B=|C=d#e|"},
        {"crlf", "A=b\r\nB=c\r\n", "A=b|B=c|"},
        {"byte order mark",
         "\xef\xbb\xbf"
         "A=b",
         "A=b|"},
        {"single quotes", "A=' b # \\n \"c\" '", "A= b # \\n \"c\" |"},
        {"double quotes", "A=\"b\\n\\t\\\"\\\\ # c\" # d", "A=b\n\t\"\\ # c|"},
        {"empty quotes", "A=''\nB=\"\"", "A=|B=|"},
        {"quote inside", "A=it's", "A=it's|"},
        {"json", "A={\"x\":\"y\"}", "A={\"x\":\"y\"}|"},
        {"twice", "A=1\nA=2", "A=1|A=2|"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        if (parse(rows[i].in, &err) != STATUS_OK || strcmp(seen, rows[i].out) != 0) {
            fail_msg("row \"%s\": %s, %s", rows[i].name, seen, err.text);
        }
    }
}

static void test_parse_broken_line_is_named_not_shown(void **state)
{
    (void)state;
    static const char *const rows[] = {"secret",       "A secret=1",    "=secret",    "1A=secret",
                                       "A='secret",    "A=\"secret",    "A-B=secret", "A='x'secret",
                                       "A=\"secret\\", "export =secret"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64];
        struct err err = {0};
        snprintf(text, sizeof(text), "OK=1\n%s\nB=2\n", rows[i]);
        if (parse(text, &err) != STATUS_INVALID || strcmp(seen, "OK=1|") != 0) {
            fail_msg("row \"%s\": %s", rows[i], seen);
        }
        assert_string_equal(err.text, "x.env, line 2: not NAME=value, or a quote is open");
    }
}

static void test_parse_zero_byte_refused(void **state)
{
    (void)state;
    char text[] = "A=b\0c";
    struct err err;
    assert_int_equal(dotenv_parse(text, 5, "x.env", sink, &err), STATUS_INVALID);
}

static void test_read_missing_file(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(dotenv_read("/nonexistent/.env", false, sink, &err), STATUS_OK);
    assert_int_equal(dotenv_read("/nonexistent/.env", true, sink, &err), STATUS_INVALID);
    assert_string_equal(err.text, "/nonexistent/.env: No such file or directory");
    assert_int_equal(dotenv_read("/", false, sink, &err), STATUS_INVALID);
    assert_string_equal(err.text, "/: Is a directory");
}

static void test_read_file_of_many_pages(void **state)
{
    (void)state;
    char path[] = "/tmp/test_dotenv_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    dprintf(fd, "A=1\n# %0*d\nB=2\n", 20000, 1);
    close(fd);
    seen[0] = '\0';
    struct err err = {0};
    enum status status = dotenv_read(path, true, sink, &err);
    unlink(path);
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(seen, "A=1|B=2|");
}

static void test_read_endless_file_refused(void **state)
{
    (void)state;
    struct err err = {0};
    assert_int_equal(dotenv_read("/dev/zero", true, sink, &err), STATUS_INVALID);
    assert_string_equal(err.text, "/dev/zero: File too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_legal_lines),
        cmocka_unit_test(test_parse_broken_line_is_named_not_shown),
        cmocka_unit_test(test_parse_zero_byte_refused),
        cmocka_unit_test(test_read_missing_file),
        cmocka_unit_test(test_read_file_of_many_pages),
        cmocka_unit_test(test_read_endless_file_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
