#include "server/http/http_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* "name=value" pieces, cut at '|'. */
static void put_all(struct http_fields *f, struct str pieces)
{
    for (struct str piece, name; text_split(&pieces, '|', &piece);) {
        if (text_split(&piece, '=', &name))
            http_fields_put(f, name, piece);
    }
}

#define GET "GET /a HTTP/1.1\r\nhost: x\r\n"

static void test_fields_become_a_head(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str fields, head;
        bool chunked, bad;
    } table[] = {
        {"plain", STR(":method=GET|:path=/a|:authority=x|a=b"), STR(GET "a: b\r\n\r\n"), false,
         false},
        {"order", STR(":path=/a|:authority=x|:scheme=https|:method=GET"), STR(GET "\r\n"), false,
         false},
        {"host, the same", STR(":method=GET|:path=/a|:authority=x|host=X"), STR(GET "\r\n"), false,
         false},
        {"host alone", STR(":method=GET|:path=/a|host=x"), STR(GET "\r\n"), false, false},
        {"a body", STR(":method=GET|:path=/a|:authority=x"),
         STR(GET "transfer-encoding: chunked\r\n\r\n"), true, false},
        {"cookies", STR(":method=GET|:path=/a|:authority=x|cookie=1|b=c|cookie=2"),
         STR(GET "cookie: 1; 2\r\nb: c\r\n\r\n"), false, false},
        {"te", STR(":method=GET|:path=/a|:authority=x|te=trailers"), STR(GET "\r\n"), false, false},
        {"another host", STR(":method=GET|:path=/a|:authority=x|host=y"),
         STR("GET /a HTTP/1.1\r\n"), false, true},
        {"host twice", STR(":method=GET|:path=/a|host=x|host=x"), STR("GET /a HTTP/1.1\r\n"), false,
         true},
        {"line end", STR(":method=GET|:path=/a|:authority=x|a=b\r\nc: d"),
         STR("GET /a HTTP/1.1\r\n"), false, true},
        {"line end last", STR(":method=GET|:path=/a|:authority=x|a=b\r"),
         STR("GET /a HTTP/1.1\r\n"), false, true},
        {"LF in a path", STR(":method=GET|:path=/a\n|:authority=x"), STR(""), false, true},
        {"blank in a path", STR(":method=GET|:path=/a b|:authority=x"), STR(""), false, true},
        {"blank in a method", STR(":method=GET /b|:path=/a|:authority=x"), STR(""), false, true},
        {"absolute path", STR(":method=GET|:path=http://y/a|:authority=x"), STR(""), false, true},
        {"colon in a name", STR(":method=GET|:path=/a|:authority=x|a:b=c"),
         STR("GET /a HTTP/1.1\r\n"), false, true},
        {"upper case", STR(":method=GET|:path=/a|:authority=x|A=c"), STR("GET /a HTTP/1.1\r\n"),
         false, true},
        {"empty name", STR(":method=GET|:path=/a|:authority=x|=c"), STR("GET /a HTTP/1.1\r\n"),
         false, true},
        {"coding", STR(":method=GET|:path=/a|:authority=x|transfer-encoding=chunked"),
         STR("GET /a HTTP/1.1\r\n"), true, true},
        {"connection", STR(":method=GET|:path=/a|:authority=x|connection=close"),
         STR("GET /a HTTP/1.1\r\n"), false, true},
        {"late pseudo", STR(":method=GET|:path=/a|a=b|:authority=x"), STR("GET /a HTTP/1.1\r\n"),
         false, true},
        {"pseudo twice", STR(":method=GET|:path=/a|:path=/b|:authority=x"),
         STR("GET /a HTTP/1.1\r\n"), false, true},
        {"no method", STR(":path=/a|:authority=x"), STR(""), false, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_fields f;
        struct buf out;
        http_fields_init(&f, 100, 200);
        buf_init(&out, 1000);
        put_all(&f, table[i].fields);
        bool ok = http_fields_write(&f, table[i].chunked, &out);
        if (!ok || f.bad != table[i].bad || !text_eq(buf_str(&out), table[i].head))
            fail_msg("%s: bad %d, \"%.*s\"", table[i].name, f.bad, STR_ARG(buf_str(&out)));
        buf_free(&out);
        http_fields_free(&f);
    }
}

static void test_too_much_is_cut_but_never_to_a_legal_head(void **state)
{
    (void)state;
    static const char *const fields[] = {"a=12345678|", "bcd=1234|", "cookie=123456|"};
    for (size_t which = 0; which < 3; which++) {
        for (size_t n = 1; n < 40; n++) {
            struct http_fields f;
            struct buf out;
            http_fields_init(&f, 60, 60);
            buf_init(&out, 1000);
            put_all(&f, STR(":method=GET|:path=/a|:authority=x"));
            for (size_t i = 0; i < n; i++)
                put_all(&f, text_from(fields[which]));
            assert_true(http_fields_write(&f, false, &out));
            size_t lines = buf_len(&f.lines), cookie = buf_len(&f.cookie);
            size_t whole = which == 2 ? n * 8 - 2 : n * (which == 0 ? 13 : 11);
            /* all is there, or it is more than the reader of so many bytes bears */
            if ((which == 2 ? cookie : lines) != whole)
                assert_true((which == 2 ? cookie : lines) >= 64);
            buf_free(&out);
            http_fields_free(&f);
        }
    }
}

static void test_answer_head_becomes_fields(void **state)
{
    (void)state;
    struct str rest = STR("HTTP/1.1 529 Overloaded\r\na: b: c\r\nempty: \r\n\r\n"), name, value;
    assert_int_equal(http_fields_status(&rest), 529);
    assert_true(http_fields_next(&rest, &name, &value));
    assert_true(text_eq(name, STR("a")) && text_eq(value, STR("b: c")));
    assert_true(http_fields_next(&rest, &name, &value));
    assert_true(text_eq(name, STR("empty")) && value.n == 0);
    assert_false(http_fields_next(&rest, &name, &value));
    assert_true(http_fields_of_connection(STR("keep-alive")));
    assert_false(http_fields_of_connection(STR("x-api-key")));
}

static void test_cleared_fields_are_as_new(void **state)
{
    (void)state;
    struct http_fields f;
    struct buf out;
    http_fields_init(&f, 100, 100);
    buf_init(&out, 1000);
    put_all(&f, STR(":method=PUT|:path=/b|a=\n|host=y|cookie=1"));
    assert_true(f.bad && f.has_host && f.bytes > 0);
    http_fields_clear(&f);
    put_all(&f, STR(":method=GET|:path=/a|:authority=x"));
    assert_true(http_fields_write(&f, false, &out));
    assert_true(text_eq(buf_str(&out), STR(GET "\r\n")));
    buf_free(&out);
    http_fields_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_become_a_head),
        cmocka_unit_test(test_too_much_is_cut_but_never_to_a_legal_head),
        cmocka_unit_test(test_answer_head_becomes_fields),
        cmocka_unit_test(test_cleared_fields_are_as_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
