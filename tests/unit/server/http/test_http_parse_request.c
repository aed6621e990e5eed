/* What a request says, whole or not, and what is kept from one to the next: http_parse.c. */
#include "server/http/http_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct http_limits small = {
    .line = 200, .headers = 600, .header_count = 12, .chunk_extras = 64};

#define H     "Host: x\r\n"
#define GET   "GET / HTTP/1.1\r\n" H
#define POST  "POST /v1/messages HTTP/1.1\r\n" H
#define CL(n) "Content-Length: " #n "\r\n"
#define E     "\r\n"
#define H10   "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n"

static struct http_parse *parsed(struct http_parse *p, struct str bytes, enum http_event want)
{
    struct str piece;
    struct err err;
    http_parse_reset(p);
    assert_int_equal(http_parse_next(p, &bytes, &piece, &err), want);
    return p;
}

static void assert_str(struct str got, const char *want)
{
    if (!text_eq(got, text_from(want)))
        fail_msg("got \"%.*s\", not \"%s\"", STR_ARG(got), want);
}

static void test_target_any_form_gives_path_and_query(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *path, *query;
    } table[] = {
        {STR("GET /a/b?c=d HTTP/1.1\r\n" H E), "/a/b", "c=d"},
        {STR("GET / HTTP/1.1\r\n" H E), "/", ""},
        {STR("GET /? HTTP/1.1\r\n" H E), "/", ""},
        {STR("GET /a?b?c HTTP/1.1\r\n" H E), "/a", "b?c"},
        {STR("GET http://x/a?b HTTP/1.1\r\n" H E), "/a", "b"},
        {STR("GET https://x?b HTTP/1.1\r\n" H E), "/", "b"},
        {STR("OPTIONS * HTTP/1.1\r\n" H E), "*", ""},
    };
    struct http_parse *p = http_parse_new(&small);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct http_request *r = http_parse_request(parsed(p, table[i].bytes, HTTP_HEADERS));
        assert_str(r->path, table[i].path);
        assert_str(r->query, table[i].query);
    }
    http_parse_drop(p);
}

static void test_request_members_are_filled(void **state)
{
    (void)state;
    struct http_parse *p = http_parse_new(&small);
    const struct http_request *r = http_parse_request(parsed(
        p, STR(POST CL(7) "Expect: 100-continue\r\nA:  b c\t\r\na: d\r\n\r\n"), HTTP_HEADERS));
    assert_int_equal(r->method, HTTP_POST);
    assert_str(r->method_text, "POST");
    assert_str(r->target, "/v1/messages");
    assert_int_equal(r->minor, 1);
    assert_true(r->has_length && !r->chunked && r->keep_alive && r->expect_continue);
    assert_int_equal(r->content_length, 7);
    assert_int_equal(r->header_count, 5);
    struct str value;
    assert_true(http_request_header(r, STR("A"), &value));
    assert_str(value, "b c");
    assert_false(http_request_header(r, STR("nothing"), &value));
    http_parse_drop(p);
}

static void test_method_each_has_its_name(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        enum http_method method;
    } table[] = {
        {STR("GET / HTTP/1.1\r\n" H E), HTTP_GET},
        {STR("HEAD / HTTP/1.1\r\n" H E), HTTP_HEAD},
        {STR("POST / HTTP/1.1\r\n" H E), HTTP_POST},
        {STR("OPTIONS / HTTP/1.1\r\n" H E), HTTP_OPTIONS},
        {STR("DELETE / HTTP/1.1\r\n" H E), HTTP_OTHER},
    };
    struct http_parse *p = http_parse_new(&small);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(http_parse_request(parsed(p, table[i].bytes, HTTP_HEADERS))->method,
                         table[i].method);
    http_parse_drop(p);
}

static void test_keep_alive_follows_version_and_connection(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        bool keep;
    } table[] = {
        {STR(GET E), true},
        {STR(GET "Connection: close\r\n\r\n"), false},
        {STR(GET "Connection: CLOSE\r\n\r\n"), false},
        {STR(GET "Connection: keep-alive\r\n\r\n"), true},
        {STR("GET / HTTP/1.0\r\n\r\n"), false},
        {STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), true},
        {STR(POST CL(5) "Connection: close\r\n\r\n"), false},
    };
    struct http_parse *p = http_parse_new(&small);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (http_parse_request(parsed(p, table[i].bytes, HTTP_HEADERS))->keep_alive !=
            table[i].keep)
            fail_msg("%.*s", STR_ARG(table[i].bytes));
    http_parse_drop(p);
}

