/* Schemas in the part of the language that their reader takes: W4, W9, C1, C11, C.1, C.3. */
#include "worker/plan/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NATIVE (SCHEMA_CLOSED | SCHEMA_SUBSET)
#define TOOL   (SCHEMA_ROOT | SCHEMA_NO_UNION)

struct row {
    const char *name, *in;
    uint32_t rules;
    const char *out; /* NULL: the same bytes */
    bool lost;
};

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static bool rewrite(struct arena *arena, const char *in, uint32_t rules, struct schema_text *out)
{
    static struct scan s;
    assert_int_equal(scan_parse(&s, arena, text_from(in), &limits, NULL), STATUS_OK);
    return schema_rewrite(arena, &s, 0, rules, out);
}

static void check(const struct row *row)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    struct schema_text got;
    struct str want = text_from(row->out ? row->out : row->in);
    struct scan again;
    assert_true(rewrite(arena, row->in, row->rules, &got));
    if (!text_eq(got.json, want) || got.lost != row->lost)
        fail_msg("%s: %.*s, lost %d", row->name, STR_ARG(got.json), got.lost);
    assert_int_equal(scan_parse(&again, arena, got.json, &limits, NULL), STATUS_OK);
    arena_drop(arena);
}

static void check_all(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(&rows[i]);
}

