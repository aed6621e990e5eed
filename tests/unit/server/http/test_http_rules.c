#include "server/http/http_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_request_line_any_gives_expected(void **state)
{
    (void)state;
    static const struct {
        struct str line;
        enum status status;
        const char *target;
    } table[] = {
        {STR("GET / HTTP/1.1"), STATUS_OK, "/"},
        {STR("PUT /a?b HTTP/1.0"), STATUS_OK, "/a?b"},
        {STR("GET / HTTP/2.0"), STATUS_HTTP_VERSION, "/"},
        {STR("GET / HTTP/1.2"), STATUS_HTTP_VERSION, "/"},
        {STR("GET / HTTPS/1.1"), STATUS_INVALID, "/"},
        {STR("CONNECT a:1 HTTP/1.1"), STATUS_INVALID, "a:1"},
        {STR("GET /#a HTTP/1.1"), STATUS_INVALID, "/#a"},
        {STR("GET * HTTP/1.1"), STATUS_INVALID, "*"},
        {STR("OPTIONS * HTTP/1.1"), STATUS_OK, "*"},
        {STR("GET / HTTP/1.1 "), STATUS_INVALID, "/"},
        {STR("GET"), STATUS_INVALID, ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_request r = {0};
        struct err err;
        if (http_rules_request_line(table[i].line, &r, &err) != table[i].status ||
            !text_eq(r.target, text_from(table[i].target)))
            fail_msg("%.*s: target %.*s", STR_ARG(table[i].line), STR_ARG(r.target));
    }
}

static void test_header_any_is_split_or_refused(void **state)
{
    (void)state;
    static const struct {
        struct str line;
        const char *name, *value; /* NULL: refused */
    } table[] = {
        {STR("a: b"), "a", "b"},      {STR("a:b"), "a", "b"},        {STR("a:"), "a", ""},
        {STR("a:\t b \t"), "a", "b"}, {STR("a: b: c"), "a", "b: c"}, {STR("a : b"), NULL, NULL},
        {STR(" a: b"), NULL, NULL},   {STR("\ta: b"), NULL, NULL},   {STR(": b"), NULL, NULL},
        {STR("ab"), NULL, NULL},      {STR("a(b): c"), NULL, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_header h = {0};
        struct err err;
        bool legal = http_rules_header(table[i].line, &h, &err) == STATUS_OK;
        bool good = legal ? table[i].name && text_eq(h.name, text_from(table[i].name)) &&
                                text_eq(h.value, text_from(table[i].value))
                          : !table[i].name;
        if (!good)
            fail_msg("\"%.*s\"", STR_ARG(table[i].line));
    }
}

static void test_host_any_is_judged(void **state)
{
    (void)state;
    static const struct {
        struct str host;
        bool legal;
    } table[] = {
        {STR("a"), true},     {STR("a.b-c.example"), true},  {STR("127.0.0.1:80"), true},
        {STR("[::1]"), true}, {STR("[fe80::1]:8000"), true}, {STR("a:"), true},
        {STR(""), false},     {STR(":80"), false},           {STR("a:x"), false},
        {STR("[]"), false},   {STR("[::1"), false},          {STR("[::1]a"), false},
        {STR("a@b"), false},  {STR("a/b"), false},           {STR("a,b"), false},
        {STR("a b"), false},  {STR("a:123456"), false},      {STR("a?b"), false},
        {STR("a\0b"), false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct http_request r = {.minor = 1};
        struct http_header h = {STR("HOST"), table[i].host};
        struct err err;
        unsigned seen = 0;
        if ((http_rules_meaning(&h, &r, &seen, &err) == STATUS_OK) != table[i].legal)
            fail_msg("host \"%.*s\"", STR_ARG(table[i].host));
    }
}

static void test_single_header_twice_is_refused(void **state)
{
    (void)state;
    static const struct http_header twice[] = {
        {STR("Host"), STR("x")},
        {STR("content-length"), STR("1")},
        {STR("Expect"), STR("100-continue")},
        {STR("CONTENT-TYPE"), STR("a/b")},
        {STR("Authorization"), STR("a")},
        {STR("X-Api-Key"), STR("a")},
        {STR("transfer-encoding"), STR("chunked")},
    };
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        struct http_request r = {.minor = 1};
        struct err err;
        unsigned seen = 0;
        assert_int_equal(http_rules_meaning(&twice[i], &r, &seen, &err), STATUS_OK);
        assert_int_equal(http_rules_meaning(&twice[i], &r, &seen, &err), STATUS_INVALID);
    }
    struct http_request r = {.minor = 1};
    struct http_header other = {STR("Accept"), STR("a")};
    struct err err;
    unsigned seen = 0;
    for (int i = 0; i < 2; i++)
        assert_int_equal(http_rules_meaning(&other, &r, &seen, &err), STATUS_OK);
}

static void test_secret_names_are_known(void **state)
{
    (void)state;
    static const char *const secret[] = {"Authorization",       "x-api-key",
                                         "X-My-KEY-2",          "Cookie",
                                         "proxy-authorization", "x-amz-security-token"};
    static const char *const open[] = {"accept",     "anthropic-version", "anthropic-beta",
                                       "user-agent", "content-type",      "x-request-id"};
    for (size_t i = 0; i < 6; i++) {
        if (!http_rules_secret(text_from(secret[i])))
            fail_msg("%s", secret[i]);
        if (http_rules_secret(text_from(open[i])))
            fail_msg("%s", open[i]);
    }
}

/* Whatever stands around it, and wherever the bytes were cut. */
static void test_bytes_any_at_any_place_is_judged(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 24; at++) {
            char line[25] = "abcdefgh\t\xff\x80~ !@[`{ijkl\r\n";
            bool good = (c >= ' ' && c != 0x7f) || c == '\t';
            line[at] = (char)c;
            for (size_t cut = 0; cut < sizeof line - 1; cut++) {
                char last = cut > 0 ? line[cut - 1] : 0;
                bool legal = http_rules_bytes(0, line, cut) &&
                             http_rules_bytes(last, line + cut, sizeof line - 1 - cut);
                bool wanted = at == 22 ? c == '\r' : at == 23 ? c == '\n' : good;
                if (legal != wanted) {
                    fail_msg("byte %d at %zu, cut at %zu", c, at, cut);
                }
            }
        }
    }
}

static void test_trailer_that_frames_is_refused(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(http_rules_trailer(STR("x-sum: 1"), &err), STATUS_OK);
    assert_int_equal(http_rules_trailer(STR("Content-LENGTH: 1"), &err), STATUS_INVALID);
    assert_int_equal(http_rules_trailer(STR("host: a"), &err), STATUS_INVALID);
    assert_int_equal(http_rules_trailer(STR(" folded"), &err), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_line_any_gives_expected),
        cmocka_unit_test(test_header_any_is_split_or_refused),
        cmocka_unit_test(test_host_any_is_judged),
        cmocka_unit_test(test_single_header_twice_is_refused),
        cmocka_unit_test(test_secret_names_are_known),
        cmocka_unit_test(test_bytes_any_at_any_place_is_judged),
        cmocka_unit_test(test_trailer_that_frames_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