static void test_target_of_a_refused_request_is_known(void **state)
{
    (void)state;
    struct http_parse *p = http_parse_new(&small);
    const struct http_request *r = http_parse_request(
        parsed(p, STR("POST /v1/chat?a HTTP/1.1\r\nHost: x\r\nbad line\r\n"), HTTP_BAD));
    assert_str(r->path, "/v1/chat");
    assert_int_equal(r->header_count, 0);
    r = http_parse_request(parsed(p, STR("POST /v1/chat HTTP/3.0\r\n"), HTTP_BAD));
    assert_str(r->path, "/v1/chat");
    assert_int_equal(r->method, HTTP_POST);
    r = http_parse_request(parsed(p, STR("nonsense\r\n"), HTTP_BAD));
    assert_int_equal(r->path.n, 0);
    http_parse_drop(p);
}

/* End of input or a time-out may come at any byte: what is known then is never half a header. */
static void test_request_of_an_unfinished_head_is_safe_at_every_byte(void **state)
{
    (void)state;
    struct str head = STR("POST /v1/chat?a HTTP/1.1\r\n" H "x-api-key: sk\r\n" CL(3) E);
    size_t line = strlen("POST /v1/chat?a HTTP/1.1\r\n");
    struct http_parse *p = http_parse_new(&small);
    for (size_t n = 0; n < head.n; n++) {
        struct str piece, half = text_sub(head, 0, n);
        struct err err;
        http_parse_reset(p);
        for (size_t i = 0; i < n; i++) { /* bytewise: the parser's memory grows and moves */
            struct str byte = text_sub(half, i, 1);
            assert_int_equal(http_parse_next(p, &byte, &piece, &err), HTTP_NEED_MORE);
        }
        const struct http_request *r = http_parse_request(p);
        http_parse_wipe_secrets(p);
        assert_int_equal(r->header_count, 0);
        assert_int_equal(r->content_length, 0);
        assert_str(r->path, n < line ? "" : "/v1/chat");
        assert_str(r->method_text, n < line ? "" : "POST");
    }
    http_parse_drop(p);
}

/* A first request with a block so large that its memory is given back. */
static void test_second_request_sees_nothing_of_the_first(void **state)
{
    (void)state;
    struct http_limits wide = {
        .line = 9000, .headers = 20000, .header_count = 100, .chunk_extras = 9};
    static const struct {
        struct str bytes;
        enum http_event event;
        const char *path;
    } table[] = {
        {STR(""), HTTP_NEED_MORE, ""},
        {STR("GET /b HT"), HTTP_NEED_MORE, ""},
        {STR("GET /b HTTP/1.1\r\n"), HTTP_NEED_MORE, "/b"},
        {STR("GET /b HTTP/1.1\r\n" H "a"), HTTP_NEED_MORE, "/b"},
        {STR("GET /b HTTP/1.1\r\n" H H E), HTTP_BAD, "/b"},
        {STR("bad\r\n"), HTTP_BAD, ""},
    };
    static char value[8500];
    memset(value, 'v', sizeof value);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_parse *p = http_parse_new(&wide);
        struct str piece, first;
        struct err err;
        char *bytes = test_malloc(9000);
        int n = snprintf(bytes, 9000, POST CL(0) "a: %.*s\r\n\r\n", (int)sizeof value, value);
        first = (struct str){bytes, (size_t)n};
        assert_int_equal(http_parse_next(p, &first, &piece, &err), HTTP_HEADERS);
        assert_int_equal(http_parse_next(p, &first, &piece, &err), HTTP_END);
        const struct http_request *r =
            http_parse_request(parsed(p, table[i].bytes, table[i].event));
        assert_str(r->path, table[i].path);
        assert_int_equal(r->header_count, 0);
        assert_false(r->has_length);
        test_free(bytes);
        http_parse_drop(p);
    }
}

static void test_preface_of_http2_counts_as_first_line_only(void **state)
{
    (void)state;
    struct str rest = STR("\r\nSM\r\n\r\n"), piece;
    struct err err;
    struct http_parse *p = http_parse_new(&small);
    char bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct str in = {bytes, sizeof bytes - 1};
    assert_int_equal(http_parse_next(p, &in, &piece, &err), HTTP_PREFACE);
    assert_str(in, rest.p);
    assert_int_equal(http_parse_request(p)->header_count, 0);
    http_parse_drop(p);
    p = http_parse_new(&small);
    parsed(p, STR(GET E), HTTP_HEADERS);
    http_parse_reset(p);
    parsed(p, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_BAD);
    http_parse_drop(p);
}

