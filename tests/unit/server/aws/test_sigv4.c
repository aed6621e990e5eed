#include "server/aws/sigv4.h"

#include "tests/unit/sigv4_case.h"
#include "tests/unit/sigv4_vectors.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
