#include "server/base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"

#define JSON_HEAD                                                                                  \
    "{\"ts\":\"2026-01-15T12:00:00.123Z\",\"level\":\"info\",\"process\":\"worker 2\",\"pid\":%d," \
    "\"event\":\"start\""
#define TEXT_HEAD "2026-01-15T12:00:00.123Z info  worker 2  start:"

static int pipe_fds[2];

static int open_pipe(void **state)
{
    (void)state;
    clock_freeze_real_ms(1768478400123);
    return pipe2(pipe_fds, O_CLOEXEC);
}

static int close_pipe(void **state)
{
    (void)state;
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    log_to(STDOUT_FILENO);
    return 0;
}

static void begin(enum log_format format)
{
    log_to(pipe_fds[1]);
    log_init(LOG_INFO, format, "worker 2");
}

/* What the lines of one call wrote; a newline is put first so that an empty pipe does not block. */
static const char *written(void)
{
    static char got[PIPE_BUF * 2];
    assert_int_equal(write(pipe_fds[1], "\n", 1), 1);
    ssize_t n = read(pipe_fds[0], got, sizeof(got) - 1);
    assert_true(n > 0);
    got[n - 1] = '\0';
    return got;
}

static void expect_json(const char *tail)
{
    char line[PIPE_BUF];
    snprintf(line, sizeof(line), JSON_HEAD "%s\n", (int)getpid(), tail);
    assert_string_equal(written(), line);
}

static void test_line_json_form(void **state)
{
    (void)state;
    begin(LOG_FORMAT_JSON);
    log_line(LOG_INFO, "start", "port %d", 8000);
    expect_json(",\"msg\":\"port 8000\"}");
}

static void test_line_text_form(void **state)
{
    (void)state;
    begin(LOG_FORMAT_TEXT);
    log_line(LOG_INFO, "start", "port %d", 8000);
    assert_string_equal(written(), TEXT_HEAD " port 8000\n");
}

static void test_format_auto_without_terminal_is_json(void **state)
{
    (void)state;
    begin(LOG_FORMAT_AUTO);
    log_line(LOG_INFO, "start", "x");
    expect_json(",\"msg\":\"x\"}");
}

static void test_line_hostile_values_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *in, *json, *text;
    } rows[] = {
        {"a\nb", "a\\u000ab", "a\\u000ab"},
        {"eve\xe2\x80\xaegnp.exe", "eve\\u202egnp.exe", "eve\\u202egnp.exe"},
        {"a\xf3\xa0\x81\x81"
         "b\xef\xbb\xbf",
         "a\\udb40\\udc41b\\ufeff", "a\\udb40\\udc41b\\ufeff"},
        {"a\r\t\x1b[0m", "a\\u000d\\u0009\\u001b[0m", "a\\u000d\\u0009\\u001b[0m"},
        {"\x7f", "\\u007f", "\\u007f"},
        {"say \"x\" \\", "say \\\"x\\\" \\\\", "say \"x\" \\\\"},
        {"bad \xff\xc3", "bad \\\\xff\\\\xc3", "bad \\xff\\xc3"},
        {"c1 \xc2\x9b", "c1 \\u009b", "c1 \\u009b"},
        {"fine \xc3\xa9 \xe2\x82\xac", "fine \xc3\xa9 \xe2\x82\xac", "fine \xc3\xa9 \xe2\x82\xac"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[256];
        begin(LOG_FORMAT_JSON);
        log_line(LOG_INFO, "start", "%s", rows[i].in);
        snprintf(expected, sizeof(expected), ",\"msg\":\"%s\"}", rows[i].json);
        expect_json(expected);
        begin(LOG_FORMAT_TEXT);
        log_line(LOG_INFO, "start", "%s", rows[i].in);
        snprintf(expected, sizeof(expected), TEXT_HEAD " %s\n", rows[i].text);
        assert_string_equal(written(), expected);
    }
}

