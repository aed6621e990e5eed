/* Whose bodies are whose: what one caller announces or sends leaves the others their room. The rule
 * itself is tested in test_http_bodies.c. */
#include "worker/exchange/exchange.h"

#include "server/http/http_state.h" /* who holds how much */
#include "shm/memory/keymiss.h"
#include "tests/unit/gateway_bed.h"

enum { HOG = 60, MB = 1024 * 1024 };

#define OTHER_KEY "x-api-key: sk-other\r\n"

struct bodies {
    struct gateway *g;
    struct client hog[HOG];
};

static struct bodies bodies;

static void publish(struct gateway *g, bool with_new)
{
    directory_begin(&g->segment);
    gateway_key(g, "sk-good", 300, 0);
    gateway_key(g, "sk-other", 301, 0);
    if (with_new)
        gateway_key(g, "sk-new", 302, 0);
    directory_publish(&g->segment, clock_real_ms());
}

static int set_up(void **state)
{
    gateway_set_up(state);
    bodies.g = *state;
    for (size_t i = 0; i < HOG; i++) {
        bodies.hog[i] = (struct client){.fd = -1};
        buf_init(&bodies.hog[i].in, 1 << 16);
    }
    publish(bodies.g, false);
    bodies.g->reply = up_good_whole;
    *state = &bodies;
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < HOG; i++) {
        client_close(&bodies.hog[i]);
        buf_free(&bodies.hog[i].in);
    }
    *state = bodies.g;
    return gateway_tear_down(state);
}

static void announce(struct bodies *b, size_t which, const char *key, size_t length)
{
    char head[256];
    snprintf(head, sizeof head,
             "POST /v1/messages HTTP/1.1\r\nHost: g\r\n%sContent-Length: %zu\r\n\r\n", key, length);
    client_connect(b->g, &b->hog[which]);
    client_send(b->g, &b->hog[which], text_from(head));
    gateway_run(b->g, 1);
}

static void send_some(struct bodies *b, size_t which, size_t n)
{
    static char bytes[MB];
    assert_true(n <= sizeof bytes);
    memset(bytes, ' ', sizeof bytes);
    client_send(b->g, &b->hog[which], (struct str){bytes, n});
    gateway_run(b->g, 1);
}

/* A small request of another caller, and one that is not so small. */
static void check_others(struct bodies *b, const char *headers)
{
    static char large[300 * 1024];
    size_t n = strlen(ASK);
    memset(large, ' ', sizeof large - 1);
    memcpy(large + sizeof large - 1 - n, ASK, n);
    for (size_t i = 0; i < 2; i++) {
        client_close(&b->g->client);
        client_ask(b->g, &b->g->client, MESSAGES, headers, i == 0 ? ASK : large);
        gateway_expect(b->g, &b->g->client, 1, "Hello");
    }
    client_close(&b->g->client);
    gateway_run(b->g, 1);
}

static unsigned refused(struct bodies *b)
{
    unsigned n = 0;
    for (size_t i = 0; i < HOG; i++)
        n += client_has(&b->hog[i], 1, "HTTP/1.1 503 ");
    return n;
}

/* P13: with these lengths 195 of 386 small requests of others were refused. */
static void test_announced_bodies_cost_nothing(void **state)
{
    static const size_t lengths[] = {25000000, 5900000, 90000, 9000, 900};
    struct bodies *b = *state;
    for (size_t i = 0; i < HOG; i++) {
        announce(b, i, KEY, lengths[i % 5]);
        assert_int_equal(b->g->worker.conns.bodies.held, 0);
        if (i % 5 == 4)
            check_others(b, OTHER_KEY);
    }
    assert_int_equal(b->g->worker.exchange_count, HOG);
    assert_int_equal(refused(b), 0);
}

static void test_bodies_that_are_sent_take_the_room_of_their_key_only(void **state)
{
    struct bodies *b = *state;
    b->g->worker.conn_limits.bodies_max = 8 * MB;
    for (size_t i = 0; i < HOG; i++) {
        announce(b, i, KEY, 400 * 1024);
        send_some(b, i, 200 * 1024);
        assert_true(b->g->worker.conns.bodies.held <= 4 * MB);
        if (i % 6 == 0)
            check_others(b, OTHER_KEY);
    }
    assert_true(refused(b) > HOG / 2); /* at their heads: they could not get what they announce */
    assert_true(b->g->worker.conns.bodies.held > 3 * MB);
    unsigned at_heads = refused(b);
    for (size_t i = 0; i < HOG; i++)
        send_some(b, i, 190 * 1024);
    assert_true(refused(b) > at_heads); /* in their bodies */
    assert_true(b->g->worker.conns.bodies.held <= 4 * MB);
    check_others(b, OTHER_KEY);
}

