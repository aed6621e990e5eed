#include "server/http/http_state.h"

#include "tests/unit/http_bed.h"

#define GET  "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define HALF "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"

/* The owner is told in the same call, and only where a request is open with it. */
static void test_lose_tells_an_owner_who_knows_of_a_request_at_once(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        enum conn_state at;
        bool hold;
        unsigned gone;
    } table[] = {
        {STR(""), CONN_IDLE, false, 0},          {STR("GET /a HTTP/1.1\r\n"), CONN_HEAD, false, 0},
        {STR(HALF), CONN_BODY, false, 1},        {STR(GET), CONN_OWNER, true, 1},
        {STR("bad\r\n"), CONN_LINGER, false, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        void *each = NULL;
        bed_setup(&each);
        struct bed *b = each;
        b->mode = table[i].hold ? HOLD : ECHO;
        bed_connect(b);
        bed_send(b, table[i].bytes);
        for (int k = 0; k < 1000 && b->conn->state != table[i].at; k++)
            bed_run(b, 1);
        assert_int_equal(b->conn->state, table[i].at);
        http_state_lose(b->conn);
        if (b->gone != table[i].gone)
            fail_msg("state %d: told %u times", table[i].at, b->gone);
        assert_int_equal(b->closed, 0);
        bed_run(b, 1);
        assert_int_equal(b->closed, 1);
        assert_int_equal(b->gone, table[i].gone);
        bed_teardown(&each);
    }
}

static void test_lose_with_a_complete_answer_tells_nobody(void **state)
{
    struct bed *b = *state;
    b->mode = HOLD;
    bed_connect(b);
    bed_send(b, STR(GET));
    bed_until(b, &b->requests, 1);
    http_out_begin(b->conn, 200);
    http_out_body(b->conn, STR("a/b"), STR("x"));
    assert_int_equal(b->conn->state, CONN_OWNER);
    http_state_lose(b->conn);
    bed_until(b, &b->closed, 1);
    assert_int_equal(b->gone, 0);
}

static void test_schedule_twice_is_once_and_never_when_closed(void **state)
{
    struct bed *b = *state;
    bed_connect(b);
    http_state_schedule(b->conn);
    http_state_schedule(b->conn);
    assert_true(b->conn->scheduled);
    bed_run(b, 1);
    assert_false(b->conn->scheduled);
    http_state_close(b->conn);
    http_state_schedule(b->conn);
    assert_false(b->conn->scheduled);
}

static void test_first_is_the_newest_that_is_open(void **state)
{
    struct bed *b = *state;
    assert_null(b->conns.first);
    bed_connect(b);
    assert_ptr_equal(b->conns.first, b->conn);
    assert_true(http_state_is_reading(b->conn));
    http_state_close(b->conn);
    assert_null(b->conns.first);
    assert_false(http_state_is_reading(b->conn));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lose_tells_an_owner_who_knows_of_a_request_at_once),
        BED(test_lose_with_a_complete_answer_tells_nobody),
        BED(test_schedule_twice_is_once_and_never_when_closed),
        BED(test_first_is_the_newest_that_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
