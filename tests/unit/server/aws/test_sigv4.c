#include "server/aws/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/sigv4_vectors.h"

#define COUNT_OF(a) (sizeof(a) / sizeof *(a))

#define AKID         "AKIDEXAMPLE"
#define SECRET       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define DATE         "20260115T120000Z"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct buf canonical, names, authorization;

static int begin(void **state)
{
    (void)state;
    buf_init(&canonical, 65536);
    buf_init(&names, 65536);
    buf_init(&authorization, 65536);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_free(&canonical);
    buf_free(&names);
    buf_free(&authorization);
    return 0;
}

static void assert_text(const char *name, struct str got, struct str want)
{
    if (!text_eq(got, want))
        fail_msg("%s: got '%.*s', want '%.*s'", name, STR_ARG(got), STR_ARG(want));
}

static struct sigv4_request request(struct str path, struct str query,
                                    const struct sigv4_header *headers, size_t count)
{
    struct sigv4_request r = {.method = STR("POST"),
                              .path = path,
                              .query = query,
                              .headers = headers,
                              .header_count = count};
    memcpy(r.body_sha256, EMPTY_SHA256, sizeof r.body_sha256);
    return r;
}

/* --- published and cross-checked vectors --- */

static struct str given_or(struct str given, struct str otherwise)
{
    return given.n > 0 ? given : otherwise;
}

static size_t vector_headers(const struct vector *v, struct sigv4_header out[8])
{
    const struct sigv4_header all[] = {
        {STR("Host"), given_or(v->host, BEDROCK_HOST)},
        {STR("X-Amz-Target"), v->target},
        {STR("User-Agent"), STR("never/1.0")},
        {STR("Content-Type"), given_or(v->content_type, JSON_TYPE)},
        {STR("X-Amz-Security-Token"), v->token},
        {STR("x-amz-content-sha256"), v->content_sha256},
        {STR("X-Amz-Date"), STR(DATE)},
        {STR("Accept"), v->no_accept ? STR("") : JSON_TYPE},
    };
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i].value.n > 0)
            out[n++] = all[i];
    return n;
}

static void check_vector(const struct vector *v)
{
    struct err err = {0};
    struct buf path;
    buf_init(&path, 8192);
    if (v->model.n == 0)
        buf_put_str(&path, v->suffix);
    else if (sigv4_model_path(v->model, given_or(v->suffix, STR("/invoke")), &path, &err) !=
             STATUS_OK)
        fail_msg("%s: %s", v->name, err.text);

    struct sigv4_header headers[8];
    struct sigv4_request r = request(buf_str(&path), STR(""), headers, vector_headers(v, headers));
    struct str body = given_or(v->body, STR("{}"));
    sha256_hex(body.p, body.n, r.body_sha256);
    buf_clear(&canonical);
    buf_clear(&names);
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, &err), STATUS_OK);
    char hash[2 * SHA256_SIZE];
    sha256_hex(buf_data(&canonical), buf_len(&canonical), hash);
    assert_text(v->name, (struct str){hash, sizeof hash}, v->canonical_sha256);

    struct sigv4_scope scope = {"20260115", STR("us-west-2"), given_or(v->service, STR("bedrock"))};
    uint8_t key[SHA256_SIZE];
    sigv4_key(STR(SECRET), &scope, key);
    buf_clear(&authorization);
    assert_int_equal(
        sigv4_sign(&r, &scope, key, STR(AKID), STR(DATE), &canonical, &authorization, &err),
        STATUS_OK);
    char want[600];
    int n = snprintf(want, sizeof want,
                     "AWS4-HMAC-SHA256 Credential=" AKID "/20260115/us-west-2/%.*s/aws4_request, "
                     "SignedHeaders=%.*s, Signature=%.*s",
                     STR_ARG(scope.service), STR_ARG(buf_str(&names)), STR_ARG(v->signature));
    assert_text(v->name, buf_str(&authorization), (struct str){want, (size_t)n});
    buf_free(&path);
}

static void test_sign_vectors_agree_with_botocore(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        check_vector(&vectors[i]);
}

static void test_sign_appends_to_what_is_there(void **state)
{
    (void)state;
    const struct sigv4_header headers[] = {{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}};
    struct sigv4_request r = request(STR("/"), STR(""), headers, 2);
    struct sigv4_scope scope = {"20260115", STR("us-west-2"), STR("sts")};
    uint8_t key[SHA256_SIZE] = {0};
    BUF_LIT(&authorization, "Authorization: ");
    assert_int_equal(
        sigv4_sign(&r, &scope, key, STR(AKID), STR(DATE), &canonical, &authorization, NULL),
        STATUS_OK);
    assert_true(
        text_starts(buf_str(&authorization), STR("Authorization: AWS4-HMAC-SHA256 Credential=")));
}

