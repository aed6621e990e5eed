/* The mock's signature check against vectors that botocore and a second signer agree on, and its
 * reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/mock/reader.c"
#include "tests/mock/verify.c"

#define NOW_MS   INT64_C(1768478400000) /* 2026-01-15T12:00:00Z */
#define SONNET   "/model/anthropic.claude-3-5-sonnet-20241022-v2"
#define ARN      "/model/arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3A"
#define AWS_HOST "bedrock-runtime.us-west-2.amazonaws.com"
#define V1       "10a0801a7171b9ddebadd80ccc5ec13014ff099d27b1d27541796c7c34fb528d"

struct signed_case {
    const char *name, *path, *host, *extra_names, *extra_headers, *signature;
    enum verify_status want;
    int64_t now_ms;
};

#define TOKEN_LINE "x-amz-security-token: SESSIONTOKENEXAMPLE\r\n"
#define HASH_LINE \
    "x-amz-content-sha256: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\r\n"

static const struct signed_case CASES[] = {
    {"V1 escaped colon", SONNET "%3A0/invoke", AWS_HOST, "", "", V1, VERIFY_OK, NOW_MS},
    {"V2 session token", SONNET "%3A0/invoke", AWS_HOST, ";x-amz-security-token", TOKEN_LINE,
     "94822720b5a64dcf5fe596463fb48a53d9bcc0a43606a2cadf13cd0240b53d3a", VERIFY_OK, NOW_MS},
    {"V3 application profile", ARN "application-inference-profile%2Fabcd1234efgh/invoke", AWS_HOST,
     "", "", "335ddfd94d4f220cf5bebb9c271eb292431df4ffe9784b7c410ed119f8b056aa", VERIFY_OK, NOW_MS},
    {"V4 inference profile",
     ARN "inference-profile%2Fus.anthropic.claude-sonnet-4-20250514-v1%3A0/invoke", AWS_HOST, "",
     "", "0b1cce01a3e2ef0d0b0c2c075ad4dcfbc0f65a7b67d53e3067b88aceabccf11a", VERIFY_OK, NOW_MS},
    {"V5 provisioned model", ARN "provisioned-model%2Fabcdefghij12/invoke", AWS_HOST, "", "",
     "9a8b3a0a451f26db694159ac96c9e8f6729ff766fc1ade7ac1cee49399257c8a", VERIFY_OK, NOW_MS},
    {"V6 raw colon", SONNET ":0/invoke", AWS_HOST, "", "",
     "7facbe74c6d962632f0e75a9f8086f02c106707efb2b4e929c0d65c54e5d3c23", VERIFY_OK, NOW_MS},
    {"V7 loopback port", SONNET "%3A0/invoke", "127.0.0.1:18080", "", "",
     "c5d524b609f8703b918cd19e13344c6b712052eeb4b3d2ed7ddd02acc7b34bcd", VERIFY_OK, NOW_MS},
    {"V8 converse-stream", "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse-stream",
     AWS_HOST, "", "", "ce9433a3c80d788f36575f7cffb3da952a5e10695237afde933218da29ac4810",
     VERIFY_OK, NOW_MS},
    {"V11 signed body hash", SONNET "%3A0/invoke", AWS_HOST, ";x-amz-content-sha256", HASH_LINE,
     "82761b0d6c054832fbe451d12f725ec75993ad9f20d5c87f6f09492c81e43068", VERIFY_OK, NOW_MS},
    {"signature of another path", SONNET ":0/invoke", AWS_HOST, "", "", V1, VERIFY_MISMATCH,
     NOW_MS},
    {"one digit changed", SONNET "%3A0/invoke", AWS_HOST, "", "",
     "00a0801a7171b9ddebadd80ccc5ec13014ff099d27b1d27541796c7c34fb528d", VERIFY_MISMATCH, NOW_MS},
    {"299 s late", SONNET "%3A0/invoke", AWS_HOST, "", "", V1, VERIFY_OK, NOW_MS + 299000},
    {"301 s late", SONNET "%3A0/invoke", AWS_HOST, "", "", V1, VERIFY_STALE, NOW_MS + 301000},
    {"301 s early", SONNET "%3A0/invoke", AWS_HOST, "", "", V1, VERIFY_STALE, NOW_MS - 301000},
    {"unsigned x-amz header", SONNET "%3A0/invoke", AWS_HOST, "", "x-amz-extra: 1\r\n", V1,
     VERIFY_UNSIGNED_HEADER, NOW_MS},
    {"token that is not the key's", SONNET "%3A0/invoke", AWS_HOST, ";x-amz-security-token",
     "x-amz-security-token: another\r\n", V1, VERIFY_BAD_TOKEN, NOW_MS},
    {"signed header missing", SONNET "%3A0/invoke", AWS_HOST, ";x-amz-target", "", V1,
     VERIFY_MISMATCH, NOW_MS},
};

static enum verify_status verify_text(const char *text, const char *token, int64_t now_ms)
{
    struct request r;
    struct verify_result result;
    struct buf decoded, scratch;
    size_t used;
    buf_init(&decoded, 1 << 20);
    buf_init(&scratch, 1 << 20);
    const struct verify_key keys[] = {
        {STR("AKIDOTHER"), STR("x"), STR("")},
        {STR("AKIDEXAMPLE"), STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), text_from(token)}};
    assert_int_equal(reader_parse(text_from(text), &decoded, &r, &used), READER_DONE);
    assert_int_equal(used, strlen(text));
    enum verify_status status =
        verify_request(&r, keys, 2, STR("bedrock"), now_ms, &scratch, &result);
    assert_int_equal(result.status, status);
    buf_free(&decoded);
    buf_free(&scratch);
    return status;
}

