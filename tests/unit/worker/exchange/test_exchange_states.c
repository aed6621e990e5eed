/*
 * test_exchange_states.c - every state of a connection meets every event, on its first request and
 * on a later one, with the real owner: a worker on the test's loop. Each cell says what the client
 * gets; after each one a fresh connection is served and nothing is left over.
 */
#include "worker/exchange/exchange.h"

#include "tests/unit/exchange_states.h"

enum { CELLS = sizeof rows / sizeof *rows * EVENT_COUNT * 2 };

/* ---- one cell ---------------------------------------------------------------------------- */

static const char *cell_name;

/* Something of the answer that must, or must not, be there. */
static void check(const struct gateway *g, const char *needle, bool want)
{
    client_check(&g->client, cell_name, needle, want);
}

static bool is_over(struct gateway *g)
{
    client_read(&g->client);
    return g->client.end || g->client.reset || g->client.fd < 0;
}

static void be_patient(struct gateway *g)
{
    worker_configure(&g->worker);
    g->worker.conn_limits.linger_ms = PATIENCE_MS;
    g->config.max_request_seconds = 100;
}

/* The limit that is next, without waiting for it: the deadline of the request, or one of the
 * connection's, which is short from now on. A reader who is stuck has the latter first. */
static void let_time_pass(struct gateway *g)
{
    struct http_conn_limits *limits = &g->worker.conn_limits;
    struct exchange *x = g->worker.exchanges;
    struct http_conn *c = http_conn_each(&g->worker.conns, NULL);
    if (x && x->timer_deadline.index && !is_stuck(x)) {
        loop_timer_in(g->worker.loop, &x->timer_deadline, 0, x->timer_deadline.fn, x);
        return;
    }
    limits->header_ms = limits->body_ms = limits->idle_ms = limits->write_stall_ms = PATIENCE_MS;
    assert_non_null(c->clock.timer.fn);
    loop_timer_in(g->worker.loop, &c->clock.timer, PATIENCE_MS, c->clock.timer.fn, c);
}

static void happen(struct gateway *g, const struct row *row, enum event event)
{
    switch (event) {
    case FIN:
        gateway_fin(g);
        break;
    case RST_WAKE:
        gateway_rst(g); /* the socket's event is the first one of the turn */
        key_is_unknown(g);
        gateway_wake(g);
        break;
    case RST:
        gateway_rst(g);
        break;
    case TIMEOUT:
        let_time_pass(g);
        break;
    case DRAIN:
        if (row == &rows[0]) { /* a request that has arrived; whether one may still come is
                                * test_http_conn.c's */
            gateway_dialogue(g, row->rest);
            gateway_drain(g);
            break;
        }
        gateway_drain(g);
        gateway_dialogue(g, row->rest);
        break;
    case WAKE:
        gateway_wake(g);
        gateway_run(g, 2);
        gateway_dialogue(g, row->rest);
        break;
    case REFUSE:
        gateway_dialogue(g, row->refuse);
        break;
    case EVENT_COUNT:
        break;
    }
}

static void check_answer(struct gateway *g, const struct cell *cell)
{
    char status[32];
    snprintf(status, sizeof status, "HTTP/1.1 %d ", cell->status);
    gateway_expect(g, &g->client, 1, "\r\n\r\n{");
    check(g, status, true);
    if (cell->status >= 400) {
        check(g, "{\"type\":\"error\",\"error\":{\"type\":", !cell->by_path);
        check(g, "{\"error\":{\"message\":", cell->by_path);
    }
    check(g, "connection: close", cell->then == ENDS);
}

/* begun: of an answer that the client may not have read. */
static void check_outcome(struct gateway *g, const struct cell *cell, bool begun)
{
    unsigned answers = begun ? 1 : client_count(&g->client, "HTTP/1.1 ");
    if (cell->status)
        check_answer(g, cell);
    switch (cell->then) {
    case LEAVES:
        GATEWAY_UNTIL(g, g->worker.conns.open == 0); /* although nobody reads */
        assert_true(is_over(g));
        assert_true(client_count(&g->client, "HTTP/1.1 ") <= answers);
        check(g, "message_stop", false);
        break;
    case GOES_ON:
        if (!cell->status)
            gateway_expect(g, &g->client, 1, "event: message_stop");
        buf_clear(&g->client.in);
        client_send(g, &g->client, STR("GET /liveness HTTP/1.1\r\nHost: g\r\n\r\n"));
        gateway_expect(g, &g->client, 1, "\"alive\":true");
        break;
    case EVENT:
        gateway_expect(g, &g->client, 1, "event: error\ndata: {\"type\":\"error\"");
        check(g, "message_stop", false);
        break;
    case FINISHES:
        gateway_expect(g, &g->client, 1, "event: message_stop");
        GATEWAY_UNTIL(g, is_over(g));
        check(g, "\r\n0\r\n\r\n", true);
        break;
    case ENDS:
        GATEWAY_UNTIL(g, is_over(g));
        break;
    }
}

/* Nothing of the cell is left, and another client is served. */
static void check_worker(struct gateway *g)
{
    struct keymiss_question q;
    gateway_talk(g, "GET /health", "", NULL, "healthy");
    client_close(&g->client);
    GATEWAY_UNTIL(g, g->worker.exchanges == NULL && g->worker.conns.open == 0);
    assert_int_equal(g->worker.conns.bodies.held, 0);
    assert_int_equal(g->worker.exchange_count, 0);
    while (keymiss_next(&g->segment, &q))
        keymiss_answer(&g->segment, &q, KEYMISS_ABSENT);
}

/* The first request's headers need so much memory that it is given back behind them: whoever looks
 * at them in the second request is seen by ASan. */
#define X100                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define X5000 X1000 X1000 X1000 X1000 X1000
#define WIDE  "a: " X5000 "\r\nb: " X5000 "\r\n"

struct cell_test {
    const struct row *row;
    enum event event;
    bool second;
    char name[160];
};

static void test_cell(void **state)
{
    const struct cell_test *t = *state;
    void *bed = NULL;
    gateway_set_up(&bed);
    struct gateway *g = bed;
    be_patient(g);
    cell_name = t->name;
    g->reply = reply;
    question.ticket = 0;
    client_connect(g, &g->client);
    if (t->second) {
        client_ask(g, &g->client, "GET /health", WIDE, NULL);
        gateway_expect(g, &g->client, 1, "healthy");
        gateway_run(g, 1);
        buf_clear(&g->client.in);
    }
    gateway_dialogue(g, t->row->reach);
    bool begun = g->worker.exchanges && g->worker.exchanges->outcome.begun;
    happen(g, t->row, t->event);
    check_outcome(g, &t->row->cells[t->event], begun);
    be_patient(g);
    check_worker(g);
    gateway_tear_down(&bed);
}

/* One test a cell. An argument is a pattern of names: "in a header line*". */
int main(int argc, char **argv)
{
    static struct cell_test cells[CELLS];
    struct CMUnitTest tests[CELLS];
    for (size_t i = 0; i < CELLS; i++) {
        struct cell_test *t = &cells[i];
        *t = (struct cell_test){.row = &rows[i / (2 * EVENT_COUNT)],
                                .event = (enum event)(i / 2 % EVENT_COUNT),
                                .second = i % 2 == 1};
        snprintf(t->name, sizeof t->name, "%s, %s, %s request", t->row->name, event_names[t->event],
                 t->second ? "second" : "first");
        tests[i] = (struct CMUnitTest){.name = t->name, .test_func = test_cell, .initial_state = t};
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
