#include "tests/unit/config_case.h"

/* C.10: what is sent in clear must not be a secret as it is. */
static void test_load_bearer_token_in_clear_is_refused(void **state)
{
    static const struct {
        const char *url, *token;
        bool loads;
    } rows[] = {
        {"http://proxy.example:8080", "bedrock-key", false},
        {"http://10.0.0.9", "bedrock-key", false},
        {"https://proxy.example", "bedrock-key", true},
        {"http://127.0.0.1:8100", "bedrock-key", true},
        {"http://localhost:8100", "bedrock-key", true},
        {"http://[::1]:8100", "bedrock-key", true},
        {"http://proxy.example:8080", "", true},
        {"", "bedrock-key", true},
    };
    (void)state;
    write_file("");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config_override given[] = {{"BEDROCK_ENDPOINT_URL", rows[i].url},
                                                {"AWS_BEARER_TOKEN_BEDROCK", rows[i].token}};
        struct config c;
        struct err err = {0};
        enum status st = config_load(&c, file_path, given, 2, &err);
        if ((st == STATUS_OK) != rows[i].loads) {
            fail_msg("row %zu: %s", i, err.text);
        }
        if (st == STATUS_OK) {
            config_free(&c);
            continue;
        }
        assert_true(has(err.text, "AWS_BEARER_TOKEN_BEDROCK") && has(err.text, "use https"));
        assert_false(has(err.text, "bedrock-key"));
    }
}

/* Issue 13, 8: what every request tells Bedrock is looked at before the first one. */
static void test_load_terms_rows(void **state)
{
    static const struct {
        const char *name, *value, *complaint; /* NULL: it loads */
    } rows[] = {
        {"BEDROCK_GUARDRAIL", "gr1:DRAFT", NULL},
        {"BEDROCK_GUARDRAIL", "arn:aws:bedrock:us-east-1:123456789012:guardrail/x:3:async", NULL},
        {"BEDROCK_GUARDRAIL", "gr1", "BEDROCK_GUARDRAIL: 'gr1' is not ID:VERSION"},
        {"BEDROCK_GUARDRAIL", "off", "BEDROCK_GUARDRAIL: 'off' is not ID:VERSION"},
        {"BEDROCK_PROJECT", "proj_0123456789abcdefghij", NULL},
        {"BEDROCK_PROJECT", "a b", "BEDROCK_PROJECT: 'a b' is not the id"},
        {"REQUEST_METADATA", "request,user", NULL},
        {"REQUEST_METADATA", "user,prompt", "REQUEST_METADATA: 'user,prompt' is not a list"},
    };
    (void)state;
    write_file("");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config_override given = {rows[i].name, rows[i].value};
        struct config c;
        struct err err = {0};
        enum status st = config_load(&c, file_path, &given, 1, &err);
        if ((st == STATUS_OK) != !rows[i].complaint ||
            (st != STATUS_OK && !text_starts(text_from(err.text), text_from(rows[i].complaint)))) {
            fail_msg("row %zu: %s", i, err.text);
        }
        if (st == STATUS_OK) {
            assert_true(c.terms);
            config_free(&c);
        }
    }
}

static void test_terms_are_taken_apart(void **state)
{
    struct config c;
    (void)state;
    write_file("BEDROCK_GUARDRAIL=gr1:7:async\nREQUEST_METADATA=key\n");
    load(&c);
    assert_true(text_eq(c.guardrail.id, STR("gr1")) && text_eq(c.guardrail.version, STR("7")));
    assert_true(c.guardrail.async);
    assert_int_equal(c.metadata, BEDROCK_TERMS_KEY);
    config_free(&c);
    write_file("");
    load(&c);
    assert_false(c.terms);
    assert_int_equal(c.guardrail.id.n, 0);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(test_load_bearer_token_in_clear_is_refused),
        CLEAN(test_load_terms_rows),
        CLEAN(test_terms_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