/* W9, C1 */
static void test_root_gets_its_type(void **state)
{
    static const struct row rows[] = {
        {"nothing", "{}", TOOL, "{\"type\":\"object\"}", false},
        {"there", "{ \"type\" : \"object\" }", TOOL, NULL, false},
        {"only properties", "{\"properties\":{\"a\":{}}}", TOOL,
         "{\"type\":\"object\",\"properties\":{\"a\":{}}}", false},
        {"or null", "{\"type\":[\"object\",\"null\"],\"properties\":{}}", TOOL,
         "{\"type\":\"object\",\"properties\":{}}", false},
        {"union stays where it is taken", "{\"anyOf\":[{\"type\":\"object\"}]}", SCHEMA_ROOT,
         "{\"type\":\"object\",\"anyOf\":[{\"type\":\"object\"}]}", false},
        {"a root that is a $ref", "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{}}}", SCHEMA_ROOT,
         "{\"type\":\"object\",\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{}}}", false},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

static void test_root_union_joins_its_properties(void **state)
{
    static const struct row rows[] = {
        {"two branches",
         "{\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"string\"},\"k\":{\"const\":1}}},"
         "{\"$ref\":\"#/$defs/B\"}],\"$defs\":{\"B\":{\"properties\":{\"b\":{},\"k\":{\"const\":2}"
         "}}}}",
         TOOL,
         "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"k\":{\"anyOf\":[{"
         "\"const\":1},{\"const\":2}]},\"b\":{}},\"$defs\":{\"B\":{\"properties\":{\"b\":{},\"k\":"
         "{\"const\":2}}}}}",
         true},
        {"its own come first",
         "{\"type\":\"object\",\"properties\":{\"o\":{}},\"oneOf\":[{\"properties\":{\"o\":{}}}],"
         "\"required\":[\"o\"]}",
         TOOL, "{\"properties\":{\"o\":{}},\"type\":\"object\",\"required\":[\"o\"]}", true},
        {"further inside it may stand",
         "{\"type\":\"object\",\"properties\":{\"anyOf\":{\"anyOf\":[{}]}}}", TOOL, NULL, false},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* W4 */
static void test_limits_become_words(void **state)
{
    static const struct row rows[] = {
        {"all of them",
         "{\"type\":\"string\",\"minLength\":1,\"maxLength\":9,\"minimum\":0,\"maximum\":1.50,"
         "\"exclusiveMinimum\":2,\"exclusiveMaximum\":3,\"multipleOf\":4,\"maxItems\":5,"
         "\"minItems\":2}",
         NATIVE,
         "{\"type\":\"string\",\"description\":\"(minLength: 1, maxLength: 9, minimum: 0, maximum: "
         "1.50, exclusiveMinimum: 2, exclusiveMaximum: 3, multipleOf: 4, maxItems: 5, minItems: "
         "2)\"}",
         true},
        {"behind a description", "{\"description\":\"a \\\"b\\\"\",\"minimum\":1}", NATIVE,
         "{\"description\":\"a \\\"b\\\" (minimum: 1)\"}", true},
        {"one item at least", "{\"type\":\"array\",\"minItems\":1}", NATIVE,
         "{\"type\":\"array\",\"minItems\":1}", false},
        {"a property of that name", "{\"properties\":{\"minimum\":{\"minimum\":1}}}", SCHEMA_SUBSET,
         "{\"properties\":{\"minimum\":{\"description\":\"(minimum: 1)\"}}}", true},
        {"formats", "{\"anyOf\":[{\"format\":\"date\"},{\"format\":\"color\"}]}", NATIVE,
         "{\"anyOf\":[{\"format\":\"date\"},{\"description\":\"(format: \\\"color\\\")\"}]}", true},
        {"patterns", "{\"items\":[{\"pattern\":\"^(?:a)$\"},{\"pattern\":\"(?<!a)\"}]}", NATIVE,
         "{\"items\":[{\"pattern\":\"^(?:a)$\"},{\"description\":\"(pattern: \\\"(?<!a)\\\")\"}]}",
         true},
        {"oneOf", "{\"oneOf\":[{\"type\":\"null\"}]}", NATIVE, "{\"anyOf\":[{\"type\":\"null\"}]}",
         false},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* C11, and C.3: data is not a schema. */
static void test_objects_are_closed(void **state)
{
    static const struct row rows[] = {
        {"nullable", "{\"type\":[\"object\",\"null\"]}", NATIVE,
         "{\"additionalProperties\":false,\"type\":[\"object\",\"null\"]}", false},
        {"without a type", "{\"properties\":{}}", NATIVE,
         "{\"additionalProperties\":false,\"properties\":{}}", false},
        {"data",
         "{\"const\":{\"type\":\"object\",\"minimum\":1},\"enum\":[{\"type\":\"object\"}],"
         "\"default\":{\"type\":\"object\"},\"examples\":[{\"type\":\"object\"}]}",
         NATIVE, NULL, false},
        {"everywhere else",
         "{\"$defs\":{\"enum\":{\"type\":\"object\"}},\"items\":{\"type\":\"object\"},"
         "\"allOf\":[{\"type\":\"object\"}]}",
         NATIVE,
         "{\"$defs\":{\"enum\":{\"additionalProperties\":false,\"type\":\"object\"}},\"items\":{"
         "\"additionalProperties\":false,\"type\":\"object\"},\"allOf\":[{"
         "\"additionalProperties\":false,\"type\":\"object\"}]}",
         false},
        {"it says so itself", "{\"type\":\"object\",\"additionalProperties\":false}", NATIVE, NULL,
         false},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* C.1 */
static void test_references_are_put_in_place(void **state)
{
    static const struct row rows[] = {
        {"nothing to put", "{ \"type\":\"object\"}", SCHEMA_FLAT, NULL, false},
        {"two, one in the other",
         "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/A\",\"title\":\"mine\"}},"
         "\"$defs\":{\"A\":{\"title\":\"its\",\"items\":{\"$ref\":\"#/$defs/B\"}},\"B\":{\"type\":"
         "\"null\"}}}",
         SCHEMA_FLAT,
         "{\"type\":\"object\",\"properties\":{\"a\":{\"items\":{\"type\":\"null\"},\"title\":"
         "\"mine\"}}}",
         false},
        {"the root",
         "{\"definitions\":{\"A\":{\"type\":\"object\",\"title\":\"A\"}},\"$ref\":"
         "\"#/definitions/A\"}",
         SCHEMA_FLAT | SCHEMA_ROOT, "{\"type\":\"object\",\"title\":\"A\"}", false},
        {"within itself",
         "{\"type\":\"object\",\"properties\":{\"n\":{\"$ref\":\"#/$defs/N\"}},\"$defs\":{\"N\":{"
         "\"items\":{\"$ref\":\"#/$defs/N\"}}}}",
         SCHEMA_FLAT, "{\"type\":\"object\",\"properties\":{\"n\":{\"items\":{}}}}", true},
        {"what is not there", "{\"$defs\":{},\"items\":{\"$ref\":\"http://x\"}}", SCHEMA_FLAT,
         "{\"items\":{}}", true},
        {"a property of that name", "{\"properties\":{\"$defs\":{}},\"$defs\":{}}", SCHEMA_FLAT,
         "{\"properties\":{\"$defs\":{}}}", false},
        {"data", "{\"$defs\":{},\"default\":{\"$ref\":\"#\"}}", SCHEMA_FLAT,
         "{\"default\":{\"$ref\":\"#\"}}", false},
    };
    (void)state;
    check_all(rows, COUNT_OF(rows));
}

/* Each $defs names the next one twice: 2^40 if it were put in place. */
static void test_references_that_grow_stay(void **state)
{
    static char in[8192];
    size_t n = (size_t)snprintf(in, sizeof in, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    (void)state;
    for (int i = 0; i < 40; i++)
        n += (size_t)snprintf(in + n, sizeof in - n,
                              "\"d%d\":{\"allOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":"
                              "\"#/$defs/d%d\"}]},",
                              i, i + 1, i + 1);
    snprintf(in + n, sizeof in - n, "\"d40\":{\"description\":\"0123456789abcdef\"}}}");
    struct arena *arena = arena_new((size_t)16 << 20);
    struct schema_text got;
    assert_true(rewrite(arena, in, SCHEMA_FLAT, &got));
    assert_true(got.lost || !got.changed);
    arena_drop(arena);
}

static void test_grammars_are_of_finite_schemas(void **state)
{
    static const struct {
        const char *in;
        bool finite;
    } rows[] = {
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
         "A\"}},\"$defs\":{\"A\":{}}}",
         true},
        {"{\"properties\":{\"additionalProperties\":{\"const\":{\"additionalProperties\":1}}}}",
         true},
        {"{\"properties\":{\"a\":{\"additionalProperties\":true}}}", false},
        {"{\"items\":[{\"additionalProperties\":{\"type\":\"string\"}}]}", false},
        {"{\"$defs\":{\"A\":{\"items\":{\"$ref\":\"#/$defs/A\"}}}}", false},
        {"{\"items\":{\"$ref\":\"#\"}}", false},
        {"{\"$ref\":\"other.json\"}", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].in), &limits, NULL), STATUS_OK);
        if (schema_is_finite(&s, 0) != rows[i].finite)
            fail_msg("%s", rows[i].in);
        arena_drop(arena);
    }
}

static void test_no_memory_is_told(void **state)
{
    const char *in = "{\"anyOf\":[{\"properties\":{\"a\":{}}}],\"minimum\":1}";
    struct schema_text got;
    (void)state;
    bool whole = false;
    for (unsigned long k = 1; !whole && k < 20; k++) {
        struct arena *arena = arena_new((size_t)1 << 20);
        struct scan s;
        assert_int_equal(scan_parse(&s, arena, text_from(in), &limits, NULL), STATUS_OK);
        heap_fail_after(k);
        whole = schema_rewrite(arena, &s, 0, TOOL | NATIVE, &got);
        heap_fail_after(0);
        arena_drop(arena);
        assert_true(whole || k < 19);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_gets_its_type),
        cmocka_unit_test(test_root_union_joins_its_properties),
        cmocka_unit_test(test_limits_become_words),
        cmocka_unit_test(test_objects_are_closed),
        cmocka_unit_test(test_references_are_put_in_place),
        cmocka_unit_test(test_references_that_grow_stay),
        cmocka_unit_test(test_grammars_are_of_finite_schemas),
        cmocka_unit_test(test_no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
