#include "server/aws/creds_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "tests/unit/metadata_child.h"

static void test_instance_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum metadata kind;
        const char *off, *key;
        bool found;
    } rows[] = {
        {"a role", METADATA_ROLE, NULL, NULL, true},
        {"no role", METADATA_NO_ROLE, NULL, NULL, false},
        {"silence", METADATA_SILENT, NULL, NULL, false},
        {"switched off", METADATA_ROLE, "true", NULL, false},
        {"the environment comes first", METADATA_ROLE, NULL, "AKID", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pid_t pid = metadata_start(rows[i].kind);
        if (rows[i].off) {
            setenv("AWS_EC2_METADATA_DISABLED", rows[i].off, 1);
        }
        if (rows[i].key) {
            setenv("AWS_ACCESS_KEY_ID", rows[i].key, 1);
            setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        }
        uint64_t began_ns = clock_now_ns();
        bool found = creds_probe_instance(rows[i].kind == METADATA_SILENT ? 300 : 5000);
        uint64_t ms = (clock_now_ns() - began_ns) / 1000000;
        if (found != rows[i].found || ms > 3000) {
            fail_msg("%s: %d after %llu ms", rows[i].name, found, (unsigned long long)ms);
        }
        unsetenv("AWS_EC2_METADATA_DISABLED");
        unsetenv("AWS_ACCESS_KEY_ID");
        unsetenv("AWS_SECRET_ACCESS_KEY");
        metadata_stop(pid);
    }
}

static void test_instance_nobody_listens_is_false_at_once(void **state)
{
    (void)state;
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    assert_false(creds_probe_instance(5000));
}

static int clear(void **state)
{
    (void)state;
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_PROFILE",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_EC2_METADATA_DISABLED"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    setenv("HOME", "/nowhere", 1);
    setenv("AWS_CONFIG_FILE", "/nowhere/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
    clock_tick();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instance_table),
        cmocka_unit_test(test_instance_nobody_listens_is_false_at_once),
    };
    return cmocka_run_group_tests(tests, clear, NULL);
}