static void test_key_of_known_scopes(void **state)
{
    (void)state;
    static const struct {
        struct sigv4_scope scope;
        struct str hex;
    } rows[] = {
        {{"20150830", STR("us-east-1"), STR("iam")}, /* from the AWS documentation */
         STR("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9")},
        {{"20260115", STR("us-west-2"), STR("bedrock")},
         STR("b21e3ec2c4ce408e408cecf1d4fb54dbc1edcd52023644a32765c2b2bd12979f")},
        {{"20260115", STR("us-west-2"), STR("dynamodb")},
         STR("807aabb8e6bf3a96ac984c3c01c0b141b77377d4aa8a7a74e1d9a22cff005eb4")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t key[SHA256_SIZE];
        char hex[2 * SHA256_SIZE];
        sigv4_key(STR(SECRET), &rows[i].scope, key);
        text_hex(key, sizeof key, hex);
        assert_text(rows[i].scope.service.p, (struct str){hex, sizeof hex}, rows[i].hex);
    }
}

/* smithy-rs "double-url-encode", with the hash and signature of its own files. */
static void test_sign_encoded_arn_in_path_is_encoded_again(void **state)
{
    (void)state;
    const struct sigv4_header headers[] = {{STR("host"), STR("lambda.us-east-2.amazonaws.com")},
                                           {STR("x-amz-date"), STR("20210511T154045Z")}};
    struct sigv4_request r = request(
        STR("/2015-03-31/functions/"
            "arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun/invocations"),
        STR(""), headers, 2);
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, NULL), STATUS_OK);
    char hash[2 * SHA256_SIZE];
    sha256_hex(buf_data(&canonical), buf_len(&canonical), hash);
    assert_text("hash", (struct str){hash, sizeof hash},
                STR("684dbb3c92a8b6b1e452e23e523c1ea941c713a4c13500bb9f3bdad1e19afaf7"));
    struct sigv4_scope scope = {"20210511", STR("us-east-2"), STR("lambda")};
    uint8_t key[SHA256_SIZE];
    sigv4_key(STR(SECRET), &scope, key);
    assert_int_equal(sigv4_sign(&r, &scope, key, STR(AKID), STR("20210511T154045Z"), &canonical,
                                &authorization, NULL),
                     STATUS_OK);
    assert_true(text_ends(buf_str(&authorization),
                          STR("4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804")));
}

/* --- canonical request by parts --- */

/* Line `index` (from 0) of the canonical request for the given parts. */
static struct str canonical_line(size_t index, struct str path, struct str query)
{
    static const struct sigv4_header headers[] = {{STR("host"), STR("h")},
                                                  {STR("x-amz-date"), STR(DATE)}};
    struct sigv4_request r = request(path, query, headers, 2);
    struct err err = {0};
    buf_clear(&canonical);
    buf_clear(&names);
    if (sigv4_canonical(&r, &canonical, &names, &err) != STATUS_OK)
        fail_msg("%.*s?%.*s: %s", STR_ARG(path), STR_ARG(query), err.text);
    struct str rest = buf_str(&canonical);
    struct str line = {0};
    for (size_t i = 0; i <= index; i++)
        text_split(&rest, '\n', &line);
    return line;
}