static void test_small_bodies_by_the_thousand_are_a_share_too(void **state)
{
    struct bodies *b = *state;
    b->g->worker.conn_limits.bodies_max = 2 * MB;
    for (size_t i = 0; i < HOG; i++) {
        announce(b, i, KEY, 60000);
        send_some(b, i, 59000);
    }
    assert_true(refused(b) > 0);
    assert_true(b->g->worker.conns.bodies.held <= MB);
    check_others(b, OTHER_KEY);
}

/* Whose key is not known yet shares with all such callers; when it is known, its bytes go along. */
static void test_unknown_keys_have_one_share_together(void **state)
{
    struct bodies *b = *state;
    struct gateway *g = b->g;
    struct keymiss_question q[HOG];
    size_t asked = 0;
    g->worker.conn_limits.bodies_max = 8 * MB;
    for (size_t i = 0; i < 30; i++) {
        char key[64];
        snprintf(key, sizeof key, "x-api-key: sk-unknown-%zu\r\n", i);
        announce(b, i, i == 0 ? "x-api-key: sk-new\r\n" : key, 2 * MB);
        send_some(b, i, 200 * 1024);
    }
    assert_true(refused(b) > 5);
    assert_true(g->worker.conns.bodies.held <= 4 * MB);
    check_others(b, OTHER_KEY);
    while (keymiss_next(&g->segment, &q[asked]))
        asked++;
    assert_true(asked > 1 && memcmp(q[0].key, "sk-new", 6) == 0);
    publish(g, true);
    keymiss_answer(&g->segment, &q[0], KEYMISS_FOUND);
    gateway_run(g, 2);
    unsigned own = 0;
    for (struct exchange *x = g->worker.exchanges; x; x = x->next)
        own += x->conn->body.hold.holder != 0 && x->conn->body.hold.n > 0;
    assert_int_equal(own, 1);
    for (size_t i = 1; i < asked; i++)
        keymiss_answer(&g->segment, &q[i], KEYMISS_ABSENT);
    GATEWAY_UNTIL(g, g->worker.exchange_count == 1);
}

static void test_holder_is_the_key_or_without_keys_the_address(void **state)
{
    struct bodies *b = *state;
    struct gateway *g = b->g;
    uint64_t holders[4];
    static const char *const keys[] = {KEY, OTHER_KEY, "x-api-key: sk-master-secret\r\n", ""};
    for (size_t i = 0; i < 4; i++) {
        g->config.require_api_key = i < 3;
        announce(b, i, keys[i], 100);
        GATEWAY_UNTIL(g, g->worker.exchange_count == i + 1);
        holders[i] = g->worker.exchanges->conn->body.hold.holder;
        assert_true(holders[i] != 0);
        for (size_t k = 0; k < i; k++)
            assert_true(holders[k] != holders[i]);
    }
    announce(b, 4, "", 100); /* another port of the same address */
    GATEWAY_UNTIL(g, g->worker.exchange_count == 5);
    assert_true(g->worker.exchanges->conn->body.hold.holder == holders[3]);
}

/* The second request of a connection is somebody else's. */
static void test_holder_is_forgotten_between_requests(void **state)
{
    struct bodies *b = *state;
    struct gateway *g = b->g;
    gateway_talk(g, MESSAGES, KEY, ASK, "Hello");
    client_send(g, &g->client,
                STR("POST /v1/messages HTTP/1.1\r\nHost: g\r\nx-api-key: sk-nobody\r\n"
                    "Content-Length: 9\r\n\r\n"));
    GATEWAY_UNTIL(g, g->worker.exchange_count == 1);
    assert_int_equal(g->worker.exchanges->conn->body.hold.holder, 0);
}

int main(void)
{
#define BODIES(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        BODIES(test_announced_bodies_cost_nothing),
        BODIES(test_bodies_that_are_sent_take_the_room_of_their_key_only),
        BODIES(test_small_bodies_by_the_thousand_are_a_share_too),
        BODIES(test_unknown_keys_have_one_share_together),
        BODIES(test_holder_is_the_key_or_without_keys_the_address),
        BODIES(test_holder_is_forgotten_between_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
