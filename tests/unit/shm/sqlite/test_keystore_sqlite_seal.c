/* The key of sealed reasoning in the embedded store: the first one stays, for everybody and for ever. */
#include "shm/sqlite/keystore_sqlite_private.h"

#include "tests/unit/sqlite_stage.h"

static void ask(struct keystore *k, char letter, uint8_t out[SEAL_KEY_SIZE])
{
    uint8_t fresh[SEAL_KEY_SIZE];
    struct err err;
    memset(fresh, letter, sizeof fresh);
    enum status status = keystore_seal_key(k, fresh, out, &err);
    if (status != STATUS_OK) {
        fail_msg("%s", err.text);
    }
}

static void test_first_key_stays_over_servers_and_restarts(void **state)
{
    (void)state;
    struct err err;
    struct keystore *other;
    uint8_t key[SEAL_KEY_SIZE];
    int64_t before, after;
    assert_int_equal(store->ops->version(store, &before, &err), STATUS_OK);
    ask(store, 'a', key);
    assert_true(key[0] == 'a' && key[SEAL_KEY_SIZE - 1] == 'a');
    assert_int_equal(keystore_sqlite_open(&config, &other, &err), STATUS_OK);
    ask(other, 'b', key);
    assert_int_equal(key[0], 'a');
    keystore_close(other);
    keystore_close(store);
    assert_int_equal(open_store(&err), STATUS_OK);
    ask(store, 'c', key);
    assert_int_equal(key[0], 'a');
    assert_int_equal(store->ops->version(store, &after, &err), STATUS_OK);
    assert_int_equal(before, after); /* nobody has to load keys for it */
}

static void test_of_two_at_once_both_get_the_same(void **state)
{
    (void)state;
    struct err err;
    uint8_t mine[SEAL_KEY_SIZE], theirs[SEAL_KEY_SIZE];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    keystore_close(store);
    pid_t pid = fork();
    assert_int_equal(open_store(&err), STATUS_OK);
    ask(store, pid == 0 ? 'a' : 'b', mine);
    if (pid == 0) {
        _exit(write(ends[1], mine, sizeof mine) == sizeof mine ? 0 : 1);
    }
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    waitpid(pid, NULL, 0);
    assert_memory_equal(mine, theirs, sizeof mine);
    close(ends[0]);
    close(ends[1]);
}

static void test_taken_away_there_is_another_and_rubbish_is_none(void **state)
{
    (void)state;
    struct err err;
    uint8_t key[SEAL_KEY_SIZE], fresh[SEAL_KEY_SIZE] = {1};
    ask(store, 'a', key);
    shell("DELETE FROM meta WHERE name = 'seal_key'");
    ask(store, 'b', key);
    assert_int_equal(key[0], 'b');
    shell("UPDATE meta SET value = 7 WHERE name = 'seal_key'");
    assert_int_equal(keystore_seal_key(store, fresh, key, &err), STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.text, "seal_key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_key_stays_over_servers_and_restarts, make, drop),
        cmocka_unit_test_setup_teardown(test_of_two_at_once_both_get_the_same, make, drop),
        cmocka_unit_test_setup_teardown(test_taken_away_there_is_another_and_rubbish_is_none, make,
                                        drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