static void test_canonical_path_is_normalised_and_encoded_again(void **state)
{
    (void)state;
    static const struct {
        struct str in, out;
    } rows[] = {
        {STR("/"), STR("/")},
        {STR(""), STR("/")},
        {STR("//"), STR("/")},
        {STR("//example//"), STR("/example/")},
        {STR("/example/.."), STR("/")},
        {STR("/example1/example2/../.."), STR("/")},
        {STR("/../../a"), STR("/a")},
        {STR("/a/b/../c"), STR("/a/c")},
        {STR("/a/../b/"), STR("/b/")},
        {STR("/a/../"), STR("/")},
        {STR("/./example"), STR("/example")},
        {STR("/a/."), STR("/a")},
        {STR("/./"), STR("/")},
        {STR("/example space/"), STR("/example%20space/")},
        {STR("/\xe1\x88\xb4"), STR("/%E1%88%B4")},
        {STR("/a%3Ab"), STR("/a%253Ab")},
        {STR("/a%2Fb/.."), STR("/")},
        {STR("/a:b"), STR("/a%3Ab")},
        {STR("/%2e%2e/a"), STR("/%252e%252e/a")},
        {STR("/-._~0aZ"), STR("/-._~0aZ")},
        {STR("/.../..a"), STR("/.../..a")},
        {STR("/test/@connections/JBDvjfGEIAMCERw%3D"), /* smithy-rs "double-encode-path" */
         STR("/test/%40connections/JBDvjfGEIAMCERw%253D")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_text(rows[i].in.p, canonical_line(1, rows[i].in, STR("")), rows[i].out);
}

static void test_canonical_query_is_sorted_and_encoded_once(void **state)
{
    (void)state;
    static const struct {
        struct str in, out;
    } rows[] = {
        {STR(""), STR("")},
        {STR("b=2&a=1"), STR("a=1&b=2")},
        {STR("a=2&a=1&a"), STR("a=&a=1&a=2")},
        {STR("a-b=1&a=2"), STR("a=2&a-b=1")}, /* by key, not by "key=value" */
        {STR("Param=1&param=2"), STR("Param=1&param=2")},
        {STR("k=a%20b"), STR("k=a%20b")},
        {STR("k=a b"), STR("k=a%20b")},
        {STR("%6b=%41%2f/"), STR("k=A%2F%2F")},
        {STR("c+d"), STR("c%2Bd=")}, /* smithy-rs "get-query-plus" */
        {STR("a=b=c"), STR("a=b%3Dc")},
        {STR("&&a=1&"), STR("a=1")},
        {STR("=x"), STR("=x")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_text(rows[i].in.p, canonical_line(2, STR("/"), rows[i].in), rows[i].out);
}

static void test_canonical_headers_are_sorted_trimmed_joined_and_skipped(void **state)
{
    (void)state;
    const struct sigv4_header headers[] = {
        {STR("X-Amz-Date"), STR(DATE)},
        {STR("My-Header1"), STR("  value2  ")},
        {STR("Host"), STR("example.amazonaws.com")},
        {STR("my-header1"), STR("value2 \t x")},
        {STR("MY-HEADER1"), STR("\"a   b\r\n  c\"")},
        {STR("A-Empty"), STR("   ")},
        {STR("my-header"), STR("prefix sorts first")},
        {STR("Expect"), STR("100-continue")},
        {STR("Transfer-Encoding"), STR("chunked")},
        {STR("User-Agent"), STR("curl")},
        {STR("X-Amzn-Trace-Id"), STR("Root=1")},
        {STR("Connection"), STR("close")},
        {STR("Keep-Alive"), STR("1")},
        {STR("Proxy-Authenticate"), STR("x")},
        {STR("Proxy-Authorization"), STR("x")},
        {STR("TE"), STR("trailers")},
        {STR("Trailer"), STR("x")},
        {STR("Upgrade"), STR("h2c")},
        {STR("Sec-WebSocket-Key"), STR("x")},
        {STR("Cache-Control"), STR("no-cache")},
    };
    struct sigv4_request r = request(STR("/"), STR(""), headers, COUNT_OF(headers));
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, NULL), STATUS_OK);
    assert_text("names", buf_str(&names), STR("a-empty;host;my-header;my-header1;x-amz-date"));
    assert_text("request", buf_str(&canonical),
                STR("POST\n/\n\n"
                    "a-empty:\n"
                    "host:example.amazonaws.com\n"
                    "my-header:prefix sorts first\n"
                    "my-header1:value2,value2 x,\"a b c\"\n"
                    "x-amz-date:" DATE "\n"
                    "\n"
                    "a-empty;host;my-header;my-header1;x-amz-date\n" EMPTY_SHA256));
}

/* --- refusals --- */

static void test_canonical_unsignable_request_is_refused(void **state)
{
    (void)state;
    static const struct {
        struct sigv4_header headers[3];
        struct str query;
    } rows[] = {
        {{{STR("host"), STR("h")},
          {STR("x-amz-date"), STR(DATE)},
          {STR("Authorization"), STR("x")}},
         STR("")},
        {{{STR("host"), STR("h")},
          {STR("x-amz-date"), STR(DATE)},
          {STR("X-Amz-Signature"), STR("x")}},
         STR("")},
        {{{STR("host"), STR("h")},
          {STR("x-amz-date"), STR(DATE)},
          {STR("X-Amz-Credential"), STR("x")}},
         STR("")},
        {{{STR("host"), STR("h")},
          {STR("x-amz-date"), STR(DATE)},
          {STR("x-amz-algorithm"), STR("x")}},
         STR("")},
        {{{STR("host"), STR("h")},
          {STR("x-amz-date"), STR(DATE)},
          {STR("X-Amz-SignedHeaders"), STR("x")}},
         STR("")},
        {{{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}, {STR("X-Amz-Date"), STR(DATE)}},
         STR("")},
        {{{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}, {STR("Host"), STR("other")}},
         STR("")},
        {{{STR("host"), STR("h")}, {STR("accept"), STR("x")}, {STR("a"), STR("x")}}, STR("")},
        {{{STR("a"), STR("h")}, {STR("x-amz-date"), STR(DATE)}, {STR("b"), STR("x")}}, STR("")},
        {{{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}, {STR("b"), STR("x")}},
         STR("X-Amz-Signature=0")},
        {{{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}, {STR("b"), STR("x")}},
         STR("a=%zz")},
        {{{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}, {STR("b"), STR("x")}},
         STR("%4=a")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct sigv4_request r = request(STR("/"), rows[i].query, rows[i].headers, 3);
        struct err err = {0};
        if (sigv4_canonical(&r, &canonical, &names, &err) != STATUS_INVALID || err.text[0] == '\0')
            fail_msg("row %zu was not refused", i);
    }
}

static void test_canonical_more_than_the_maximum_is_refused(void **state)
{
    (void)state;
    struct sigv4_header headers[SIGV4_HEADERS_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        headers[i] = (struct sigv4_header){STR("x-a"), STR("v")};
    headers[0].name = STR("host");
    headers[1].name = STR("x-amz-date");
    struct sigv4_request r = request(STR("/"), STR(""), headers, SIGV4_HEADERS_MAX);
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, NULL), STATUS_OK);
    r.header_count = SIGV4_HEADERS_MAX + 1;
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, NULL), STATUS_INVALID);

    char query[66];
    for (size_t i = 0; i < 33; i++)
        memcpy(query + 2 * i, "a&", 2);
    r = request(STR("/"), (struct str){query, 63}, headers, 2);
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, NULL), STATUS_OK);
    r.query.n = 65;
    assert_int_equal(sigv4_canonical(&r, &canonical, &names, NULL), STATUS_INVALID);
}

