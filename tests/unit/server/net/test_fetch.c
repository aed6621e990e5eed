#include "server/net/fetch.h"

#include "tests/unit/fetch_case.h"

static void test_answer_of_each_kind_is_told(void **state)
{
    static const struct {
        const char *path;
        enum status end;
        int status;
        size_t body;
        const char *text;
        enum fetch_trouble trouble;
    } rows[] = {
        {"/ok", STATUS_OK, 200, 2, "", 0},
        {"/chunked", STATUS_OK, 200, 60000, "", 0},
        {"/big", STATUS_OK, 200, BIG, "", 0},
        {"/interim", STATUS_OK, 404, 2, "", 0},
        {"/redirect", STATUS_OK, 302, 0, "", 0},
        {"/cut", STATUS_UPSTREAM, 200, 4, "connection to the model service was cut (curl 18)",
         FETCH_TROUBLE_CUT},
        {"/cut-chunk", STATUS_UPSTREAM, 200, 4, "connection to the model service was cut (curl 18)",
         FETCH_TROUBLE_CUT},
        {"/reset", STATUS_UPSTREAM, 0, 0, "connection to the model service was cut (curl 56)",
         FETCH_TROUBLE_CUT},
        {"/garbage", STATUS_UPSTREAM, 0, 0, "no HTTP answer from the model service (curl 8)",
         FETCH_TROUBLE_ANSWER},
        {"/headers-many", STATUS_UPSTREAM, 200, 0, "too many header bytes from the model service",
         FETCH_TROUBLE_ANSWER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = *state, .path = rows[i].path};
        get(&c);
        if (c.end != rows[i].end || c.status_at_done != rows[i].status ||
            buf_len(&c.body) != rows[i].body || c.trouble != rows[i].trouble ||
            strcmp(c.text, rows[i].text) != 0)
            fail_msg("%s: end %d, status %d, %zu bytes, \"%s\"", rows[i].path, c.end,
                     c.status_at_done, buf_len(&c.body), c.text);
        assert_int_equal(c.done_calls, 1);
        assert_true(c.sent);
        buf_free(&c.body);
    }
}

static void test_header_lookup_ignores_case_and_blanks(void **state)
{
    struct call c = {.w = *state, .path = "/chunked"};
    get(&c);
    assert_string_equal(c.header, "id-7");
    assert_int_equal(c.headers_calls, 1);
    assert_false(c.trailer); /* a field after the body is no header */
    buf_free(&c.body);
}

static void check_big(const struct call *c)
{
    assert_int_equal(c->end, STATUS_OK);
    assert_int_equal(buf_len(&c->body), BIG);
    assert_memory_equal(buf_data(&c->body), big, BIG);
}

static void test_paused_calls_lose_and_double_nothing(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct call c = {.w = *state, .path = "/big", .pause_every = 3, .resume_at_once = i};
        get(&c);
        check_big(&c);
        assert_true(c.refused > 10);
        buf_free(&c.body);
    }
}

static void test_paused_chunks_lose_and_double_nothing(void **state)
{
    struct call c = {.w = *state, .path = "/chunked", .pause_every = 2};
    get(&c);
    assert_int_equal(c.end, STATUS_OK);
    assert_int_equal(buf_len(&c.body), 60000);
    for (int i = 0; i < 600; i++) {
        char want[101];
        snprintf(want, sizeof want, "%0100d", i);
        assert_memory_equal(buf_data(&c.body) + 100 * i, want, 100);
    }
    buf_free(&c.body);
}

static void test_cancel_closes_the_connection(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/half"};
    start_call(&c, "GET", STR(""));
    RUN_UNTIL(w, c.headers_calls == 1);
    assert_int_equal(c.headers_calls, 1);
    assert_int_equal(w->server.gone, 0);
    fetch_cancel(c.f);
    RUN_UNTIL(w, w->server.gone == 1);
    assert_int_equal(w->server.gone, 1);
    assert_int_equal(c.done_calls, 0);
    buf_free(&c.body);
}

static void test_cancel_from_each_callback_is_safe(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct call c = {
            .w = w, .path = "/big", .cancel_on_headers = i == 0, .cancel_on_data = i == 1};
        start_call(&c, "GET", STR(""));
        RUN_UNTIL(w, w->server.gone == i + 1);
        assert_int_equal(c.done_calls, 0);
        assert_int_equal(c.data_calls, i);
        assert_int_equal(w->server.gone, i + 1);
        buf_free(&c.body);
    }
}

static void test_cancel_inside_resume_is_safe(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/big", .hold = true};
    start_call(&c, "GET", STR(""));
    RUN_UNTIL(w, c.data_calls == 1);
    c.hold = false;
    c.cancel_on_data = true;
    fetch_resume(c.f);
    RUN_UNTIL(w, w->server.gone == 1);
    assert_int_equal(c.data_calls, 2);
    assert_int_equal(c.done_calls, 0);
    assert_int_equal(w->server.gone, 1);
    buf_free(&c.body);
}

