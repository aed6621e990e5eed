#include "shm/store/keyids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "server/base/arena.h"
#include "server/base/sha256.h"

static void id_of(const struct keyids *k, const char *key, char out[KEYSTORE_ID_MAX + 1])
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    keyids_find(k, digest, out);
}

static bool stage(struct keyids *k, const char *key, const char *id)
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    return keyids_stage(k, digest, id);
}

static void test_find_clear_rows_by_digest_else_the_hash(void **state)
{
    (void)state;
    struct keyids k = {0};
    char out[KEYSTORE_ID_MAX + 1], want[KEYSTORE_ID_MAX + 1], key[32];
    keyids_begin(&k);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "sk-%d", i);
        assert_true(stage(&k, key, key));
    }
    assert_true(stage(&k, "sk-hashed", "sha256:whatever"));
    id_of(&k, "sk-7", out);
    assert_memory_equal(out, "sha256:", 7); /* not committed yet */
    keyids_commit(&k);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "sk-%d", i);
        id_of(&k, key, out);
        assert_string_equal(out, key);
    }
    keystore_hash_id(STR("sk-hashed"), want);
    id_of(&k, "sk-hashed", out);
    assert_string_equal(out, want);
    keyids_begin(&k);
    keyids_commit(&k); /* a load without them: they are gone */
    id_of(&k, "sk-7", out);
    assert_memory_equal(out, "sha256:", 7);
    keyids_free(&k);
}

static void test_add_single_keys_in_any_order(void **state)
{
    (void)state;
    struct keyids k = {0};
    char out[KEYSTORE_ID_MAX + 1], key[32];
    uint8_t digest[32];
    for (int round = 0; round < 2; round++) { /* the second time they are there */
        for (int i = 0; i < 200; i++) {
            snprintf(key, sizeof key, "sk-%d", i * 37 % 200);
            sha256(key, strlen(key), digest);
            assert_true(keyids_add(&k, digest, key));
        }
        assert_int_equal(k.now.count, 200);
    }
    id_of(&k, "sk-199", out);
    assert_string_equal(out, "sk-199");
    keyids_free(&k);
    assert_int_equal(k.now.count, 0);
}

static void test_stage_no_memory_is_told(void **state)
{
    (void)state;
    struct keyids k = {0};
    heap_fail_after(1);
    assert_false(stage(&k, "sk-1", "sk-1"));
    heap_fail_after(0);
    assert_true(stage(&k, "sk-1", "sk-1"));
    keyids_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_clear_rows_by_digest_else_the_hash),
        cmocka_unit_test(test_add_single_keys_in_any_order),
        cmocka_unit_test(test_stage_no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
