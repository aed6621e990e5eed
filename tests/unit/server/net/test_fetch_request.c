#include "server/net/fetch.h"

#include "tests/unit/fetch_case.h"
#include "tests/unit/tls_server.h"

#include <stdlib.h>

static void test_request_on_the_wire_is_what_was_asked(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/model/a%3A0/../x"};
    char url[64], want[300];
    struct fetch_request r = request_to(&c, url);
    struct fetch_header headers[] = {{"Authorization: AWS4 x"}, {"content-type: application/json"}};
    r.method = "POST";
    r.headers = headers;
    r.header_count = 2;
    r.body = STR("{\"a\":1}");
    start_request(&c, &r);
    loop_run(w->loop);
    snprintf(want, sizeof want,
             "POST /model/a%%3A0/../x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: AWS4 x\r\n"
             "content-type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
             w->server.port);
    assert_string_equal(w->last_request, want);
    buf_free(&c.body);
}

static void test_put_without_body_says_length_zero(void **state)
{
    struct world *w = *state;
    struct call put = {.w = w, .path = "/token"}, plain = {.w = w, .path = "/ok"};
    start_call(&put, "PUT", STR(""));
    loop_run(w->loop);
    char want[200];
    snprintf(want, sizeof want,
             "PUT /token HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Length: 0\r\n\r\n",
             w->server.port);
    assert_string_equal(w->last_request, want);
    get(&plain); /* the same connection: nothing of the PUT is left */
    snprintf(want, sizeof want, "GET /ok HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", w->server.port);
    assert_string_equal(w->last_request, want);
    buf_free(&put.body);
    buf_free(&plain.body);
}

static void test_large_post_arrives_whole_without_expect(void **state)
{
    struct world *w = *state;
    struct call c = {.w = w, .path = "/ok"};
    start_call(&c, "POST", (struct str){big, BIG});
    assert_true(fetch_needs_body(c.f));
    loop_run(w->loop);
    assert_int_equal(c.end, STATUS_OK);
    assert_false(c.needs_body); /* its owner may have dropped it when the answer came */
    assert_null(strstr(w->last_request, "Expect"));
    assert_non_null(strstr(w->last_request, "Content-Length: 4194304\r\n\r\nabc"));
    buf_free(&c.body);
}

static void test_header_line_break_is_refused(void **state)
{
    struct call c = {.w = *state, .path = "/ok"};
    char url[64];
    struct err err = {0};
    struct fetch_request r = request_to(&c, url);
    r.headers = &(struct fetch_header){"anthropic-beta: a\r\nx-evil: 1"};
    r.header_count = 1;
    assert_null(fetch_start(c.w->client, &r, &ops, &c, &err));
    assert_int_equal(err.code, STATUS_INTERNAL);
    r.header_count = FETCH_HEADERS_MAX + 1;
    assert_null(fetch_start(c.w->client, &r, &ops, &c, &err));
}

/* A connection to the one must not be taken for the other. */
static void test_origin_that_changes_goes_on_the_wire(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "localhost", "127.0.0.1"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct call c = {.w = w, .path = "/ok"};
        char url[64];
        char want[200];
        struct fetch_request r = request_to(&c, url);
        snprintf(url, sizeof url, "http://%s:%u/ok", hosts[i], w->server.port);
        start_request(&c, &r);
        loop_run(w->loop);
        snprintf(want, sizeof want, "GET /ok HTTP/1.1\r\nHost: %s:%u\r\n\r\n", hosts[i],
                 w->server.port);
        assert_int_equal(c.end, STATUS_OK);
        assert_string_equal(w->last_request, want);
        buf_free(&c.body);
    }
}

static unsigned closed_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    getsockname(fd, (struct sockaddr *)&a, &size);
    close(fd);
    return ntohs(a.sin_port);
}

static void test_url_that_is_none_is_refused(void **state)
{
    static const char *const rows[] = {"",
                                       "ok",
                                       "ftp://127.0.0.1/ok",
                                       "http://user@127.0.0.1/ok",
                                       "http:///ok",
                                       "http://127.0.0.1?ok"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = *state, .path = "/ok"};
        char url[64];
        struct err err = {0};
        struct fetch_request r = request_to(&c, url);
        r.url = rows[i];
        if (fetch_start(c.w->client, &r, &ops, &c, &err) || err.code != STATUS_INTERNAL)
            fail_msg("\"%s\" was called", rows[i]);
    }
}

