#include "master/cli/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "master/supervise/pidfile.h"
#include "server/json/json.h"
#include "shm/memory/counters.h"
#include "shm/memory/scoreboard.h"
#include "shm/memory/segment.h"
#include "tests/unit/cli_case.h"

static void test_duration_as_listed(void **state)
{
    (void)state;
    static const struct {
        uint64_t seconds;
        const char *text;
    } rows[] = {{0, "0m00s"},
                {69, "1m09s"},
                {3599, "59m59s"},
                {7500, "2h05m"},
                {86400 * 3 + 4 * 3600, "3d04h"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[24];
        top_duration(rows[i].seconds, out);
        assert_string_equal(out, rows[i].text);
    }
}

/* This process plays the server: it holds a segment, and top looks into it through /proc. */
static void serve(struct segment *s)
{
    struct err err;
    assert_int_equal(segment_create(s, 2, 64, &err), STATUS_OK);
    assert_int_equal(pidfile_write(getenv("STATE_DIR"), getpid(), &err), STATUS_OK);
    scoreboard_forked(s, 2, 4711);
    scoreboard_state(s, 2, SCOREBOARD_READY);
    scoreboard_load(s, 2, 12, 5);
    scoreboard_exchange(s, 2, 2);
    memcpy(scoreboard_panic(s, 2), "a.c:7: \"x\"", sizeof "a.c:7: \"x\"");
    scoreboard_ended(s, 2, 6);
    counters_enter(s, 2);
    counters_add(COUNTER_REQUESTS, 42);
    counters_add(COUNTER_REFUSED_RATE, 7);
}

static void test_run_once_prints_processes_and_counters(void **state)
{
    (void)state;
    struct segment s;
    serve(&s);
    assert_int_equal(cli_run(top_run, "--once"), 0);
    const char *row = strstr(cli_out, "worker 2");
    assert_non_null(row);
    assert_non_null(strstr(row, "4711 ready"));
    assert_null(strstr(cli_out, "worker 1")); /* not running */
    assert_non_null(strstr(cli_out, "worker 2     0m00s ago one was killed by SIGABRT; its last "
                                    "exchange was in AUTH; a.c:7: \"x\"\n"));
    const char *counter = strstr(cli_out, "requests_total");
    assert_non_null(counter);
    assert_int_equal(strtol(counter + strlen("requests_total"), NULL, 10), 42);
    counter = strstr(cli_out, "refusals_total rate ");
    assert_non_null(counter);
    assert_int_equal(strtol(counter + strlen("refusals_total rate "), NULL, 10), 7);
    assert_null(strstr(cli_out, "refusals_total bad_key")); /* none happened */
    segment_drop(&s);
}

static void test_run_json_holds_the_same(void **state)
{
    (void)state;
    struct segment s;
    struct err err;
    int64_t n;
    char line[64];
    serve(&s);
    snprintf(line, sizeof line, "--pid %d --output json", (int)getpid());
    assert_int_equal(cli_run(top_run, line), 0);
    struct cJSON *doc = json_parse(text_from(cli_out), &err);
    assert_non_null(doc);
    struct cJSON *process = json_child(json_get(doc, "processes"));
    assert_true(json_get_i64(process, "connections", &n) && n == 12);
    assert_true(json_get_i64(process, "streams", &n) && n == 5);
    struct cJSON *death = json_child(json_get(doc, "deaths"));
    assert_true(json_get_i64(death, "signal", &n) && n == 6);
    assert_true(json_get_i64(death, "seconds_ago", &n) && n < 60);
    assert_non_null(strstr(cli_out, "\"exchange\":\"AUTH\",\"assertion\":\"a.c:7: \\\"x\\\"\""));
    const struct cJSON *counters = json_get(doc, "counters");
    assert_true(json_get_i64(counters, "requests_total", &n) && n == 42);
    assert_true(json_get_i64(json_get(counters, "refusals_total"), "rate", &n) && n == 7);
    assert_true(json_get_i64(json_get(counters, "upstream_errors_total"), "tls", &n) && n == 0);
    json_free(doc);
    segment_drop(&s);
}

static void test_run_without_a_server_exits_1_with_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"--once", "--once --pid 2147483000", "--once --pid 1"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(cli_run(top_run, lines[i]), 1);
        assert_int_equal(cli_lines(cli_err), 1);
    }
    assert_int_equal(cli_run(top_run, "--pid zero"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration_as_listed),
        CLI_CASE(test_run_once_prints_processes_and_counters),
        CLI_CASE(test_run_json_holds_the_same),
        CLI_CASE(test_run_without_a_server_exits_1_with_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
