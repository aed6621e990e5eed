/* worker.c as a process: forked as the master does it, with the test as refresher and Bedrock. */
#include "worker/exchange/worker.h"

#include <signal.h>
#include <sys/wait.h>

#include "shm/memory/keymiss.h"
#include "tests/unit/gateway_bed.h"

#define SLOT 2 /* of the forked worker; the bed's own has 1 */

struct process {
    struct gateway *g;
    pid_t pid; /* 0: has ended */
    int listen_fd, alive_fd;
    struct sockaddr_in address;
    int status;
};

static struct process process;

static bool ended(struct process *p)
{
    if (p->pid && waitpid(p->pid, &p->status, WNOHANG) == p->pid)
        p->pid = 0;
    return p->pid == 0;
}

static void start(struct process *p)
{
    int pipes[2];
    socklen_t n = sizeof p->address;
    p->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(p->listen_fd, (struct sockaddr *)&p->address, n), 0);
    assert_int_equal(listen(p->listen_fd, 64), 0);
    getsockname(p->listen_fd, (struct sockaddr *)&p->address, &n);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    p->alive_fd = pipes[1];
    p->pid = fork();
    if (p->pid == 0) {
        close(pipes[1]);
        _exit(worker_run(&p->g->config, &p->g->segment, SLOT, p->listen_fd, pipes[0]));
    }
    close(pipes[0]);
}

static int set_up(void **state)
{
    gateway_set_up(state);
    process = (struct process){.g = *state, .listen_fd = -1, .alive_fd = -1};
    *state = &process;
    return 0;
}

static int tear_down(void **state)
{
    struct process *p = *state;
    if (!ended(p)) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    close(p->listen_fd);
    close(p->alive_fd);
    *state = p->g;
    return gateway_tear_down(state);
}

static void dial(struct process *p, struct client *c)
{
    client_close(c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&p->address, sizeof p->address), 0);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void ask(struct process *p, struct client *c, const char *line, const char *headers,
                const char *body)
{
    if (c->fd < 0)
        dial(p, c);
    client_ask(p->g, c, line, headers, body);
}

static void check_exit(struct process *p, int code)
{
    GATEWAY_UNTIL(p->g, ended(p));
    assert_true(WIFEXITED(p->status));
    assert_int_equal(WEXITSTATUS(p->status), code);
}

/* ---- ends --------------------------------------------------------------------------------- */

static void begin_and_wait(struct gateway *g, struct loopback_conn *c, struct str request)
{
    (void)g, (void)request;
    up_begin(c);
}

static void start_with_stream(struct process *p)
{
    start(p);
    p->g->reply = begin_and_wait;
    ask(p, &p->g->client, MESSAGES, KEY, STREAM_BODY);
    gateway_expect(p->g, &p->g->client, 1, "Hello");
}

static void test_term_lets_streams_finish_and_answers_kept_connections_once_more(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start_with_stream(p);
    ask(p, &g->other, "GET /health", "", NULL);
    gateway_expect(g, &g->other, 1, "\"status\":\"healthy\"");
    client_check(&g->other, "close", "connection: close", false);
    kill(p->pid, SIGTERM);
    gateway_run(g, 100);
    assert_false(client_ended(&g->other));
    ask(p, &g->other, "GET /liveness", "", NULL);
    gateway_expect(g, &g->other, 1, "\"alive\":true");
    client_check(&g->other, "close", "connection: close", true);
    GATEWAY_UNTIL(g, client_ended(&g->other));
    assert_false(ended(p));
    up_stop(g->upstream);
    up_end(g->upstream);
    loopback_flush(g->upstream);
    gateway_expect(g, &g->client, 1, "event: message_stop");
    GATEWAY_UNTIL(g, client_ended(&g->client));
    client_check(&g->client, "end", "\r\n0\r\n\r\n", true);
    client_close(&g->client);
    check_exit(p, 0);
}

static void test_drain_over_tells_everybody_in_his_dialect(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    g->config.shutdown_timeout = 0;
    start_with_stream(p);
    g->reply = up_silence;
    ask(p, &g->other, CHAT, KEY, CHAT_BODY);
    GATEWAY_UNTIL(g, g->bedrock.requests == 2);
    kill(p->pid, SIGTERM);
    gateway_expect(
        g, &g->client, 1,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"");
    gateway_expect(g, &g->other, 1, "\"code\":\"overloaded\"}}");
    client_check(&g->client, "stop", "message_stop", false);
    client_check(&g->other, "status", "HTTP/1.1 503 ", true);
    client_check(&g->other, "close", "connection: close", true);
    client_close(&g->client);
    client_close(&g->other);
    check_exit(p, 0);
}

