#include "master/supervise/announce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "server/base/log.h"

static void load(struct config *c)
{
    struct err err;
    assert_int_equal(config_load(c, NULL, NULL, 0, &err), STATUS_OK);
}

static void test_upstream_names_endpoint_or_region(void **state)
{
    (void)state;
    struct config c;
    char out[300];
    setenv("AWS_REGION", "eu-west-3", 1);
    load(&c);
    announce_upstream(&c, out, sizeof out);
    assert_string_equal(out, "Bedrock in eu-west-3");
    config_free(&c);
    setenv("BEDROCK_ENDPOINT_URL", "http://127.0.0.1:9", 1);
    load(&c);
    announce_upstream(&c, out, sizeof out);
    assert_string_equal(out, "http://127.0.0.1:9");
    config_free(&c);
    unsetenv("BEDROCK_ENDPOINT_URL");
}

static void test_start_is_one_line_without_secrets(void **state)
{
    (void)state;
    struct config c;
    int ends[2];
    char text[8192] = "";
    setenv("MASTER_API_KEY", "correct-horse-battery-staple-123", 1);
    load(&c);
    assert_int_equal(pipe(ends), 0);
    log_init(LOG_INFO, LOG_FORMAT_JSON, "master");
    log_to(ends[1]);
    announce_start(&c, "0.0.0.0:8000", 2);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    static const char *const parts[] = {VERSION, "http://0.0.0.0:8000", "2 workers", "eu-west-3",
                                        "SHA-256 by "};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!strstr(text, parts[i])) {
            fail_msg("\"%s\" is missing in: %s", parts[i], text);
        }
    }
    assert_null(strstr(text, "correct-horse"));
    close(ends[0]);
    close(ends[1]);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upstream_names_endpoint_or_region),
        cmocka_unit_test(test_start_is_one_line_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
