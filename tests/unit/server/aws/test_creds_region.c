#include "server/aws/creds_region.h"

#include "tests/unit/creds_case.h"

static void test_region_has_precedence_and_is_a_host_label(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *region, *fallback, *profile, *want; /* want NULL: none */
    } rows[] = {
        {"eu-west-1", "us-east-1", "ap-south-1", "eu-west-1"},
        {NULL, "us-east-1", "ap-south-1", "us-east-1"},
        {" ", "", "ap-south-1", "ap-south-1"},
        {NULL, NULL, NULL, NULL},
        {"us-east-1.evil.example", "us-east-1", NULL, NULL},
        {"us-east-1/x", NULL, NULL, NULL},
        {"us-east-1@evil", NULL, NULL, NULL},
        {"-us", NULL, NULL, NULL},
        {"us-", NULL, NULL, NULL},
        {"US-EAST-1", NULL, NULL, NULL},
        {"us east", NULL, NULL, NULL},
        {"us-east-1\n", NULL, NULL, NULL},
        {"a", NULL, NULL, "a"},
        {"a23456789012345678901234567890123456789012345678901234567890123", NULL, NULL,
         "a23456789012345678901234567890123456789012345678901234567890123"},
        {"a234567890123456789012345678901234567890123456789012345678901234", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char config[200], out[64] = "";
        stage_clear(s);
        if (rows[i].region)
            setenv("AWS_REGION", rows[i].region, 1);
        if (rows[i].fallback)
            setenv("AWS_DEFAULT_REGION", rows[i].fallback, 1);
        snprintf(config, sizeof config, "[default]\nregion = %s\n",
                 rows[i].profile ? rows[i].profile : "");
        stage_write(s, "config", config);
        bool found = creds_region(out, sizeof out);
        if (found != (rows[i].want != NULL) || (found && strcmp(out, rows[i].want) != 0))
            fail_msg("row %zu: found %d \"%s\"", i, found, out);
    }
    char small[5];
    setenv("AWS_REGION", "eu-west-1", 1);
    assert_false(creds_region(small, sizeof small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(test_region_has_precedence_and_is_a_host_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