/* Of the master, and of whoever tells a whole group of processes to stop. */
static void test_second_term_cuts_nothing(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start_with_stream(p);
    for (int i = 0; i < 3; i++) {
        kill(p->pid, SIGTERM);
        gateway_run(g, 30);
        assert_false(ended(p));
    }
    up_stop(g->upstream);
    up_end(g->upstream);
    loopback_flush(g->upstream);
    gateway_expect(g, &g->client, 1, "event: message_stop");
    GATEWAY_UNTIL(g, client_ended(&g->client));
    client_close(&g->client);
    check_exit(p, 0);
}

static void test_int_leaves_at_once_without_a_false_end(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start_with_stream(p);
    kill(p->pid, SIGTERM);
    gateway_run(g, 30);
    assert_false(ended(p));
    kill(p->pid, SIGINT);
    check_exit(p, 0);
    client_read(&g->client);
    client_check(&g->client, "end", "\r\n0\r\n\r\n", false);
    client_check(&g->client, "stop", "message_stop", false);
}

static void test_master_gone_drains(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start(p);
    ask(p, &g->client, "GET /health", "", NULL);
    gateway_expect(g, &g->client, 1, "healthy");
    client_close(&g->client);
    gateway_run(g, 30);
    close(p->alive_fd);
    p->alive_fd = -1;
    uint64_t gone_ms = clock_mono_ms();
    check_exit(p, 0);
    assert_true(clock_mono_ms() - gone_ms < 5000); /* nothing is open: nothing to wait for */
}

static void test_master_gone_answers_kept_connections_once_more(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start(p);
    ask(p, &g->client, "GET /liveness", "", NULL);
    gateway_expect(g, &g->client, 1, "alive");
    close(p->alive_fd);
    p->alive_fd = -1;
    gateway_run(g, 100);
    ask(p, &g->client, "GET /liveness", "", NULL);
    gateway_expect(g, &g->client, 2, "\"alive\":true");
    client_check(&g->client, "close", "connection: close", true);
    client_close(&g->client);
    check_exit(p, 0);
}

static void test_unusable_endpoint_is_hopeless(void **state)
{
    struct process *p = *state;
    p->g->config.bedrock_endpoint_url = "http://";
    start(p);
    check_exit(p, 2);
}

/* ---- unknown keys ------------------------------------------------------------------------- */

#define NEW_KEY "x-api-key: sk-new\r\n"

/* The question reaches the refresher, which is this test, while the client waits. */
static struct keymiss_question question(struct process *p)
{
    struct keymiss_question q = {0};
    GATEWAY_UNTIL(p->g, keymiss_next(&p->g->segment, &q));
    assert_int_equal(q.worker, SLOT);
    assert_int_equal(q.key_len, 6);
    assert_memory_equal(q.key, "sk-new", 6);
    gateway_run(p->g, 10);
    client_read(&p->g->client);
    assert_int_equal(buf_len(&p->g->client.in), 0);
    return q;
}

static void test_unknown_key_waits_for_the_refresher(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start(p);
    g->reply = up_good_whole;
    ask(p, &g->client, MESSAGES, NEW_KEY, ASK);
    struct keymiss_question q = question(p);
    directory_begin(&g->segment);
    gateway_key(g, "sk-good", 300, 0);
    gateway_key(g, "sk-new", 310, 0);
    directory_publish(&g->segment, clock_real_ms());
    keymiss_answer(&g->segment, &q, KEYMISS_FOUND);
    gateway_expect(g, &g->client, 1, "\"text\":\"Hello\"");
    ask(p, &g->client, MESSAGES, NEW_KEY, ASK); /* known from now on */
    gateway_expect(g, &g->client, 2, "\"text\":\"Hello\"");
    assert_false(keymiss_next(&g->segment, &q));
}

static void test_unknown_key_answers_of_the_refresher(void **state)
{
    static const struct {
        enum keymiss_result result;
        const char *status, *contains;
    } rows[] = {{KEYMISS_ABSENT, "HTTP/1.1 401 ", "\"message\":\"invalid x-api-key\""},
                {KEYMISS_UNAVAILABLE, "HTTP/1.1 503 ", "retry-after: 5\r\n"}};
    struct process *p = *state;
    struct gateway *g = p->g;
    start(p);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dial(p, &g->client);
        ask(p, &g->client, MESSAGES, NEW_KEY, ASK);
        struct keymiss_question q = question(p);
        keymiss_answer(&g->segment, &q, rows[i].result);
        gateway_expect(g, &g->client, 1, "\"request_id\"");
        client_check(&g->client, rows[i].status, rows[i].status, true);
        client_check(&g->client, rows[i].status, rows[i].contains, true);
    }
    assert_int_equal(g->bedrock.requests, 0);
}

