#include "server/net/response_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "server/base/arena.h"
#include "server/base/buf.h"

#define OK "HTTP/1.1 200 OK\r\n"

/* What an answer is, in one line: "200 keeps [ok] end". */
struct reading {
    struct response_parse *parse;
    struct buf body;
    bool head, end, bad;
    size_t left; /* behind the answer */
};

static void read_on(struct reading *r, struct str input)
{
    while (!r->end && !r->bad) {
        struct str piece;
        switch (response_parse_next(r->parse, &input, &piece)) {
        case RESPONSE_NEED_MORE:
            assert_int_equal(input.n, 0);
            return;
        case RESPONSE_HEAD:
            assert_false(r->head);
            r->head = true;
            break;
        case RESPONSE_BODY:
            assert_true(r->head && piece.n > 0);
            buf_put_str(&r->body, piece);
            break;
        case RESPONSE_END:
            r->end = true;
            break;
        case RESPONSE_BAD:
            r->bad = true;
            break;
        }
    }
    r->left += input.n;
}

static void describe(const struct reading *r, char *out, size_t size)
{
    const char *text = response_parse_fault_text(response_parse_fault(r->parse));
    if (r->bad) {
        snprintf(out, size, "%s", text ? text : "no HTTP");
        return;
    }
    snprintf(out, size, "%d%s [%.*s] %s%s", response_parse_status(r->parse),
             r->head && response_parse_keeps(r->parse) ? " keeps" : "", STR_ARG(buf_str(&r->body)),
             r->end                           ? "end"
             : response_parse_ended(r->parse) ? "open"
             : r->head                        ? "body"
                                              : "head",
             r->left ? " and more" : "");
}

static void check(const char *text, size_t first, bool bytes, const char *want)
{
    char got[300];
    struct str whole = text_from(text);
    struct reading r = {.parse = response_parse_new()};
    buf_init(&r.body, 1000);
    read_on(&r, text_sub(whole, 0, first));
    for (size_t at = first; at < whole.n; at += bytes ? 1 : whole.n)
        read_on(&r, text_sub(whole, at, bytes ? 1 : whole.n));
    describe(&r, got, sizeof got);
    if (strcmp(got, want) != 0)
        fail_msg("cut at %zu%s: \"%s\", not \"%s\": %s", first, bytes ? ", then bytes" : "", got,
                 want, text);
    buf_free(&r.body);
    response_parse_drop(r.parse);
}

struct row {
    const char *text, *want;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(rows[i].text);
        for (size_t first = 0; first <= length; first++)
            check(rows[i].text, first, false, rows[i].want);
        check(rows[i].text, 0, true, rows[i].want);
    }
}

