#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shm/memory/counters.h"
#include "shm/journal/journal.h"
#include "shm/memory/scoreboard.h"
#include "worker/door/metrics.h"
#include "server/base/clock.h"
#include "server/config/config_lanes.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/sticks.h"

static struct config_lanes lanes; /* none */
static struct segment seg;
static struct journal journal;
static struct buf out;

static int make(void **state)
{
    (void)state;
    struct err err;
    buf_init(&out, 262144);
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
    counters_add(COUNTER_REFUSED_RATE, 3);
    counters_enter(&seg, 2);
    counters_add(COUNTER_REFUSED_RATE, 4);
    counters_add(COUNTER_FAILED_THROTTLING, 1);
    scoreboard_state(&seg, 1, SCOREBOARD_READY);
    scoreboard_forked(&seg, 2, 1);
    scoreboard_forked(&seg, 2, 1);
    seg.journal = &journal;
    journal_enter(&journal, 1);
    journal_open_record(&journal, journal_begin_record(&journal));
    metrics_print(&seg, &lanes, (int64_t)seg.header->epoch + 5000, &out);
    assert_true(buf_ok(&out));
    static const char *const lines[] = {
        "llm_api_converter_tokens_input_total 12345",
        "# TYPE llm_api_converter_tokens_input_total counter",
        "llm_api_converter_refusals_total{reason=\"rate\"} 7",
        "llm_api_converter_refusals_total{reason=\"bad_key\"} 0",
        "# TYPE llm_api_converter_refusals_total counter",
        "llm_api_converter_upstream_errors_total{type=\"ThrottlingException\"} 1",
        "llm_api_converter_workers_ready 1",
        "llm_api_converter_process_restarts 1",
        "llm_api_converter_usage_journal_open 1",
        "llm_api_converter_usage_journal_in_memory 1",
        "llm_api_converter_key_table_age_seconds 0.000",
        "llm_api_converter_uptime_seconds 5",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!has_line(lines[i])) {
            fail_msg("%s", lines[i]);
        }
    }
}

/* Exposition format 0.0.4: "# HELP name text", "# TYPE name kind", "name value". */
/* "... 1234" of the first line that begins with `start`. */
static uint64_t value_of(const char *start)
{
    struct str rest = buf_str(&out), line, name;
    while (text_split(&rest, '\n', &line)) {
        uint64_t value;
        if (text_starts(line, text_from(start)) && text_split(&line, ' ', &name) &&
            text_u64(line, &value)) {
            return value;
        }
    }
    fail_msg("no line %s", start);
    return 0;
}

static void test_print_lanes_only_where_there_are_some(void **state)
{
    (void)state;
    struct config_lanes two;
    struct err err;
    metrics_print(&seg, &lanes, (int64_t)seg.header->epoch, &out);
    assert_null(memmem(buf_data(&out), buf_len(&out), "lane", 4));
    assert_int_equal(
        config_lanes_read(STR("us-west-2,eu-west-1@arn:aws:iam::123456789012:role/x"), &two, &err),
        STATUS_OK);
    lane_names_enter(&seg, &two, NULL);
    lanes_add(&seg, 1, LANES_MOVES, 3);
    lanes_bad(&seg, 0, 7, LANES_QUOTA, 0, false, clock_mono_ms());
    sticks_keep(&seg, 12345, 1, clock_mono_ms() / 1000u);
    buf_clear(&out);
    metrics_print(&seg, &two, (int64_t)seg.header->epoch, &out);
    static const char *const lines[] = {
        "# TYPE llm_api_converter_lane_moves_total counter",
        "llm_api_converter_lane_moves_total{lane=\"us-west-2\"} 0",
        "llm_api_converter_lane_moves_total{lane=\"eu-west-1@123456789012\"} 3",
        "llm_api_converter_lane_closed_models{lane=\"us-west-2\",why=\"day_quota\"} 1",
        "llm_api_converter_lane_closed_models{lane=\"eu-west-1@123456789012\",why=\"open\"} 0",
        "llm_api_converter_conversations_moved 1",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (!has_line(lines[i])) {
            fail_msg("%s", lines[i]);
        }
    }
}

