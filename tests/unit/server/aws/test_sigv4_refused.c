#include "server/aws/sigv4.h"

#include "tests/unit/sigv4_case.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