/* However long the refresher stands still: one call of the store is waited for, with the body here
 * or not. What it says afterwards is nobody's. */
static void test_unknown_key_is_waited_for_as_long_as_one_call_may_take(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    g->config.dynamodb_timeout = 1;
    start(p);
    for (int body = 0; body < 2; body++) {
        uint64_t began_ns = clock_now_ns();
        dial(p, &g->client);
        ask(p, &g->client, MESSAGES, body ? NEW_KEY : NEW_KEY "content-length: 100\r\n",
            body ? ASK : NULL);
        struct keymiss_question q = question(p);
        gateway_expect(g, &g->client, 1, "\"request_id\"");
        assert_in_range((clock_now_ns() - began_ns) / 1000000, 900, 3000);
        client_check(&g->client, "503", "HTTP/1.1 503 ", true);
        client_check(&g->client, "when", "retry-after: 5\r\n", true);
        keymiss_answer(&g->segment, &q, KEYMISS_FOUND);
        gateway_run(g, 20);
    }
    assert_int_equal(counters_sum(&g->segment, COUNTER_REFUSED_KEY_STORE), 2);
    assert_int_equal(g->bedrock.requests, 0);
}

static void test_unknown_key_client_gone_before_the_answer(void **state)
{
    struct process *p = *state;
    struct gateway *g = p->g;
    start(p);
    ask(p, &g->client, MESSAGES, NEW_KEY, ASK);
    struct keymiss_question q = question(p);
    client_close(&g->client);
    gateway_run(g, 20);
    keymiss_answer(&g->segment, &q, KEYMISS_ABSENT);
    ask(p, &g->client, "GET /liveness", "", NULL);
    gateway_expect(g, &g->client, 1, "alive");
}

/* Its time to drain is over while bodies are on their way: one that waits for its key, too. */
static void test_drain_over_answers_requests_whose_body_is_not_here(void **state)
{
    static const char *const heads[] = {
        MESSAGES " HTTP/1.1\r\nHost: g\r\n" KEY "Content-Length: 9\r\n\r\nabc",
        CHAT " HTTP/1.1\r\nHost: g\r\nx-api-key: sk-new\r\nContent-Length: 9\r\n\r\n"};
    struct process *p = *state;
    struct gateway *g = p->g;
    struct keymiss_question q = {0};
    g->config.shutdown_timeout = 0;
    start(p);
    dial(p, &g->client);
    dial(p, &g->other);
    client_send(g, &g->client, text_from(heads[0]));
    client_send(g, &g->other, text_from(heads[1]));
    GATEWAY_UNTIL(g, keymiss_next(&g->segment, &q));
    gateway_run(g, 20);
    kill(p->pid, SIGTERM);
    gateway_expect(g, &g->client, 1, "\"type\":\"overloaded_error\"");
    gateway_expect(g, &g->other, 1, "\"code\":\"overloaded\"}}");
    keymiss_answer(&g->segment, &q, KEYMISS_ABSENT); /* rings; nobody asks any more */
    client_check(&g->client, "status", "HTTP/1.1 529 ", true);
    client_check(&g->other, "status", "HTTP/1.1 503 ", true);
    gateway_run(g, 20);
    client_close(&g->client);
    client_close(&g->other);
    check_exit(p, 0);
}

int main(void)
{
#define PROCESS(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PROCESS(test_term_lets_streams_finish_and_answers_kept_connections_once_more),
        PROCESS(test_drain_over_tells_everybody_in_his_dialect),
        PROCESS(test_second_term_cuts_nothing),
        PROCESS(test_int_leaves_at_once_without_a_false_end),
        PROCESS(test_master_gone_drains),
        PROCESS(test_master_gone_answers_kept_connections_once_more),
        PROCESS(test_unusable_endpoint_is_hopeless),
        PROCESS(test_unknown_key_waits_for_the_refresher),
        PROCESS(test_unknown_key_answers_of_the_refresher),
        PROCESS(test_unknown_key_is_waited_for_as_long_as_one_call_may_take),
        PROCESS(test_unknown_key_client_gone_before_the_answer),
        PROCESS(test_drain_over_answers_requests_whose_body_is_not_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
