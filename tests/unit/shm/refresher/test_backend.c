#include "shm/refresher/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "tests/unit/metadata_child.h"

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_PROFILE",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
    setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    clock_tick();
    snprintf(directory, sizeof directory, "/tmp/test_backend.XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int drop_directory(void **state)
{
    (void)state;
    static const char *const files[] = {"keys.db", "keys.db-wal", "keys.db-shm", "own.db"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    return rmdir(directory);
}

static void test_open_backend_by_rule(void **state)
{
    (void)state;
    char url[128];
    snprintf(url, sizeof url, "sqlite://%s/own.db", directory);
    const struct {
        const char *backend, *url, *endpoint, *access_key;
        enum status status;
        const char *why;
    } rows[] = {
        {"auto", "", "", NULL, STATUS_OK, "sqlite in STATE_DIR: neither"},
        {"auto", "", "", NULL, STATUS_OK, "sqlite in STATE_DIR: it is there"},
        {"auto", url, "", NULL, STATUS_OK, "sqlite: DATABASE_URL"},
        {"auto", url, "http://localhost:8001", "AKID", STATUS_OK, "sqlite: DATABASE_URL"},
        {"auto", "", "http://localhost:8001", NULL, STATUS_OK,
         "dynamodb: DYNAMODB_ENDPOINT_URL is set"},
        {"auto", "", "", "AKID", STATUS_OK, "dynamodb: AWS credentials are configured"},
        {"sqlite", "", "", "AKID", STATUS_OK, "sqlite: STORAGE_BACKEND"},
        {"dynamodb", "", "", NULL, STATUS_OK, "dynamodb: STORAGE_BACKEND"},
        {"sqlite", "postgres://x", "", NULL, STATUS_INVALID, "sqlite"},
        {"dynamodb", "", "http://", NULL, STATUS_INVALID, "dynamodb"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.storage_backend = rows[i].backend,
                           .database_url = rows[i].url,
                           .dynamodb_endpoint_url = rows[i].endpoint,
                           .aws_region = "eu-west-1",
                           .dynamodb_timeout = 1,
                           .table_api_keys = "a",
                           .table_usage_stats = "b",
                           .table_model_mapping = "c",
                           .table_model_pricing = "d",
                           .table_beta_headers = "e",
                           .state_dir = directory};
        struct keystore *k = NULL;
        struct err err = {0};
        char why[BACKEND_WHY_SIZE] = "";
        if (rows[i].access_key) {
            setenv("AWS_ACCESS_KEY_ID", rows[i].access_key, 1);
            setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        }
        enum status status = backend_open(&c, "", &k, why, sizeof why, &err);
        unsetenv("AWS_ACCESS_KEY_ID");
        unsetenv("AWS_SECRET_ACCESS_KEY");
        if (status != rows[i].status || !strstr(why, rows[i].why)) {
            fail_msg("row %zu: status %d, why \"%s\", error \"%s\"", i, (int)status, why, err.text);
        }
        assert_true(status == STATUS_OK ? strstr(why, k->ops->name) == why : k == NULL);
        keystore_close(k);
    }
}

/* Nothing is configured: what the machine itself says decides, once. */
static void test_open_auto_asks_instance_metadata(void **state)
{
    (void)state;
    char place[] = "/tmp/test_backend.XXXXXX", path[64];
    static const struct {
        enum metadata kind;
        const char *last, *why;
    } rows[] = {
        {METADATA_ROLE, "", "dynamodb: this machine has AWS credentials (instance metadata)"},
        {METADATA_NO_ROLE, "dynamodb", "dynamodb: as before"}, /* it does not answer today */
        {METADATA_NO_ROLE, "",
         "sqlite in STATE_DIR: neither DATABASE_URL nor AWS is configured, and "
         "instance metadata gives no credentials"},
        {METADATA_ROLE, "",
         "sqlite in STATE_DIR: it is there, and neither DATABASE_URL nor AWS is "
         "configured"}, /* a role was attached to the machine meanwhile */
    };
    assert_non_null(mkdtemp(place));
    snprintf(path, sizeof path, "%s/keys.db", place);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.storage_backend = "auto",
                           .database_url = "",
                           .dynamodb_endpoint_url = "",
                           .aws_region = "eu-west-1",
                           .dynamodb_timeout = 1,
                           .table_api_keys = "a",
                           .table_usage_stats = "b",
                           .table_model_mapping = "c",
                           .table_model_pricing = "d",
                           .table_beta_headers = "e",
                           .state_dir = place};
        struct keystore *k;
        struct err err;
        char why[BACKEND_WHY_SIZE] = "";
        pid_t pid = metadata_start(rows[i].kind);
        assert_int_equal(backend_open(&c, rows[i].last, &k, why, sizeof why, &err), STATUS_OK);
        assert_string_equal(why, rows[i].why);
        assert_true(strstr(why, k->ops->name) == why);
        keystore_close(k);
        metadata_stop(pid);
    }
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    unlink(path);
    rmdir(place);
}

/* A store that was there and is away now must not come back empty. */
static void test_open_again_makes_no_new_store(void **state)
{
    char place[] = "/tmp/test_backend.XXXXXX", path[64], why[BACKEND_WHY_SIZE];
    struct keystore *k;
    struct err err;
    (void)state;
    assert_non_null(mkdtemp(place));
    snprintf(path, sizeof path, "%s/keys.db", place);
    struct config c = {.storage_backend = "sqlite", .database_url = "", .state_dir = place};
    assert_int_equal(backend_open(&c, "sqlite", &k, why, sizeof why, &err), STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(backend_open(&c, "", &k, why, sizeof why, &err), STATUS_OK);
    keystore_close(k);
    assert_int_equal(backend_open(&c, "sqlite", &k, why, sizeof why, &err), STATUS_OK);
    keystore_close(k);
    assert_int_equal(unlink(path), 0);
    rmdir(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open_backend_by_rule, make_directory, drop_directory),
        cmocka_unit_test_setup_teardown(test_open_auto_asks_instance_metadata, make_directory,
                                        drop_directory),
        cmocka_unit_test(test_open_again_makes_no_new_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
