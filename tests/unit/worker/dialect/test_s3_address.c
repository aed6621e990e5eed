#include "worker/dialect/s3_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "server/base/base64.h"

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 1000, .number_len = 100};

static struct err err;

/* What s3_address_check says of it; a body in which may_be sees none is never asked. */
static enum status check(struct str body, const char *buckets)
{
    struct scan s;
    struct arena *arena = arena_new((size_t)1 << 20);
    err = (struct err){.code = STATUS_OK};
    assert_int_equal(scan_parse(&s, arena, body, &limits, &err), STATUS_OK);
    enum status st = s3_address_check(&s, text_from(buckets), &err);
    if (st != STATUS_OK && !s3_address_may_be(body))
        fail_msg("not seen: %.*s", STR_ARG(body));
    arena_drop(arena);
    return st;
}

#define TURN(block)  "{\"messages\":[{\"role\":\"user\",\"content\":[" block "]}]}"
#define SOURCE       "\"source\":{\"s3Location\":{\"uri\":\"s3://b/k.png\"}}"
#define IMAGE        "{\"image\":{\"format\":\"png\"," SOURCE "}}"
#define RESULT(what) "{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[" what "]}}"

static void test_addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        TURN(IMAGE),
        TURN("{\"document\":{\"format\":\"pdf\",\"name\":\"n\"," SOURCE "}}"),
        TURN("{\"video\":{\"format\":\"mp4\"," SOURCE "}}"),
        TURN("{\"audio\":{\"format\":\"mp3\"," SOURCE "}}"),
        TURN(RESULT(IMAGE)),
        TURN(RESULT("{\"json\":{},\"video\":{" SOURCE "}}")),
        "{\"system\":[" IMAGE "]}",
        "{\"messages\":[],\"additionalModelRequestFields\":{\"x\":[" IMAGE "]}}",
        "{\"additionalModelRequestFields\":{\"messages\":[{\"content\":[" IMAGE "]}]}}",
        /* said twice: either may be read */
        "{\"messages\":[],\"messages\":[{\"content\":[" IMAGE "]}]}",
        TURN("{\"image\":{\"source\":{\"bytes\":\"\"}," SOURCE "}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\"x\",\"uri\":\"s3://b/k\"}}}}"),
        /* in other letters */
        TURN("{\"image\":{\"source\":{\"\\u00733Location\":{\"uri\":\"s3://b/k\"}}}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"ur\\u0069\":\"s\\u0033://b/k\"}}}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\"\\u00733://b/k\"}}}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\"\\u0073\\u0033\\u003a//b/k\"}}}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\"s3\\u003A\\/\\/b/k\"}}}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\"\\u00533\\u003a//b/k\"}}}}"),
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\" S3://b/k\"}}}}"),
        /* bodies of InvokeModel: of video and embedding models, of OpenAI's, of Nova's */
        "{\"mediaSource\":{\"s3Location\":{\"uri\":\"s3://b/k\",\"bucketOwner\":\"1\"}}}",
        "{\"singleEmbeddingParams\":{\"image\":{" SOURCE "}}}",
        "{\"input\":{\"toolUseId\":\"a\",\"name\":\"b\",\"input\":\"s3://b/k\"}}",
        TURN("{\"type\":\"image_url\",\"image_url\":{\"url\":\"s3://b/k\"}}"),
        TURN("{\"type\":\"image_url\",\"image_url\":\"s3://b/k\"}"),
        TURN("{\"type\":\"image\",\"source\":{\"type\":\"s3\",\"uri\":\"s3://b/k\"}}"),
        TURN("{\"type\":\"image\",\"source\":\"s3://b/k\"}"),
        "{\"images\":[\"s3://b/k\"]}",
        "{\"s3OutputDataConfig\":{\"s3Uri\":\"s3://b/k\"}}",
        "{\"video\":\"arn:aws:s3:::b/k\"}",
        TURN("{\"type\":\"document\",\"source\":{\"type\":\"s3\",\"data\":\"s3://b\"}}"),
        TURN("{\"type\":\"document\",\"source\":{\"type\":\"text\",\"type\":\"s3\",\"data\":\"s3://"
             "b\"}}"),
        "[{\"uri\":\"s3://b\"}]",
        "\"s3://b\"",
        "{\"source\":\"s3://b\",\"title\":\"t\"}",
        "{\"body\":\"s3://b\"}",
        "{\"additionalModelRequestFields\":{\"requestMetadata\":{\"uri\":\"s3://b\"}}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (check(text_from(rows[i]), "") != STATUS_PERMISSION ||
            check(text_from(rows[i]), "other,bb,b/other") != STATUS_PERMISSION)
            fail_msg("passes: %s", rows[i]);
        if (check(text_from(rows[i]), "*") != STATUS_OK ||
            check(text_from(rows[i]), "x, b ,y") != STATUS_OK)
            fail_msg("is refused: %s", rows[i]);
    }
}