/* The 1 January 2026 key must not sign a second later than its day. */
static void test_sign_key_of_another_day_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str header, amz_date;
        enum status want;
    } rows[] = {
        {"last second", STR("20260101T235959Z"), STR("20260101T235959Z"), STATUS_OK},
        {"next second", STR("20260102T000000Z"), STR("20260102T000000Z"), STATUS_INVALID},
        {"header of the next second", STR("20260102T000000Z"), STR("20260101T235959Z"),
         STATUS_INVALID},
        {"header of another second", STR("20260101T235958Z"), STR("20260101T235959Z"),
         STATUS_INVALID},
        {"cut", STR("20260101"), STR("20260101"), STATUS_INVALID},
    };
    struct sigv4_scope scope = {"20260101", STR("us-west-2"), STR("bedrock")};
    uint8_t key[SHA256_SIZE];
    sigv4_key(STR(SECRET), &scope, key);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct sigv4_header headers[] = {{STR("host"), STR("h")},
                                               {STR("x-amz-date"), rows[i].header}};
        struct sigv4_request r = request(STR("/"), STR(""), headers, 2);
        buf_clear(&authorization);
        enum status st = sigv4_sign(&r, &scope, key, STR(AKID), rows[i].amz_date, &canonical,
                                    &authorization, NULL);
        if (st != rows[i].want)
            fail_msg("%s: %s", rows[i].name, err_row(st)->name);
        assert_int_equal(buf_len(&authorization) > 0, st == STATUS_OK);
    }
}

static void test_key_differs_by_day(void **state)
{
    (void)state;
    struct sigv4_scope today = {"20260101", STR("us-west-2"), STR("bedrock")};
    struct sigv4_scope tomorrow = {"20260102", STR("us-west-2"), STR("bedrock")};
    uint8_t a[SHA256_SIZE], b[SHA256_SIZE];
    sigv4_key(STR(SECRET), &today, a);
    sigv4_key(STR(SECRET), &tomorrow, b);
    assert_memory_not_equal(a, b, SHA256_SIZE);
}

static void test_sign_refused_request_leaves_nothing_behind(void **state)
{
    (void)state;
    const struct sigv4_header headers[] = {{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}};
    struct sigv4_request r = request(STR("/"), STR("a=%"), headers, 2);
    struct sigv4_scope scope = {"20260115", STR("us-west-2"), STR("bedrock")};
    uint8_t key[SHA256_SIZE] = {0};
    BUF_LIT(&authorization, "before");
    assert_int_equal(
        sigv4_sign(&r, &scope, key, STR(AKID), STR(DATE), &canonical, &authorization, NULL),
        STATUS_INVALID);
    assert_text("kept", buf_str(&authorization), STR("before"));
}