static const struct log_field fields[] = {
    {.name = "model", .kind = LOG_STR, .value = {"a\"b", 3}},
    {.name = "tokens", .kind = LOG_INT, .value_int = -42},
    {.name = "took", .kind = LOG_MS, .value_int = 1234567},
    {.name = "early", .kind = LOG_MS, .value_int = -5},
    {.name = "ok", .kind = LOG_BOOL, .value_int = 1},
    {.name = "bad", .kind = LOG_BOOL},
    {.name = "session", .kind = LOG_STR, .value = {"x error=y", 9}},
    {.name = "path", .kind = LOG_STR, .value = {"/v1/models", 10}},
};

static void test_fields_both_forms(void **state)
{
    (void)state;
    begin(LOG_FORMAT_JSON);
    log_fields(LOG_INFO, "start", fields, 8);
    expect_json(",\"model\":\"a\\\"b\",\"tokens\":-42,\"took\":1234.567,\"early\":-0.005,"
                "\"ok\":true,\"bad\":false,\"session\":\"x error=y\",\"path\":\"/v1/models\"}");
    begin(LOG_FORMAT_TEXT);
    log_fields(LOG_INFO, "start", fields, 8);
    assert_string_equal(written(), TEXT_HEAD
                        " model=\"a\\\"b\" tokens=-42 took=1234.567 early=-0.005 ok=true bad=false"
                        " session=\"x error=y\" path=/v1/models\n");
}

static void test_level_below_is_not_written(void **state)
{
    (void)state;
    begin(LOG_FORMAT_TEXT);
    log_line(LOG_DEBUG, "start", "no");
    log_fields(LOG_DEBUG, "start", fields, 6);
    assert_string_equal(written(), "");
    log_level_set(LOG_DEBUG);
    assert_true(log_on(LOG_DEBUG));
    log_level_set(LOG_OFF);
    log_line(LOG_ERROR, "start", "no");
    assert_false(log_on(LOG_ERROR));
    assert_false(log_on(LOG_OFF));
    assert_string_equal(written(), "");
}

static void test_line_too_long_cut_and_marked(void **state)
{
    (void)state;
    begin(LOG_FORMAT_JSON);
    log_line(LOG_INFO, "start", "%0*d", 10000, 1);
    const char *line = written();
    assert_true(strlen(line) <= PIPE_BUF);
    assert_true(text_ends(text_from(line), STR("00...\"}\n")));
    static char quotes[3000];
    memset(quotes, '"', sizeof(quotes) - 1); /* twice as long when escaped */
    log_line(LOG_INFO, "start", "%s", quotes);
    line = written();
    assert_true(strlen(line) <= PIPE_BUF);
    assert_true(text_ends(text_from(line), STR("\\\"...\"}\n")));
    memset(quotes + 1500, 'x', sizeof(quotes) - 1501); /* cut in the middle of what is plain */
    log_line(LOG_INFO, "start", "%s", quotes);
    line = written();
    assert_int_equal(strlen(line), PIPE_BUF - 16 + strlen("...\"}\n"));
    assert_true(text_ends(text_from(line), STR("xxxx...\"}\n")));
}

static void test_pid_is_the_own_one_after_fork(void **state)
{
    (void)state;
    begin(LOG_FORMAT_JSON);
    log_fields(LOG_INFO, "start", fields, 0);
    expect_json("}");
    pid_t child = fork();
    if (child == 0) {
        log_fields(LOG_INFO, "start", fields, 0);
        _exit(0);
    }
    int status = -1;
    char line[PIPE_BUF];
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    snprintf(line, sizeof(line), JSON_HEAD "}\n", (int)child);
    assert_string_equal(written(), line);
}