/* The removal waits for the next turn, and there the timers come first. */
static void test_cancel_inside_resume_is_silent_though_its_time_is_over(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/big", .hold = true, .nap_ms = 80};
    char url[64];
    struct fetch_request r = request_to(&c, url);
    r.total_ms = 60;
    clock_tick();
    start_request(&c, &r);
    run_for(w, 20);
    assert_int_equal(c.refused, 1);
    c.hold = false;
    c.cancel_on_data = true;
    fetch_resume(c.f);
    run_for(w, 120);
    assert_int_equal(c.data_calls, 2);
    assert_int_equal(c.done_calls, 0);
    assert_int_equal(w->server.gone, 1);
    buf_free(&c.body);
}

static void test_cancel_before_the_loop_ran_is_safe(void **state)
{
    struct call c = {.w = *state, .path = "/ok"};
    start_call(&c, "GET", STR(""));
    fetch_cancel(c.f);
    run_for(c.w, 20);
    assert_int_equal(c.headers_calls + c.done_calls, 0);
    assert_int_equal(c.w->server.requests, 0);
    buf_free(&c.body);
}

/* Retry as the worker does it: give up one transfer and start another from its callback. */
static void test_start_inside_a_callback_works(void **state)
{
    struct call second = {.w = *state, .path = "/ok"};
    struct call first = {.w = *state,
                         .path = "/half",
                         .start_on_headers = true,
                         .cancel_on_headers = true,
                         .next = &second};
    get(&first);
    assert_int_equal(second.end, STATUS_OK);
    assert_int_equal(second.done_calls, 1);
    assert_int_equal(first.done_calls, 0);
    buf_free(&first.body);
    buf_free(&second.body);
}

static void test_deadlines_end_the_call(void **state)
{
    static const struct {
        const char *path, *text;
        uint32_t first_byte_ms, idle_ms, total_ms;
    } rows[] = {
        {"/silent", "no answer from the model service in 1 s", 60, 5000, 0},
        {"/half", "the model service fell silent for 1 s", 5000, 60, 0},
        {"/half", "the answer of the model service was not complete in 1 s", 5000, 5000, 60},
        {"/silent", "the answer of the model service was not complete in 1 s", 0, 0, 60},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = *state, .path = rows[i].path};
        char url[64];
        struct fetch_request r = request_to(&c, url);
        r.first_byte_ms = rows[i].first_byte_ms;
        r.idle_ms = rows[i].idle_ms;
        r.total_ms = rows[i].total_ms;
        clock_tick();
        uint64_t start_ns = clock_now_ns();
        start_request(&c, &r);
        loop_run(c.w->loop);
        uint64_t took_ms = (clock_now_ns() - start_ns) / 1000000;
        assert_int_equal(c.end, STATUS_TIMEOUT);
        assert_int_equal(c.trouble, FETCH_TROUBLE_TIMEOUT);
        assert_string_equal(c.text, rows[i].text);
        if (took_ms < 55 || took_ms > 4500)
            fail_msg("row %zu took %u ms", i, (unsigned)took_ms);
        run_for(c.w, 10);
        assert_int_equal(c.w->server.gone, i + 1);
        buf_free(&c.body);
    }
}

static void test_body_over_the_limit_fails(void **state)
{
    struct call c = {.w = *state, .path = "/big"};
    char url[64];
    struct fetch_request r = request_to(&c, url);
    r.body_max = 100000;
    start_request(&c, &r);
    loop_run(c.w->loop);
    assert_int_equal(c.end, STATUS_UPSTREAM);
    assert_string_equal(c.text, "too long an answer from the model service");
    assert_true(buf_len(&c.body) <= 100000);
    buf_free(&c.body);
}

/* Every allocation of ours fails once: an error or a good end, never a crash or a leak. */
static void test_failing_memory_is_survived(void **state)
{
    struct world *w = *state;
    for (unsigned long k = 1; k < 12; k++) {
        struct fetch_options options = {.pool = 2};
        heap_fail_after(k);
        struct fetch_client *client = fetch_client_new(w->loop, &options, NULL);
        if (client) {
            struct call c = {.w = w, .path = "/ok"};
            char url[64];
            struct fetch_request r = request_to(&c, url);
            r.total_ms = 50;
            buf_init(&c.body, 100);
            c.f = fetch_start(client, &r, &ops, &c, NULL);
            heap_fail_after(0);
            if (c.f)
                loop_run(w->loop);
            buf_free(&c.body);
        }
        heap_fail_after(0);
        fetch_client_drop(client);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answer_of_each_kind_is_told),
        TEST(test_header_lookup_ignores_case_and_blanks),
        TEST(test_paused_calls_lose_and_double_nothing),
        TEST(test_paused_chunks_lose_and_double_nothing),
        TEST(test_cancel_closes_the_connection),
        TEST(test_cancel_from_each_callback_is_safe),
        TEST(test_cancel_inside_resume_is_safe),
        TEST(test_cancel_inside_resume_is_silent_though_its_time_is_over),
        TEST(test_cancel_before_the_loop_ran_is_safe),
        TEST(test_start_inside_a_callback_works),
        TEST(test_deadlines_end_the_call),
        TEST(test_body_over_the_limit_fails),
        TEST(test_failing_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