static void test_key_of_any_name_comes_once_and_is_wiped(void **state)
{
    (void)state;
    struct http_limits limits = small;
    limits.key_name = STR("x-pass");
    struct http_parse *p = http_parse_new(&limits);
    const struct http_request *r =
        http_parse_request(parsed(p, STR(GET "X-Pass: abc\r\nx-past: d\r\n\r\n"), HTTP_HEADERS));
    struct str pass, past;
    assert_true(http_request_header(r, STR("x-pass"), &pass));
    assert_true(http_request_header(r, STR("x-past"), &past));
    http_parse_wipe_secrets(p);
    assert_memory_equal(pass.p, "\0\0\0", 3);
    assert_str(past, "d");
    parsed(p, STR(GET "X-Pass: abc\r\nx-pass: abc\r\n\r\n"), HTTP_BAD);
    parsed(p, STR(GET "X-Past: abc\r\nx-past: abc\r\n\r\n"), HTTP_HEADERS);
    http_parse_drop(p);
}

static void test_expect_in_http_1_0_is_ignored(void **state)
{
    (void)state;
    struct http_parse *p = http_parse_new(&small);
    const struct http_request *r = http_parse_request(
        parsed(p, STR("POST / HTTP/1.0\r\nExpect: 100-continue\r\n" CL(5) E), HTTP_HEADERS));
    assert_false(r->expect_continue);
    http_parse_drop(p);
}

static void test_started_only_after_a_byte_of_the_message(void **state)
{
    (void)state;
    struct http_parse *p = http_parse_new(&small);
    assert_false(http_parse_started(p));
    parsed(p, STR("\r\n"), HTTP_NEED_MORE);
    assert_false(http_parse_started(p));
    parsed(p, STR("G"), HTTP_NEED_MORE);
    assert_true(http_parse_started(p));
    http_parse_reset(p);
    assert_false(http_parse_started(p));
    http_parse_drop(p);
}

static void test_wipe_secrets_empties_keys_only(void **state)
{
    (void)state;
    struct http_parse *p = http_parse_new(&small);
    const struct http_request *r = http_parse_request(
        parsed(p, STR(GET "x-api-key: sk-1\r\nAuthorization: Bearer b\r\nAccept: c\r\n\r\n"),
               HTTP_HEADERS));
    struct str key, accept;
    assert_true(http_request_header(r, STR("x-api-key"), &key));
    assert_memory_equal(key.p, "sk-1", 4);
    http_parse_wipe_secrets(p);
    assert_memory_equal(key.p, "\0\0\0\0", 4);
    assert_true(http_request_header(r, STR("authorization"), &key));
    assert_int_equal(key.n, 0);
    assert_true(http_request_header(r, STR("accept"), &accept));
    assert_str(accept, "c");
    http_parse_drop(p);
}

static void test_header_array_grows_and_is_kept(void **state)
{
    (void)state;
    struct http_limits many = {
        .line = 200, .headers = 4000, .header_count = 100, .chunk_extras = 9};
    struct http_parse *p = http_parse_new(&many);
    struct str bytes = STR(GET H10 H10 H10 H10 E);
    const struct http_request *r = http_parse_request(parsed(p, bytes, HTTP_HEADERS));
    assert_int_equal(r->header_count, 41);
    const struct http_header *first = r->headers;
    r = http_parse_request(parsed(p, bytes, HTTP_HEADERS));
    assert_ptr_equal(r->headers, first);
    http_parse_drop(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_target_any_form_gives_path_and_query),
        cmocka_unit_test(test_request_members_are_filled),
        cmocka_unit_test(test_method_each_has_its_name),
        cmocka_unit_test(test_keep_alive_follows_version_and_connection),
        cmocka_unit_test(test_target_of_a_refused_request_is_known),
        cmocka_unit_test(test_request_of_an_unfinished_head_is_safe_at_every_byte),
        cmocka_unit_test(test_second_request_sees_nothing_of_the_first),
        cmocka_unit_test(test_preface_of_http2_counts_as_first_line_only),
        cmocka_unit_test(test_key_of_any_name_comes_once_and_is_wiped),
        cmocka_unit_test(test_expect_in_http_1_0_is_ignored),
        cmocka_unit_test(test_started_only_after_a_byte_of_the_message),
        cmocka_unit_test(test_wipe_secrets_empties_keys_only),
        cmocka_unit_test(test_header_array_grows_and_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
