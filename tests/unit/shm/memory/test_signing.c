#include "shm/memory/signing.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "shm/memory/segment.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 1, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* All of it from one letter. */
static struct signing_keys keys_of(char letter)
{
    struct signing_keys k = {.expires_ms = letter};
    memset(k.key, letter, sizeof k.key);
    memset(k.access_key_id, letter, sizeof k.access_key_id - 1);
    memset(k.token, letter, sizeof k.token - 1);
    return k;
}

static void test_read_nothing_published_is_false(void **state)
{
    (void)state;
    struct signing_keys k = {0};
    assert_false(signing_read(&seg, LANES_HOME, 0, &k));
    assert_false(signing_usable(&seg));
}

static void test_read_published_keys_are_copied_out(void **state)
{
    (void)state;
    struct signing_keys in = keys_of('a'), out = {0};
    in.generation = 999; /* set by publish */
    signing_publish(&seg, LANES_HOME, &in);
    assert_true(signing_read(&seg, LANES_HOME, 0, &out));
    assert_int_equal(out.generation, 1);
    in.generation = 1;
    assert_memory_equal(&in, &out, sizeof in);
    in = keys_of('b');
    signing_publish(&seg, LANES_HOME, &in);
    assert_true(signing_read(&seg, LANES_HOME, out.generation, &out));
    assert_int_equal(out.generation, 2);
    assert_int_equal(out.token[4000], 'b');
}

static void test_read_known_generation_leaves_the_copy_alone(void **state)
{
    (void)state;
    struct signing_keys in = keys_of('a'), out = {0};
    signing_publish(&seg, LANES_HOME, &in);
    assert_true(signing_read(&seg, LANES_HOME, 0, &out));
    out.token[0] = '!';
    assert_true(signing_read(&seg, LANES_HOME, out.generation, &out));
    assert_int_equal(out.token[0], '!');
}

static void test_read_trouble_is_false_with_its_text(void **state)
{
    (void)state;
    struct signing_keys in = keys_of('a'), trouble = {.trouble = "no source"}, out = {0};
    signing_publish(&seg, LANES_HOME, &in);
    assert_true(signing_usable(&seg));
    signing_publish(&seg, LANES_HOME, &trouble);
    assert_false(signing_usable(&seg));
    assert_false(signing_read(&seg, LANES_HOME, 0, &out));
    assert_string_equal(out.trouble, "no source");
    assert_false(signing_read(&seg, LANES_HOME, out.generation, &out));
}

static void test_read_while_a_writer_publishes_and_dies_is_never_torn(void **state)
{
    (void)state;
    struct signing_keys first = keys_of('a');
    signing_publish(&seg, LANES_HOME, &first);
    for (int round = 0; round < 3; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion of the reader fails */
            for (unsigned i = 0;; i++) {
                struct signing_keys k = keys_of((char)('a' + i % 26));
                signing_publish(&seg, LANES_HOME, &k);
            }
        }
        uint64_t end = clock_now_ns() + 60000000, reads = 0;
        while (clock_now_ns() < end) {
            struct signing_keys out = {0};
            if (!signing_read(&seg, LANES_HOME, 0, &out)) {
                continue; /* on a busy machine a writer without a pause is faster each time */
            }
            struct signing_keys whole = keys_of(out.token[0]);
            whole.generation = out.generation;
            assert_memory_equal(&whole, &out, sizeof out);
            reads++;
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_true(reads > 100);
        struct signing_keys out = {0}, next = keys_of('z');
        assert_true(signing_read(&seg, LANES_HOME, 0, &out));
        signing_publish(&seg, LANES_HOME, &next);
        assert_true(signing_read(&seg, LANES_HOME, out.generation, &out));
        assert_int_equal(out.token[0], 'z');
    }
}

static void test_seal_key_is_read_as_published(void **state)
{
    (void)state;
    uint8_t in[SEAL_KEY_SIZE], out[SEAL_KEY_SIZE], none[SEAL_KEY_SIZE] = {0};
    memset(out, 'x', sizeof out);
    assert_false(signing_seal_read(&seg, out));
    assert_memory_equal(out, none, sizeof out);
    for (int i = 0; i < 5; i++) {
        text_random(in, sizeof in);
        signing_seal_publish(&seg, in);
        assert_true(signing_seal_read(&seg, out));
        assert_memory_equal(out, in, sizeof in);
    }
}

/* Whoever is killed between any two instructions, there is a whole key, of the last writers. */
static void test_seal_key_is_never_torn(void **state)
{
    (void)state;
    uint8_t key[SEAL_KEY_SIZE];
    memset(key, 'a', sizeof key);
    signing_seal_publish(&seg, key);
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (unsigned i = 0;; i++) {
                memset(key, (char)('a' + i % 26), sizeof key);
                signing_seal_publish(&seg, key);
            }
        }
        uint64_t end = clock_now_ns() + 3000000;
        do {
            if (signing_seal_read(&seg, key)) {
                for (size_t i = 1; i < sizeof key; i++) {
                    assert_int_equal(key[i], key[0]);
                }
            }
        } while (clock_now_ns() < end);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_true(signing_seal_read(&seg, key));
        assert_true(key[0] >= 'a' && key[0] <= 'z');
    }
}

static void test_complaints_and_skew_are_shared(void **state)
{
    (void)state;
    if (fork() == 0) {
        signing_complain(&seg, LANES_HOME);
        signing_complain(&seg, LANES_HOME);
        signing_complain(&seg, 3);
        signing_miss(&seg);
        signing_set_skew(&seg, -123456);
        _exit(0);
    }
    wait(NULL);
    assert_int_equal(signing_complaints(&seg, LANES_HOME), 2);
    assert_int_equal(signing_complaints(&seg, 3), 1);
    assert_int_equal(signing_missed(&seg), 1);
    assert_int_equal(signing_skew(&seg), -123456);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_nothing_published_is_false, make, drop),
        cmocka_unit_test_setup_teardown(test_read_published_keys_are_copied_out, make, drop),
        cmocka_unit_test_setup_teardown(test_read_known_generation_leaves_the_copy_alone, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_read_trouble_is_false_with_its_text, make, drop),
        cmocka_unit_test_setup_teardown(test_read_while_a_writer_publishes_and_dies_is_never_torn,
                                        make, drop),
        cmocka_unit_test_setup_teardown(test_seal_key_is_read_as_published, make, drop),
        cmocka_unit_test_setup_teardown(test_seal_key_is_never_torn, make, drop),
        cmocka_unit_test_setup_teardown(test_complaints_and_skew_are_shared, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