static void test_words_and_what_goes_to_the_model_pass(void **state)
{
    static const char *const rows[] = {
        TURN("{\"text\":\"s3://b/k is what?\"}"),
        "{\"messages\":[{\"role\":\"user\",\"content\":\"s3://b/k\"}],\"system\":\"s3://b\"}",
        "{\"prompt\":\"s3://b\"}",
        "{\"inputText\":\"S3: how?\"}",
        "{\"texts\":[\"s3://b\"]}",
        TURN("{\"toolUse\":{\"toolUseId\":\"a\",\"name\":\"get\",\"input\":{" SOURCE "}}}"),
        TURN(
            "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"get\",\"input\":{\"uri\":\"s3://b\"}}"),
        TURN(RESULT("{\"json\":{\"s3Location\":{\"uri\":\"s3://b\"}}}")),
        TURN("{\"searchResult\":{\"title\":\"t\",\"source\":\"s3://b/k\",\"content\":[]}}"),
        TURN("{\"type\":\"document\",\"source\":{\"type\":\"text\",\"data\":\"s3://"
             "b\"},\"title\":\"s3://b\"}"),
        TURN("{\"type\":\"thinking\",\"thinking\":\"s3: hm\"}"),
        TURN("{\"type\":\"search_result\",\"title\":\"t\",\"source\":\"s3://b\",\"content\":[]}"),
        "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{"
        "\"properties\":{\"uri\":{\"default\":\"s3://b\"}}}}}}]}}",
        "{\"tools\":[{\"name\":\"n\",\"input_schema\":{\"x\":{\"default\":\"s3://b\"}}}]}",
        "{\"tools\":[{\"function\":{\"name\":\"n\",\"parameters\":{\"x\":{\"enum\":[\"s3://"
        "b\"]}}}}]}",
        TURN("{\"image\":{\"source\":{\"s3Location\":{\"uri\":\"https://s3.aws/b\"}}}}"),
        "{\"s3Location\":{\"type\":\"string\",\"description\":\"s3://bucket/key\"}}",
        "{\"requestMetadata\":{\"document\":\"s3://b/k.pdf\"}}",
        "{\"tools\":[{\"name\":\"n\",\"input_schema\":{},\"input_examples\":[{\"uri\":\"s3://"
        "b\"}]}]}",
        "{\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"const\":\"s3://"
        "b\"}}}}",
        "{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":"
        "{"
        "\"const\":\"s3://b\"}}}}",
        "{\"inputPrompt\":\"s3: how?\",\"textToImageParams\":{\"negativeText\":\"s3://b\"}}",
        TURN("{\"citationsContent\":{\"content\":[],\"citations\":[{\"source\":\"s3://b\","
             "\"sourceContent\":[{\"text\":\"x\"}]}]}}"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (check(text_from(rows[i]), "") != STATUS_OK)
            fail_msg("%s: %s", rows[i], err.text);
}

static void test_buckets_are_whole_names_or_prefixes(void **state)
{
    static const struct {
        const char *uri, *buckets;
        bool allowed;
    } rows[] = {
        {"s3://media/a/b.png", "media", true},
        {"s3://media", "media", true},
        {"s3://media-2/a", "media", false},
        {"s3://media/a/b", "media/a/", true},
        {"s3://media/ab", "media/a/", false},
        {"s3://media/ab", "media/a", true},
        {"s3://mediaa", "media/a", false},
        {"s3://x/media/a", "media", false},
        {"s3:media/a", "media", true},
        {"s3:///media/a", "media", true},
        {"arn:aws:s3:::media/a", "media", true},
        {"arn:aws:s3:::other/a", "media", false},
        {"s3://media/a", "one, media ,two", true},
        {"s3://", "media", false},
        {"s3://media/a", ",, ,", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"uri\":\"%s\"}", rows[i].uri);
        if ((check(text_from(body), rows[i].buckets) == STATUS_OK) != rows[i].allowed)
            fail_msg("%s in %s", rows[i].uri, rows[i].buckets);
    }
}

/* CountTokens has InvokeModel's body in base64. */
static void test_body_in_base64_is_looked_into(void **state)
{
    static const struct {
        const char *json;
        enum status status;
    } rows[] = {
        {TURN(IMAGE), STATUS_PERMISSION},
        {TURN("{\"text\":\"s3://b\"}"), STATUS_OK},
        {"{\"uri\":\"s3:", STATUS_INVALID},
        {"no JSON", STATUS_OK},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char base64[1000], body[1200];
        struct scan s;
        size_t n = base64_encode((const uint8_t *)rows[i].json, strlen(rows[i].json), base64);
        snprintf(body, sizeof body, "{\"input\":{\"invokeModel\":{\"body\":\"%.*s\"}}}", (int)n,
                 base64);
        struct arena *arena = arena_new((size_t)1 << 20);
        assert_int_equal(scan_parse(&s, arena, text_from(body), &limits, &err), STATUS_OK);
        assert_int_equal(s3_address_check(&s, STR(""), &err), rows[i].status);
        arena_drop(arena);
    }
}

/* Who reads it there may be less strict than RFC 4648: lines, the other alphabet, no padding. */
static void test_base64_of_another_hand_is_read_too(void **state)
{
    static const char *const rows[] = {
        "eyJ1cmkiOiJzMzovL2IifQ==",        "eyJ1cmkiOiJzMzovL2IifQ",
        "eyJ1cmkiOiJz\\nMzovL2IifQ==",     " eyJ1cmkiOiJz\\r\\n MzovL2IifQ==\\n",
        "eyJ1cmkiOiJzMzovL2IifR==",        "eyJ1cmkiOiJzMzovL2I_In0",
        "eyJ1cmkiOiJzMzovL2IifQ==\\u00e4", "eyJ1cmkiOiJ!zMzovL2IifQ==",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[200];
        struct scan s;
        snprintf(body, sizeof body, "{\"input\":{\"invokeModel\":{\"body\":\"%s\"}}}", rows[i]);
        struct arena *arena = arena_new((size_t)1 << 20);
        assert_int_equal(scan_parse(&s, arena, text_from(body), &limits, &err), STATUS_OK);
        if (s3_address_check(&s, STR(""), &err) != STATUS_PERMISSION)
            fail_msg("passes: %s", rows[i]);
        arena_drop(arena);
    }
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* However often a name stands in an object: many times the work of reading it, not its square. */
static void test_a_name_that_stands_often_is_little_work(void **state)
{
    enum { TIMES = 30000, SIZE = TIMES * 10 + 100 };
    static const struct scan_limits many = {
        .depth = 128, .values = 100000, .keys = TIMES + 1, .number_len = 100};
    char *body = malloc(SIZE);
    assert_non_null(body);
    size_t n = (size_t)snprintf(body, SIZE, "{\"messages\":[{");
    (void)state;
    for (unsigned i = 0; i < TIMES; i++)
        n += (size_t)snprintf(body + n, SIZE - n, "\"input\":1,");
    n += (size_t)snprintf(body + n, SIZE - n, "\"name\":\"n\"}]}");
    struct arena *arena = arena_new((size_t)16 << 20);
    struct scan s;
    double begun = cpu_ms();
    assert_int_equal(scan_parse(&s, arena, (struct str){body, n}, &many, &err), STATUS_OK);
    double read = cpu_ms();
    assert_int_equal(s3_address_check(&s, STR(""), &err), STATUS_OK);
    double looked = cpu_ms();
    if (looked - read > 50 + 100 * (read - begun))
        fail_msg("%.1f ms to read it, %.1f ms to look at it", read - begun, looked - read);
    arena_drop(arena);
    free(body);
}

/* Most bodies are not read for it. */
static void test_bodies_without_are_passed_over(void **state)
{
    static const char *const rows[] = {
        "",         "3",
        "s3",       "33",
        "s3 ",      "class3, s3x, 12:33:05, 133:2",
        "AAs3BBs3", "\"3\\n\"",
        "0333",     "{\"text\":\"\\u00333\\u0073s3.\"}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (s3_address_may_be(text_from(rows[i])))
            fail_msg("%s", rows[i]);
    assert_true(s3_address_may_be((struct str){"s\0003\0:\000", 6}));
    assert_true(s3_address_may_be((struct str){"\000s\0003\000:", 6}));
    assert_false(s3_address_may_be((struct str){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_refused),
        cmocka_unit_test(test_words_and_what_goes_to_the_model_pass),
        cmocka_unit_test(test_buckets_are_whole_names_or_prefixes),
        cmocka_unit_test(test_body_in_base64_is_looked_into),
        cmocka_unit_test(test_base64_of_another_hand_is_read_too),
        cmocka_unit_test(test_a_name_that_stands_often_is_little_work),
        cmocka_unit_test(test_bodies_without_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