static void test_unreachable_or_forbidden_url_says_why(void **state)
{
    struct world *w = *state;
    const struct {
        const char *scheme;
        unsigned port;
        bool allow_http, sent;
        const char *text;
        enum fetch_trouble trouble;
    } rows[] = {
        {"http", closed_port(), true, false, "could not connect to the key store (curl 7)",
         FETCH_TROUBLE_CONNECT},
        {"http", w->server.port, false, false,
         "plain http is not allowed to the key store (curl 1)", FETCH_TROUBLE_OTHER},
        {"https", w->server.port, false, false, "TLS handshake with the key store failed (curl 35)",
         FETCH_TROUBLE_TLS},
        {"HTTP", w->server.port, false, false,
         "plain http is not allowed to the key store (curl 1)", FETCH_TROUBLE_OTHER},
    };
    struct call warm = {.w = w, .path = "/ok"};
    get(&warm); /* so that there is a connection to be had */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call c = {.w = w, .path = "/ok"};
        char url[64];
        struct fetch_request r = request_to(&c, url);
        snprintf(url, 64, "%s://127.0.0.1:%u/ok", rows[i].scheme, rows[i].port);
        r.allow_http = rows[i].allow_http;
        r.peer = "the key store";
        start_request(&c, &r);
        loop_run(w->loop);
        if (c.end != STATUS_UPSTREAM || strcmp(c.text, rows[i].text) != 0 ||
            c.sent != rows[i].sent || c.trouble != rows[i].trouble)
            fail_msg("%s: end %d, \"%s\", sent %d", url, c.end, c.text, c.sent);
        buf_free(&c.body);
    }
    buf_free(&warm.body);
}

/* The kernel takes the connection, but nobody ever speaks TLS on it. */
static void test_handshake_that_hangs_ends_with_the_connect_timeout(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&a, &size);
    struct call c = {.w = *state, .path = "/"};
    char url[64];
    struct fetch_request r = request_to(&c, url);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", ntohs(a.sin_port));
    r.connect_ms = 60;
    start_request(&c, &r);
    loop_run(c.w->loop);
    assert_int_equal(c.end, STATUS_UPSTREAM);
    assert_string_equal(c.text, "could not connect to the model service in time (curl 28)");
    assert_int_equal(c.trouble, FETCH_TROUBLE_CONNECT);
    assert_false(c.sent);
    buf_free(&c.body);
    close(fd);
}

/* ---- TLS ---------------------------------------------------------------------------------- */

static void check_tls(struct world *w, const char *ca_file, unsigned port, enum status end,
                      const char *text)
{
    struct fetch_options options = {.pool = 1, .ca_file = ca_file};
    struct fetch_client *plain = w->client;
    w->client = fetch_client_new(w->loop, &options, NULL);
    struct call c = {.w = w, .path = "/"};
    char url[64];
    struct fetch_request r = request_to(&c, url);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
    r.allow_http = false;
    start_request(&c, &r);
    loop_run(w->loop);
    assert_string_equal(c.text, text);
    assert_int_equal(c.end, end);
    assert_int_equal(c.sent, end == STATUS_OK);
    buf_free(&c.body);
    fetch_client_drop(w->client);
    w->client = plain;
}

static void test_certificate_of_unknown_issuer_is_refused(void **state)
{
    struct tls_server server = {0};
    if (!tls_server_open(&server, "-tls1_3")) {
        skip();
    }
    check_tls(*state, NULL, server.port, STATUS_UPSTREAM,
              "TLS verification of the model service failed (curl 60)");
    check_tls(*state, server.cert, server.port, STATUS_OK, "");
    check_tls(*state, "/nonexistent", server.port, STATUS_UPSTREAM,
              "cannot read the CA bundle for the model service (curl 77)");
    tls_server_shut(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_request_on_the_wire_is_what_was_asked),
        TEST(test_put_without_body_says_length_zero),
        TEST(test_large_post_arrives_whole_without_expect),
        TEST(test_header_line_break_is_refused),
        TEST(test_url_that_is_none_is_refused),
        TEST(test_origin_that_changes_goes_on_the_wire),
        TEST(test_unreachable_or_forbidden_url_says_why),
        TEST(test_handshake_that_hangs_ends_with_the_connect_timeout),
        TEST(test_certificate_of_unknown_issuer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
