#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "shm/counters.h"
#include "shm/journal.h"
#include "shm/scoreboard.h"
#include "worker/metrics.h"

static struct segment seg;
static struct journal journal;
static struct buf out;

static int make(void **state)
{
    (void)state;
    struct err err;
    buf_init(&out, 65536);
    return segment_create(&seg, 2, 64, &err) == STATUS_OK &&
                   journal_open(&journal, "", 2, 64, &err) == STATUS_OK
               ? 0
               : -1;
}

static int drop(void **state)
{
    (void)state;
    buf_free(&out);
    journal_drop(&journal);
    segment_drop(&seg);
    return 0;
}

static bool has_line(const char *line)
{
    struct str rest = buf_str(&out), piece;
    while (text_split(&rest, '\n', &piece)) {
        if (text_eq(piece, text_from(line))) {
            return true;
        }
    }
    return false;
}

static void test_print_has_every_counter_and_gauge(void **state)
{
    (void)state;
    counters_enter(&seg, 1);
    counters_add(COUNTER_TOKENS_IN, 12345);
    scoreboard_state(&seg, 1, SCOREBOARD_READY);
    scoreboard_forked(&seg, 2, 1);
    scoreboard_forked(&seg, 2, 1);
    seg.journal = &journal;
    journal_enter(&journal, 1);
    journal_open_record(&journal, journal_begin_record(&journal));
    metrics_print(&seg, (int64_t)seg.header->epoch + 5000, &out);
    assert_true(buf_ok(&out));
    static const char *const lines[] = {
        "llm_api_converter_tokens_input_total 12345",
        "# TYPE llm_api_converter_tokens_input_total counter",
        "llm_api_converter_workers_ready 1",
        "llm_api_converter_process_restarts 1",
        "llm_api_converter_usage_journal_open 1",
        "llm_api_converter_usage_journal_in_memory 1",
        "llm_api_converter_key_table_age_milliseconds 0",
        "llm_api_converter_uptime_seconds 5",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!has_line(lines[i])) {
            fail_msg("%s", lines[i]);
        }
    }
}

/* Exposition format 0.0.4: "# HELP name text", "# TYPE name kind", "name value". */
static void test_print_every_line_is_of_the_format(void **state)
{
    (void)state;
    metrics_print(&seg, (int64_t)seg.header->epoch, &out);
    struct str rest = buf_str(&out), line, name;
    while (text_split(&rest, '\n', &line)) {
        uint64_t value;
        if (line.n && line.p[0] != '#' &&
            (!text_split(&line, ' ', &name) || !text_u64(line, &value))) {
            fail_msg("%.*s", STR_ARG(line));
        }
    }
    assert_true(text_ends(buf_str(&out), STR("\n")));
    assert_false(has_line("llm_api_converter_usage_journal_open 0")); /* there is none */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(test_print_has_every_counter_and_gauge),
        T(test_print_every_line_is_of_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