static void test_sign_with_every_buffer_size_is_internal_until_it_fits(void **state)
{
    (void)state;
    const struct sigv4_header headers[] = {{STR("host"), STR("h")}, {STR("x-amz-date"), STR(DATE)}};
    struct sigv4_request r = request(STR("/a:b"), STR("k=v&j=w"), headers, 2);
    struct sigv4_scope scope = {"20260115", STR("us-west-2"), STR("bedrock")};
    uint8_t key[SHA256_SIZE] = {0};
    size_t first_ok[2] = {0, 0};
    for (size_t which = 0; which < 2; which++) {
        for (size_t max = 1; max < 400; max++) {
            struct buf scratch, out;
            buf_init(&scratch, which == 0 ? max : 4096);
            buf_init(&out, which == 1 ? max : 4096);
            enum status st =
                sigv4_sign(&r, &scope, key, STR(AKID), STR(DATE), &scratch, &out, NULL);
            if (st == STATUS_OK && first_ok[which] == 0)
                first_ok[which] = max;
            assert_int_equal(st, first_ok[which] == 0 ? STATUS_INTERNAL : STATUS_OK);
            buf_free(&scratch);
            buf_free(&out);
        }
        assert_in_range(first_ok[which], 100, 399);
    }
}

/* --- model path --- */

static void test_model_path_is_encoded_once(void **state)
{
    (void)state;
    static const struct {
        struct str id, suffix, out;
    } rows[] = {
        {STR("amazon.nova-pro-v1:0"), STR("/converse"),
         STR("/model/amazon.nova-pro-v1%3A0/converse")},
        {STR("a/b:c_d.e-f"), STR("/invoke"), STR("/model/a%2Fb%3Ac_d.e-f/invoke")},
        {STR("..."), STR("/invoke"), STR("/model/.../invoke")},
        {STR("../x"), STR("/invoke"), STR("/model/..%2Fx/invoke")},
        {STR("x"), STR(""), STR("/model/x")},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        buf_clear(&canonical);
        assert_int_equal(sigv4_model_path(rows[i].id, rows[i].suffix, &canonical, NULL), STATUS_OK);
        assert_text(rows[i].id.p, buf_str(&canonical), rows[i].out);
    }
}

static void test_model_path_bad_id_is_refused(void **state)
{
    (void)state;
    char id[2049];
    memset(id, 'a', sizeof id);
    assert_int_equal(sigv4_model_path((struct str){id, 2048}, STR("/invoke"), &canonical, NULL),
                     STATUS_OK);
    buf_clear(&canonical);
    const struct str rows[] = {
        STR(""),          STR("."),   STR(".."),   STR("a?b"),  STR("a#b"),
        STR("a%2Fb"),     STR("a b"), STR("a\0b"), STR("a\nb"), STR("a\\b"),
        STR("a\xc3\xa9"), STR("a@b"), STR("a~b"),  {id, 2049},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        if (sigv4_model_path(rows[i], STR("/invoke"), &canonical, &err) != STATUS_INVALID)
            fail_msg("row %zu was not refused", i);
        assert_int_equal(buf_len(&canonical), 0);
        assert_null(strstr(err.text, "a?b"));
    }
}

static void test_model_path_without_room_is_internal(void **state)
{
    (void)state;
    struct buf tiny;
    buf_init(&tiny, 10);
    assert_int_equal(sigv4_model_path(STR("model"), STR("/invoke"), &tiny, NULL), STATUS_INTERNAL);
    buf_free(&tiny);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sign_vectors_agree_with_botocore),
        TEST(test_sign_appends_to_what_is_there),
        TEST(test_key_of_known_scopes),
        TEST(test_sign_encoded_arn_in_path_is_encoded_again),
        TEST(test_canonical_path_is_normalised_and_encoded_again),
        TEST(test_canonical_query_is_sorted_and_encoded_once),
        TEST(test_canonical_headers_are_sorted_trimmed_joined_and_skipped),
        TEST(test_canonical_unsignable_request_is_refused),
        TEST(test_canonical_more_than_the_maximum_is_refused),
        TEST(test_sign_key_of_another_day_is_refused),
        TEST(test_key_differs_by_day),
        TEST(test_sign_refused_request_leaves_nothing_behind),
        TEST(test_sign_with_every_buffer_size_is_internal_until_it_fits),
        TEST(test_model_path_is_encoded_once),
        TEST(test_model_path_bad_id_is_refused),
        TEST(test_model_path_without_room_is_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