static void test_verify_vectors_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct signed_case *c = &CASES[i];
        char text[2048];
        bool hash = strstr(c->extra_names, "content-sha256") != NULL; /* sorts before x-amz-date */
        snprintf(text, sizeof text,
                 "POST %s HTTP/1.1\r\nhost: %s\r\naccept: application/json\r\ncontent-type: "
                 "application/json\r\n"
                 "x-amz-date: 20260115T120000Z\r\n%scontent-length: 2\r\n"
                 "authorization: AWS4-HMAC-SHA256 "
                 "Credential=AKIDEXAMPLE/20260115/us-west-2/bedrock/aws4_request, "
                 "SignedHeaders=accept;content-type;host%s;x-amz-date%s, Signature=%s\r\n\r\n{}",
                 c->path, c->host, c->extra_headers, hash ? c->extra_names : "",
                 hash ? "" : c->extra_names, c->signature);
        const char *token =
            strstr(c->name, "session") || strstr(c->name, "token") ? "SESSIONTOKENEXAMPLE" : "";
        enum verify_status got = verify_text(text, token, c->now_ms);
        if (got != c->want)
            fail_msg("%s: got %d, want %d", c->name, (int)got, (int)c->want);
    }
}

static void test_verify_headers_bad_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *authorization;
        enum verify_status want;
    } BAD[] = {
        {"none", "", VERIFY_MISSING},
        {"basic", "authorization: Basic eA==\r\n", VERIFY_INCOMPLETE},
        {"no signature",
         "authorization: AWS4-HMAC-SHA256 Credential=A/b/c/d/aws4_request, SignedHeaders=host\r\n",
         VERIFY_INCOMPLETE},
        {"unknown key",
         "authorization: AWS4-HMAC-SHA256 "
         "Credential=NOBODY/20260115/us-west-2/bedrock/aws4_request, SignedHeaders=host, "
         "Signature=" V1 "\r\n",
         VERIFY_UNKNOWN_KEY},
        {"wrong service",
         "authorization: AWS4-HMAC-SHA256 "
         "Credential=AKIDEXAMPLE/20260115/us-west-2/bedrock-runtime/aws4_request, "
         "SignedHeaders=host, Signature=" V1 "\r\n",
         VERIFY_BAD_SCOPE},
        {"region form",
         "authorization: AWS4-HMAC-SHA256 "
         "Credential=AKIDEXAMPLE/20260115/uswest2/bedrock/aws4_request, SignedHeaders=host, "
         "Signature=" V1 "\r\n",
         VERIFY_BAD_SCOPE},
        {"scope of another day",
         "authorization: AWS4-HMAC-SHA256 "
         "Credential=AKIDEXAMPLE/20260114/us-west-2/bedrock/aws4_request, SignedHeaders=host, "
         "Signature=" V1 "\r\n",
         VERIFY_BAD_SCOPE},
        {"date not signed",
         "authorization: AWS4-HMAC-SHA256 "
         "Credential=AKIDEXAMPLE/20260115/us-west-2/bedrock/aws4_request, SignedHeaders=host, "
         "Signature=" V1 "\r\n",
         VERIFY_UNSIGNED_HEADER},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        char text[1024];
        snprintf(
            text, sizeof text,
            "POST /model/x/invoke HTTP/1.1\r\nhost: x\r\nx-amz-date: 20260115T120000Z\r\n%s\r\n",
            BAD[i].authorization);
        enum verify_status got = verify_text(text, "", NOW_MS);
        if (got != BAD[i].want)
            fail_msg("%s: got %d, want %d", BAD[i].name, (int)got, (int)BAD[i].want);
    }
}

static void test_reader_requests_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        enum reader_status want;
        const char *body;
    } READ[] = {
        {"no body", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", READER_DONE, ""},
        {"length", "POST /x?y=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", READER_DONE,
         "abc"},
        {"chunks",
         "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
         "chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
         READER_DONE, "abc0123456789"},
        {"half a head", "GET /health HTTP/1.1\r\nHo", READER_HEAD, NULL},
        {"half a body", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nab", READER_BODY,
         NULL},
        {"half a chunk", "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
         READER_BODY, NULL},
        {"no last chunk",
         "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
         READER_BODY, NULL},
        {"length and chunks",
         "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
         "chunked\r\n\r\nabc",
         READER_BAD, NULL},
        {"two lengths",
         "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
         READER_BAD, NULL},
        {"no host", "GET / HTTP/1.1\r\nA: x\r\n\r\n", READER_BAD, NULL},
        {"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", READER_BAD, NULL},
        {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\n\r\n", READER_BAD, NULL},
        {"folded header", "GET / HTTP/1.1\r\nHost: x\r\n b: c\r\n\r\n", READER_BAD, NULL},
        {"blank before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", READER_BAD, NULL},
        {"absolute target", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", READER_BAD, NULL},
        {"chunk size letters",
         "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", READER_BAD,
         NULL},
    };
    struct buf decoded;
    buf_init(&decoded, 1 << 20);
    for (size_t i = 0; i < sizeof READ / sizeof READ[0]; i++) {
        struct request r;
        size_t used;
        enum reader_status got = reader_parse(text_from(READ[i].text), &decoded, &r, &used);
        bool fits =
            got == READ[i].want && (!READ[i].body || text_eq(r.body, text_from(READ[i].body)));
        if (!fits)
            fail_msg("%s: got %d, want %d", READ[i].name, (int)got, (int)READ[i].want);
    }
    buf_free(&decoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_vectors_match),
        cmocka_unit_test(test_verify_headers_bad_refused),
        cmocka_unit_test(test_reader_requests_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
