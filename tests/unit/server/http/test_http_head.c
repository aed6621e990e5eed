#include "server/http/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { ROOM = 4 };

#define L "POST http://x/a?b HTTP/1.1\r\n"
#define H "Host: x\r\n"
#define E "\r\n"

static const struct {
    const char *name;
    struct str head;
    enum status status;
    const char *path;
    size_t headers;
} rows[] = {
    {"good", STR(L H "a: b\r\n" E), STATUS_OK, "/a", 2},
    {"1.0, nothing else", STR("GET / HTTP/1.0\r\n" E), STATUS_OK, "/", 0},
    {"as many lines as there is room", STR(L H "a:\r\na:\r\na:\r\n" E), STATUS_OK, "/a", 4},
    {"one more", STR(L H "a:\r\na:\r\na:\r\na:\r\n" E), STATUS_HEADERS_LARGE, "/a", 0},
    {"first line", STR("nonsense\r\n" H E), STATUS_INVALID, "", 0},
    {"version", STR("GET /v HTTP/3.0\r\n" H E), STATUS_HTTP_VERSION, "/v", 0},
    {"second of two lines", STR(L H "a b: c\r\n" E), STATUS_INVALID, "/a", 0},
    {"no host", STR("GET /h HTTP/1.1\r\na: b\r\n" E), STATUS_INVALID, "/h", 0},
    {"another host", STR("GET http://y/h HTTP/1.1\r\n" H E), STATUS_INVALID, "/h", 0},
    {"expectation", STR(L H "Expect: cake\r\n" E), STATUS_EXPECTATION, "/a", 0},
    {"coding", STR(L H "Transfer-Encoding: gzip, chunked\r\n" E), STATUS_CODING, "/a", 0},
    {"both lengths", STR(L H "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n" E),
     STATUS_INVALID, "/a", 0},
    {"key of a name of its own twice", STR(L H "X-Pass: a\r\nx-pass: a\r\n" E), STATUS_INVALID,
     "/a", 0},
    {"... once", STR(L H "X-Pass: a\r\n" E), STATUS_OK, "/a", 2},
    {"another name twice", STR(L H "X-Pas: a\r\nx-pas: a\r\n" E), STATUS_OK, "/a", 3},
    {"nothing", STR(""), STATUS_INVALID, "", 0},
    {"only line feeds", STR("\n\n"), STATUS_INVALID, "", 0},
};

/* In a block of its own, so that ASan sees a read behind it. */
static char *copy_of(struct str s)
{
    char *copy = test_malloc(s.n + (s.n == 0));
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

static void test_read_any_head_is_a_request_or_a_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_header *room = test_malloc(ROOM * sizeof *room);
        struct http_request r;
        struct err err = {0};
        char *head = copy_of(rows[i].head);
        enum status got =
            http_head_read((struct str){head, rows[i].head.n}, STR("x-pass"), room, ROOM, &r, &err);
        if (got != rows[i].status || !text_eq(r.path, text_from(rows[i].path)) ||
            r.header_count != rows[i].headers || (got != STATUS_OK && !err.text[0]))
            fail_msg("%s: %s, path \"%.*s\", %zu headers", rows[i].name, err_row(got)->name,
                     STR_ARG(r.path), r.header_count);
        if (got != STATUS_OK && (r.headers || r.has_length || r.chunked || r.expect_continue))
            fail_msg("%s: a refused head says something", rows[i].name);
        test_free(head);
        test_free(room);
    }
}

/* The function is total: also for what the parser never hands over. */
static void test_read_and_glance_cut_anywhere_stay_inside(void **state)
{
    (void)state;
    struct http_header room[ROOM];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t n = 0; n <= rows[i].head.n; n++) {
            struct http_request r;
            struct err err;
            char *head = copy_of(text_sub(rows[i].head, 0, n));
            enum status got =
                http_head_read((struct str){head, n}, STR("x-pass"), room, ROOM, &r, &err);
            assert_true(got == STATUS_OK || r.header_count == 0);
            http_head_glance((struct str){head, n}, &r);
            assert_int_equal(r.header_count, 0);
            assert_null(r.headers);
            assert_int_equal(r.path.n > 0, memchr(head, '\n', n) && rows[i].path[0]);
            test_free(head);
        }
    }
}

static void test_glance_knows_the_first_line_when_it_is_whole(void **state)
{
    (void)state;
    struct http_request r;
    http_head_glance(STR("POST /v1/x?y HTTP/1.1\r\nHost: a\r\nhalf a li"), &r);
    assert_int_equal(r.method, HTTP_POST);
    assert_true(text_eq(r.path, STR("/v1/x")));
    assert_true(text_eq(r.query, STR("y")));
    assert_int_equal(r.minor, 1);
    http_head_glance(STR("POST /v1/x?y HTTP/1.1\r"), &r);
    assert_int_equal(r.path.n, 0);
    assert_int_equal(r.method_text.n, 0);
}

static void test_check_line_is_the_rule_of_the_first_line(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(http_head_check_line(STR("GET / HTTP/1.1"), &err), STATUS_OK);
    assert_int_equal(http_head_check_line(STR("GET / HTTP/4.0"), &err), STATUS_HTTP_VERSION);
    assert_int_equal(http_head_check_line(STR(""), &err), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_any_head_is_a_request_or_a_refusal),
        cmocka_unit_test(test_read_and_glance_cut_anywhere_stay_inside),
        cmocka_unit_test(test_glance_knows_the_first_line_when_it_is_whole),
        cmocka_unit_test(test_check_line_is_the_rule_of_the_first_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