#define INVOKE "route=\"messages\",dialect=\"anthropic\",transport=\"invoke\""

static void test_print_traffic_is_summed_over_processes_with_labels(void **state)
{
    (void)state;
    for (uint32_t slot = 1; slot <= 2; slot++) {
        counters_enter(&seg, slot);
        traffic_count(counters_traffic(TRAFFIC_MESSAGES_INVOKE), TRAFFIC_2XX, 7000, 1500000);
    }
    traffic_count(counters_traffic(TRAFFIC_MESSAGES_INVOKE), TRAFFIC_ABORTED, 0, 700000000);
    metrics_print(&seg, &lanes, (int64_t)seg.header->epoch, &out);
    assert_true(buf_ok(&out));
    static const char *const lines[] = {
        "llm_api_converter_requests_ended_total{" INVOKE ",class=\"2xx\"} 2",
        "llm_api_converter_requests_ended_total{" INVOKE ",class=\"aborted\"} 1",
        "llm_api_converter_request_duration_seconds_bucket{" INVOKE ",le=\"1\"} 0",
        "llm_api_converter_request_duration_seconds_bucket{" INVOKE ",le=\"600\"} 2",
        "llm_api_converter_request_duration_seconds_bucket{" INVOKE ",le=\"+Inf\"} 3",
        "llm_api_converter_request_duration_seconds_sum{" INVOKE "} 703.000000",
        "llm_api_converter_request_duration_seconds_count{" INVOKE "} 3",
        "llm_api_converter_first_byte_seconds_bucket{" INVOKE ",le=\"0.005\"} 0",
        "llm_api_converter_first_byte_seconds_bucket{" INVOKE ",le=\"0.01\"} 2",
        "llm_api_converter_first_byte_seconds_count{" INVOKE "} 2",
        "llm_api_converter_build_info{version=\"" VERSION "\"} 1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!has_line(lines[i])) {
            fail_msg("%s", lines[i]);
        }
    }
    uint64_t before = 0;
    for (unsigned i = 0; i <= TRAFFIC_BOUNDS; i++) {
        char start[200];
        snprintf(start, sizeof start,
                 "llm_api_converter_request_duration_seconds_bucket{" INVOKE ",le=\"%s\"}",
                 traffic_bound(i));
        assert_true(value_of(start) >= before);
        before = value_of(start);
    }
}

static unsigned lines_that_begin(struct str start)
{
    struct str rest = buf_str(&out), line;
    unsigned n = 0;
    while (text_split(&rest, '\n', &line)) {
        n += text_starts(line, start);
    }
    return n;
}

static void test_print_has_one_help_and_type_for_each_family(void **state)
{
    (void)state;
    metrics_print(&seg, &lanes, (int64_t)seg.header->epoch, &out);
    struct str rest = buf_str(&out), line;
    while (text_split(&rest, '\n', &line)) {
        size_t at;
        if (text_starts(line, STR("# ")) && text_find(text_sub(line, 7, line.n), STR(" "), &at) &&
            lines_that_begin(text_sub(line, 0, at + 8)) != 1) {
            fail_msg("%.*s", STR_ARG(line));
        }
    }
}

static void test_print_every_line_is_of_the_format(void **state)
{
    (void)state;
    metrics_print(&seg, &lanes, (int64_t)seg.header->epoch, &out);
    struct str rest = buf_str(&out), line, name;
    while (text_split(&rest, '\n', &line)) {
        uint64_t value;
        struct str whole;
        if (line.n && line.p[0] != '#' &&
            (!text_split(&line, ' ', &name) || !text_split(&line, '.', &whole) ||
             !text_u64(whole, &value))) {
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
        T(test_print_lanes_only_where_there_are_some),
        T(test_print_traffic_is_summed_over_processes_with_labels),
        T(test_print_has_one_help_and_type_for_each_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