static void test_fields_too_long_stay_whole_members(void **state)
{
    (void)state;
    static char big[5000];
    memset(big, 'x', sizeof(big));
    const struct log_field long_fields[] = {
        fields[1],
        {.name = "big", .kind = LOG_STR, .value = {big, sizeof(big)}},
        fields[1],
    };
    begin(LOG_FORMAT_JSON);
    log_fields(LOG_INFO, "start", long_fields, 3);
    expect_json(",\"tokens\":-42,\"cut\":1}");
    begin(LOG_FORMAT_TEXT);
    log_fields(LOG_INFO, "start", long_fields, 3);
    assert_string_equal(written(), TEXT_HEAD " tokens=-42 ...\n");
}

static void test_full_pipe_drops_and_counts_without_blocking(void **state)
{
    (void)state;
    static char bytes[1 << 21];
    begin(LOG_FORMAT_TEXT);
    uint64_t before = log_dropped();
    for (int i = 0; i < 3000; i++) {
        log_line(LOG_INFO, "start", "%0100d", i);
    }
    uint64_t dropped = log_dropped() - before;
    assert_true(dropped > 0);
    assert_int_equal(fcntl(pipe_fds[1], F_GETFL) & O_NONBLOCK, 0);
    fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    ssize_t n = read(pipe_fds[0], bytes, sizeof(bytes));
    size_t line_size = sizeof(TEXT_HEAD) - 1 + 1 + 100 + 1;
    assert_true(n > 0);
    assert_int_equal((size_t)n % line_size, 0); /* whole lines only */
    assert_int_equal((size_t)n / line_size + dropped, 3000);
    log_line(LOG_INFO, "start", "again");
    assert_string_equal(written(), TEXT_HEAD " again\n");
}

static void test_regular_file_gets_lines(void **state)
{
    (void)state;
    char got[256];
    FILE *file = tmpfile();
    assert_non_null(file);
    begin(LOG_FORMAT_TEXT);
    log_to(fileno(file));
    log_line(LOG_INFO, "start", "one");
    log_line(LOG_INFO, "start", "two");
    ssize_t n = pread(fileno(file), got, sizeof(got), 0);
    assert_true(text_eq((struct str){got, (size_t)n}, STR(TEXT_HEAD " one\n" TEXT_HEAD " two\n")));
    fclose(file);
}

static void test_process_long_name_is_cut(void **state)
{
    (void)state;
    begin(LOG_FORMAT_TEXT);
    log_process("a name of more than twenty-three");
    log_line(LOG_WARN, "e", "m");
    assert_string_equal(written(),
                        "2026-01-15T12:00:00.123Z warn  a name of more than twe  e: m\n");
}

static void test_level_parse_words_of_all_tools(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool ok;
        enum log_level level;
    } rows[] = {{"trace", true, LOG_DEBUG},  {"DEBUG", true, LOG_DEBUG},
                {"Info", true, LOG_INFO},    {"warn", true, LOG_WARN},
                {"WARNING", true, LOG_WARN}, {"error", true, LOG_ERROR},
                {"off", true, LOG_OFF},      {"critical", true, LOG_ERROR},
                {"", false, LOG_OFF},        {"verbose", false, LOG_OFF}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum log_level level = LOG_OFF;
        bool ok = log_level_parse(text_from(rows[i].word), &level);
        if (ok != rows[i].ok || level != rows[i].level) {
            fail_msg("row \"%s\": %d, level %d", rows[i].word, ok, level);
        }
    }
}

#define PIPED(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIPED(test_line_json_form),
        PIPED(test_line_text_form),
        PIPED(test_format_auto_without_terminal_is_json),
        PIPED(test_line_hostile_values_escaped),
        PIPED(test_fields_both_forms),
        PIPED(test_level_below_is_not_written),
        PIPED(test_line_too_long_cut_and_marked),
        PIPED(test_pid_is_the_own_one_after_fork),
        PIPED(test_fields_too_long_stay_whole_members),
        PIPED(test_full_pipe_drops_and_counts_without_blocking),
        PIPED(test_regular_file_gets_lines),
        PIPED(test_process_long_name_is_cut),
        cmocka_unit_test(test_level_parse_words_of_all_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