static void test_legal_answer_is_understood_however_it_is_cut(void **state)
{
    static const struct row rows[] = {
        {OK "Content-Length: 2\r\n\r\nok", "200 keeps [ok] end"},
        {OK "content-length:2\r\n\r\nok", "200 keeps [ok] end"},
        {OK "Content-Length: 0\r\n\r\n", "200 keeps [] end"},
        {OK "Content-Length: 3\r\n\r\nok", "200 keeps [ok] body"},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 keeps [] end"},
        {"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 keeps [] end"},
        {"HTTP/1.1 599 \xc3\xa9\r\nContent-Length: 0\r\n\r\n", "599 keeps [] end"},
        {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "200 keeps [ok] end"},
        {OK "Transfer-Encoding: CHUNKED\r\n\r\n02;a=\"b\"\r\nok\r\nA\r\n0123456789\r\n0\r\nx: "
            "y\r\n\r\n",
         "200 keeps [ok0123456789] end"},
        {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", "200 keeps [ok] body"},
        {OK "\r\nall of it", "200 [all of it] open"},
        {"HTTP/1.0 200 OK\r\n\r\nall", "200 [all] open"},
        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 [ok] end"},
        {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
         "200 keeps [ok] end"},
        {OK "Connection: close\r\nContent-Length: 2\r\n\r\nok", "200 [ok] end"},
        {OK "Connection: x, Close\r\nContent-Length: 2\r\n\r\nok", "200 [ok] end"},
        {OK "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 [] end"},
        {"HTTP/1.1 204 No\r\n\r\n", "204 keeps [] end"},
        {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "204 keeps [] end"},
        {"HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", "304 keeps [] end"},
        {OK "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
         "200 keeps [ok] end"},
        {OK "Content-Length: 2", "200 [] head"},
        {"HTT", "0 [] head"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void test_interim_answers_pass_in_silence(void **state)
{
    static const struct row rows[] = {
        {"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nok", "200 keeps [ok] end"},
        {"HTTP/1.1 103 Early\r\nLink: x\r\nContent-Length: 7\r\n\r\nHTTP/1.1 102 P\r\n"
         "Transfer-Encoding: chunked\r\n\r\n" OK "Content-Length: 2\r\n\r\nok",
         "200 keeps [ok] end"},
        {"HTTP/1.1 103 Early\r\nConnection: close\r\n\r\n" OK "Content-Length: 2\r\n\r\nok",
         "200 keeps [ok] end"},
        {"HTTP/1.1 100 Continue\r\n\r\n", "0 [] head"},
        {"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "no HTTP"},
        {"HTTP/1.1 099 No\r\n\r\n", "no HTTP"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void test_bytes_behind_the_answer_are_none_of_it(void **state)
{
    (void)state;
    check(OK "Content-Length: 2\r\n\r\nokHTTP/1.1 200", 0, false, "200 keeps [ok] end and more");
    check(OK "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx", 0, false, "200 keeps [] end and more");
    check("HTTP/1.1 204 No\r\n\r\nx", 0, false, "204 keeps [] end and more");
}

static void test_answer_that_is_none_is_refused_however_it_is_cut(void **state)
{
    static const struct row rows[] = {
        {"what is this", "no HTTP"},
        {"\r\n" OK, "no HTTP"},
        {"HTTP/0.9 200 OK\r\n", "no HTTP"},
        {"HTTP/2 200\r\n", "no HTTP"},
        {"HTTP/1.2 200 OK\r\n", "no HTTP"},
        {"HTTP/1.10 200 OK\r\n", "no HTTP"},
        {"http/1.1 200 OK\r\n", "no HTTP"},
        {"HTTP/1.1  200 OK\r\n", "no HTTP"},
        {"HTTP/1.1\t200 OK\r\n", "no HTTP"},
        {"HTTP/1.1 20 OK\r\n", "no HTTP"},
        {"HTTP/1.1 2000 OK\r\n", "no HTTP"},
        {"HTTP/1.1 +20 OK\r\n", "no HTTP"},
        {"HTTP/1.1 200 O\x01K\r\n", "no HTTP"},
        {"HTTP/1.1 200 O\rK\r\n", "no HTTP"},
        {"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\n", "no HTTP"},
        {OK "Content-Length: 2\n\r\nok", "a malformed answer"},
        {OK "Content-Length: 2\r\n\nok", "a malformed answer"},
        {OK "Content Length: 2\r\n\r\nok", "a malformed answer"},
        {OK "Content-Length : 2\r\n\r\nok", "a malformed answer"},
        {OK " Content-Length: 2\r\n\r\nok", "a malformed answer"},
        {OK "X: a\r\n b\r\n\r\n", "a malformed answer"},
        {OK "X: a\r\n\tb\r\n\r\n", "a malformed answer"},
        {OK ": a\r\n\r\n", "a malformed answer"},
        {OK "nothing\r\n\r\n", "a malformed answer"},
        {OK "X: a\x7f\r\n\r\n", "a malformed answer"},
        {OK "X: a\rb\r\n\r\n", "a malformed answer"},
        {OK "X\xc3: a\r\n\r\n", "a malformed answer"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void test_body_of_no_clear_length_is_refused(void **state)
{
    static const char unclear[] = "a body of no clear length";
    static const struct row rows[] = {
        {OK "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", unclear},
        {OK "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", unclear},
        {OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", unclear},
        {OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", unclear},
        {OK "Content-Length: 2, 2\r\n\r\nok", unclear},
        {OK "Content-Length: -2\r\n\r\nok", unclear},
        {OK "Content-Length: +2\r\n\r\nok", unclear},
        {OK "Content-Length: 0x2\r\n\r\nok", unclear},
        {OK "Content-Length: 2 2\r\n\r\nok", unclear},
        {OK "Content-Length: \r\n\r\nok", unclear},
        {OK "Content-Length: 18446744073709551616\r\n\r\n", unclear},
        {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", unclear},
        {OK "Transfer-Encoding: chunked, identity\r\n\r\n", unclear},
        {OK "Transfer-Encoding: identity\r\n\r\n", unclear},
        {OK "Transfer-Encoding:\r\n\r\n", unclear},
        {OK "Transfer-Encoding: xchunked\r\n\r\n", unclear},
        {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", unclear},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", unclear},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[200];
        struct reading r = {.parse = response_parse_new()};
        read_on(&r, text_from(rows[i].text));
        describe(&r, got, sizeof got);
        /* llhttp may be the first to say so. */
        if (!r.bad || (strcmp(got, unclear) != 0 && strcmp(got, "a malformed answer") != 0))
            fail_msg("\"%s\": %s", got, rows[i].text);
        check_rows(&(struct row){rows[i].text, got}, 1);
        response_parse_drop(r.parse);
    }
}

static void test_malformed_chunk_is_refused(void **state)
{
    static const char bad[] = "a malformed chunk";
    static const char *const chunks[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\n",
        "1 \r\n",
        "0x1\r\n",
        "1\nx\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n",
        "1\r\nx\r\r\n",
        "1;a\x01\r\n",
        "1\r\rx\r\n",
        "0\r\nx\r\n",
        "0\r\n x: y\r\n",
        "0\r\nx: y\n",
        "0\r\n: y\r\n",
        "10000000000000000\r\n",
        "00000000000000001\r\n",
        "0\r\nx: \x01\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        char text[200];
        snprintf(text, sizeof text, OK "Transfer-Encoding: chunked\r\n\r\n%s", chunks[i]);
        check_rows(&(struct row){text, bad}, 1);
    }
}

/* Bytes that never end: each place has its limit, in pieces and in one. */
static void test_bomb_is_refused(void **state)
{
    static const struct {
        const char *start, *piece, *want;
    } rows[] = {
        {"HTTP/1.1 200 ", "x", "too many header bytes"},
        {OK "X: ", "x", "too many header bytes"},
        {OK, "x: y\r\n", "too many header bytes"},
        {"", "HTTP/1.1 100 Continue\r\n\r\n", "too many header bytes"},
        {OK "Transfer-Encoding: chunked\r\n\r\n1;", "x", "a malformed chunk"},
        {OK "Transfer-Encoding: chunked\r\n\r\n", "0", "a malformed chunk"},
        {OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "x: y\r\n", "a malformed chunk"},
        {OK "Transfer-Encoding: chunked\r\n\r\n0\r\nx: ", "y", "a malformed chunk"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char got[200];
        struct reading r = {.parse = response_parse_new()};
        struct buf whole;
        buf_init(&whole, 200000);
        buf_put_str(&whole, text_from(rows[i].start));
        read_on(&r, buf_str(&whole));
        size_t n = 0;
        for (; n < 100000 && !r.bad; n++) {
            read_on(&r, text_from(rows[i].piece));
            buf_put_str(&whole, text_from(rows[i].piece));
        }
        describe(&r, got, sizeof got);
        assert_string_equal(got, rows[i].want);
        buf_put_char(&whole, 0);
        check(buf_data(&whole), 0, false, rows[i].want);
        buf_free(&whole);
        response_parse_drop(r.parse);
    }
}

static void test_head_is_that_of_the_last_answer_without_the_trailer(void **state)
{
    (void)state;
    struct reading r = {.parse = response_parse_new()};
    buf_init(&r.body, 100);
    for (int i = 0; i < 3; i++) { /* one after the other */
        r.head = r.end = false;
        read_on(&r, STR("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK "A:  b \r\nc: \r\n"
                        "Transfer-Encoding: chunked\r\n\r\n0\r\nTrailer: z\r\n\r\n"));
        assert_true(r.end);
        struct str head = response_parse_head(r.parse);
        struct str want = STR("A:  b \nc: \nTransfer-Encoding: chunked\n");
        assert_int_equal(head.n, want.n);
        assert_memory_equal(head.p, want.p, want.n);
        response_parse_reset(r.parse);
    }
    buf_free(&r.body);
    response_parse_drop(r.parse);
}

/* Every allocation fails once. */
static void test_failing_memory_is_a_fault(void **state)
{
    (void)state;
    for (unsigned long k = 1; k < 6; k++) {
        heap_fail_after(k);
        struct response_parse *p = response_parse_new();
        struct reading r = {.parse = p};
        for (const char *c = OK "Content-Length: 0\r\n\r\n"; p && *c && !r.bad; c++)
            read_on(&r, (struct str){c, 1});
        heap_fail_after(0);
        if (p && !r.end)
            assert_int_equal(response_parse_fault(p), RESPONSE_NO_MEMORY);
        response_parse_drop(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legal_answer_is_understood_however_it_is_cut),
        cmocka_unit_test(test_interim_answers_pass_in_silence),
        cmocka_unit_test(test_bytes_behind_the_answer_are_none_of_it),
        cmocka_unit_test(test_answer_that_is_none_is_refused_however_it_is_cut),
        cmocka_unit_test(test_body_of_no_clear_length_is_refused),
        cmocka_unit_test(test_malformed_chunk_is_refused),
        cmocka_unit_test(test_bomb_is_refused),
        cmocka_unit_test(test_head_is_that_of_the_last_answer_without_the_trailer),
        cmocka_unit_test(test_failing_memory_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
