#include "server/dynamo/dynamo_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void test_value_type_and_text(void **state)
{
    (void)state;
    static const struct {
        const char *item;
        enum dynamo_type type;
        const char *text;
    } rows[] = {
        {"{\"a\":{\"S\":\"x\"}}", DYNAMO_TYPE_S, "x"},
        {"{\"a\":{\"S\":\"\"}}", DYNAMO_TYPE_S, ""},
        {"{\"a\":{\"N\":\"9007199254740993\"}}", DYNAMO_TYPE_N, "9007199254740993"},
        {"{\"a\":{\"BOOL\":true}}", DYNAMO_TYPE_BOOL, "true"},
        {"{\"a\":{\"BOOL\":false}}", DYNAMO_TYPE_BOOL, "false"},
        {"{\"a\":{\"NULL\":true}}", DYNAMO_TYPE_ABSENT, ""},
        {"{\"b\":{\"S\":\"x\"}}", DYNAMO_TYPE_ABSENT, ""},
        {"{\"a\":{\"M\":{}}}", DYNAMO_TYPE_OTHER, ""},
        {"{\"a\":{\"B\":\"eA==\"}}", DYNAMO_TYPE_OTHER, NULL},
        {"{\"a\":{\"S\":1}}", DYNAMO_TYPE_OTHER, ""},
        {"{\"a\":{\"N\":1}}", DYNAMO_TYPE_OTHER, ""},
        {"{\"a\":{\"BOOL\":\"true\"}}", DYNAMO_TYPE_OTHER, NULL},
        {"{\"a\":{\"S\":\"x\",\"N\":\"1\"}}", DYNAMO_TYPE_OTHER, ""},
        {"{\"a\":{}}", DYNAMO_TYPE_OTHER, ""},
        {"{\"a\":\"x\"}", DYNAMO_TYPE_OTHER, ""},
        {"[]", DYNAMO_TYPE_ABSENT, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err;
        struct str text;
        struct cJSON *doc = json_parse(text_from(rows[i].item), &err);
        enum dynamo_type type = dynamo_value(doc, "a", &text);
        if (type != rows[i].type || (rows[i].text && !text_eq(text, text_from(rows[i].text)))) {
            fail_msg("%s: type %d, text \"%.*s\"", rows[i].item, (int)type, STR_ARG(text));
        }
        json_free(doc);
    }
}

static void test_number_is_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned scale;
        bool ok;
        int64_t value;
        bool exact;
    } rows[] = {
        {"0", 0, true, 0, true},
        {"100", 0, true, 100, true},
        {"-7", 0, true, -7, true},
        {"+7", 0, true, 7, true},
        {"007", 0, true, 7, true},
        {"1E3", 0, true, 1000, true},
        {"1.5e+2", 0, true, 150, true},
        {"1500E-1", 0, true, 150, true},
        {"100.0", 0, true, 100, true},
        {"100.5", 0, true, 100, false},
        {"0.05", 0, true, 0, false},
        {"0.000", 0, true, 0, true},
        {"9007199254740993", 0, true, 9007199254740993, true},
        {"9223372036854775807", 0, true, INT64_MAX, true},
        {"9223372036854775808", 0, false, 0, false},
        {"1E30", 0, false, 0, false},
        {"1E-30", 0, true, 0, false},
        {"12.5", 6, true, 12500000, true},
        {".5", 6, true, 500000, true},
        {"0.0000019", 6, true, 1, false},
        {"0.000001", 6, true, 1, true},
        {"-0.50", 2, true, -50, true},
        {"12345678901234567890123456789012345678", 0, false, 0, false},
        {"0.12345678901234567890123456789012345678", 6, true, 123456, false},
        {"", 0, false, 0, false},
        {"-", 0, false, 0, false},
        {".", 0, false, 0, false},
        {"1.2.3", 0, false, 0, false},
        {"1E", 0, false, 0, false},
        {"E5", 0, false, 0, false},
        {"1E99999", 0, false, 0, false},
        {"NaN", 0, false, 0, false},
        {" 1", 0, false, 0, false},
        {"0x10", 0, false, 0, false},
        {"1111111111111111111111111111111111111111111111111", 0, false, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value;
        bool exact;
        bool ok = dynamo_value_number(text_from(rows[i].text), rows[i].scale, &value, &exact);
        if (ok != rows[i].ok || (ok && (value != rows[i].value || exact != rows[i].exact))) {
            fail_msg("\"%s\": %d %lld %d", rows[i].text, ok, (long long)value, exact);
        }
    }
    int64_t value;
    assert_true(dynamo_value_number(STR("3"), 0, &value, NULL) && value == 3);
}

static void test_put_writes_typed_members(void **state)
{
    (void)state;
    struct buf b;
    struct json_out w;
    buf_init(&b, 1000);
    json_begin(&w, &b);
    json_object(&w);
    dynamo_value_put_text(&w, STR("s"), STR("a\"b"));
    dynamo_value_put_i64(&w, STR("n"), -9007199254740993);
    dynamo_value_put_bool(&w, STR("t"), true);
    dynamo_value_put_bool(&w, STR("f"), false);
    dynamo_value_put_micro(&w, STR("m1"), 12500000);
    dynamo_value_put_micro(&w, STR("m2"), 100000000);
    dynamo_value_put_micro(&w, STR("m3"), 1);
    dynamo_value_put_micro(&w, STR("m4"), -1500000);
    dynamo_value_put_micro(&w, STR("m5"), 0);
    json_object_end(&w);
    buf_put_char(&b, '\0');
    assert_string_equal(buf_data(&b),
                        "{\"s\":{\"S\":\"a\\\"b\"},\"n\":{\"N\":\"-9007199254740993\"},"
                        "\"t\":{\"BOOL\":true},\"f\":{\"BOOL\":false},\"m1\":{\"N\":\"12.5\"},"
                        "\"m2\":{\"N\":\"100\"},\"m3\":{\"N\":\"0.000001\"},"
                        "\"m4\":{\"N\":\"-1.5\"},\"m5\":{\"N\":\"0\"}}");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_type_and_text),
        cmocka_unit_test(test_number_is_exact),
        cmocka_unit_test(test_put_writes_typed_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
