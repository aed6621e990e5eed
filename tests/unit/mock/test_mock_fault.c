/* The mock's fault table and the three ways to ask for faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/mock/fault.c"

static void test_fault_names_unique_and_documented(void **state)
{
    (void)state;
    char readme[65536] = "";
    FILE *f = fopen("tests/mock/README.md", "r");
    assert_non_null(f);
    size_t n = fread(readme, 1, sizeof readme - 1, f);
    fclose(f);
    for (unsigned id = 0; id < FAULT_COUNT; id++) {
        char cell[64];
        snprintf(cell, sizeof cell, "| `%s` |", ROW[id].name);
        if (!strstr(readme, cell) || !memmem(readme, n, ROW[id].doc, strlen(ROW[id].doc)))
            fail_msg("%s is not in README.md as `mock-bedrock --faults` prints it", ROW[id].name);
        if (find_name(text_from(ROW[id].name)) != (enum fault_id)id)
            fail_msg("%s stands twice in the table", ROW[id].name);
    }
}

static void test_fault_model_ids_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *model;
        enum fault_id id; /* FAULT_COUNT: none */
        uint32_t n;
        bool good;
    } CASES[] = {
        {"ordinary", "us.anthropic.claude-sonnet-4-20250514-v1:0", FAULT_COUNT, 0, true},
        {"mock prefix", "mock.throttle", FAULT_THROTTLE, 0, true},
        {"region and mock prefix", "us.mock.throttle", FAULT_THROTTLE, 0, true},
        {"suffix", "anthropic.claude-x--denied", FAULT_DENIED, 0, true},
        {"suffix and version", "anthropic.claude-x--denied:0", FAULT_DENIED, 0, true},
        {"number", "mock.pace-35", FAULT_PACE, 35, true},
        {"default number", "mock.pace", FAULT_PACE, 20, true},
        {"name with number", "mock.html-500", FAULT_HTML_500, 0, true},
        {"two faults", "x--pace-5--tokens-7", FAULT_TOKENS, 7, true},
        {"unknown", "x--no-such", FAULT_COUNT, 0, false},
        {"number too large", "mock.pace-99999999999", FAULT_COUNT, 0, false},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct faults f = {0};
        struct str bad;
        bool good = fault_parse(fault_spec_of_model(text_from(CASES[i].model)), &f, &bad);
        bool fits = good == CASES[i].good;
        if (CASES[i].id == FAULT_COUNT)
            fits = fits && (!good || f.on == 0);
        else
            fits = fits && fault_on(&f, CASES[i].id) && f.n[CASES[i].id] == CASES[i].n;
        if (!fits)
            fail_msg("%s", CASES[i].name);
    }
}

static bool hits(struct fault_memory *m, const char *model, const char *header, enum fault_id id)
{
    struct faults f;
    struct str bad;
    assert_true(fault_collect(m, text_from(model), text_from(header), &f, &bad));
    return fault_on(&f, id);
}

static void test_fault_once_hits_first_request_of_each_model(void **state)
{
    (void)state;
    struct fault_memory *m = fault_memory_new();
    assert_true(hits(m, "a--throttle-once", "", FAULT_THROTTLE));
    assert_false(hits(m, "a--throttle-once", "", FAULT_THROTTLE));
    assert_true(hits(m, "b--throttle-once", "", FAULT_THROTTLE));
    fault_memory_clear(m);
    assert_true(hits(m, "a--throttle-once", "", FAULT_THROTTLE));
    fault_memory_drop(m);
}

static void test_fault_header_and_script_join_model(void **state)
{
    (void)state;
    struct fault_memory *m = fault_memory_new();
    assert_true(hits(m, "plain", "tokens-5, pace-2", FAULT_PACE));
    assert_false(fault_script(m, STR("x"), STR("nonsense"), 1));
    assert_true(fault_script(m, STR("claude"), STR("internal"), 2));
    assert_true(fault_script(m, STR(""), STR("stamp"), 0));
    assert_true(hits(m, "some.claude-x", "", FAULT_INTERNAL));
    assert_false(hits(m, "other", "", FAULT_INTERNAL));
    assert_true(hits(m, "some.claude-x", "", FAULT_INTERNAL));
    assert_false(hits(m, "some.claude-x", "", FAULT_INTERNAL));
    assert_true(hits(m, "other", "", FAULT_STAMP));
    fault_memory_drop(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault_names_unique_and_documented),
        cmocka_unit_test(test_fault_model_ids_parsed),
        cmocka_unit_test(test_fault_once_hits_first_request_of_each_model),
        cmocka_unit_test(test_fault_header_and_script_join_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
