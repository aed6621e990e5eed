#include "shm/memory/keymiss.h"
#include "shm/memory/segment.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/net/loop.h"
#include "server/base/sha256.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 3, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

static uint64_t ask(uint32_t worker, const char *key)
{
    uint8_t digest[32];
    sha256(key, strlen(key), digest);
    return keymiss_ask(&seg, worker, digest, text_from(key));
}

static bool rings(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool rung = poll(&p, 1, 0) == 1;
    loop_eventfd_clear(fd);
    return rung;
}

static bool in_memory(const char *text)
{
    return memmem(seg.keymiss, keymiss_area_size(3), text, strlen(text)) != NULL;
}

static void test_ask_then_answer_reaches_the_worker(void **state)
{
    (void)state;
    struct keymiss_question q;
    assert_false(keymiss_next(&seg, &q));
    uint64_t ticket = ask(2, "sk-a-secret-key");
    assert_true(ticket > 0);
    assert_true(rings(seg.wake_refresher));
    assert_int_equal(keymiss_poll(&seg, 2, ticket), KEYMISS_PENDING);
    assert_true(in_memory("sk-a-secret-key"));
    assert_true(keymiss_next(&seg, &q));
    assert_false(in_memory("sk-a-secret-key"));
    assert_int_equal(q.worker, 2);
    assert_int_equal(q.key_len, 15);
    assert_memory_equal(q.key, "sk-a-secret-key", 15);
    uint8_t digest[32];
    sha256("sk-a-secret-key", 15, digest);
    assert_memory_equal(q.digest, digest, 32);
    assert_false(keymiss_next(&seg, &q));
    assert_int_equal(keymiss_poll(&seg, 2, ticket), KEYMISS_PENDING);
    keymiss_answer(&seg, &q, KEYMISS_FOUND);
    assert_int_equal(keymiss_poll(&seg, 2, ticket), KEYMISS_FOUND);
    assert_true(rings(seg.wake_worker[1]));
    assert_false(rings(seg.wake_worker[0]));
}

static void test_ask_full_ring_gives_no_ticket(void **state)
{
    (void)state;
    struct keymiss_question q;
    uint64_t first = ask(1, "k");
    for (uint32_t i = 1; i < KEYMISS_RING; i++) {
        assert_true(ask(1, "k") > 0);
    }
    assert_int_equal(ask(1, "k"), 0);
    assert_true(ask(2, "k") > 0);
    for (int i = 0; i < 2; i++) { /* read but not answered: still full */
        assert_true(keymiss_next(&seg, &q));
    }
    assert_int_equal(ask(1, "k"), 0);
    q.worker = 1;
    q.ticket = first;
    keymiss_answer(&seg, &q, KEYMISS_ABSENT);
    assert_int_equal(keymiss_poll(&seg, 1, first), KEYMISS_ABSENT);
    assert_true(ask(1, "k") > 0);
    assert_int_equal(keymiss_poll(&seg, 1, first),
                     KEYMISS_ABSENT); /* until the new one is answered */
    assert_int_equal(ask(1, "k"), 0);
}

static void test_ring_goes_round_many_times(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5 * KEYMISS_RING; i++) {
        struct keymiss_question q;
        char key[32];
        snprintf(key, sizeof key, "key-%u", i);
        uint64_t ticket = ask(3, key);
        assert_true(keymiss_next(&seg, &q));
        assert_int_equal(q.ticket, ticket);
        assert_memory_equal(q.key, key, strlen(key));
        keymiss_answer(&seg, &q, i % 2 ? KEYMISS_FOUND : KEYMISS_ABSENT);
        assert_int_equal(keymiss_poll(&seg, 3, ticket), i % 2 ? KEYMISS_FOUND : KEYMISS_ABSENT);
        if (ticket > KEYMISS_RING) { /* polled far too late */
            assert_int_equal(keymiss_poll(&seg, 3, ticket - KEYMISS_RING), KEYMISS_UNAVAILABLE);
        }
    }
}

static void test_next_takes_turns_between_workers(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        ask(1, "flood");
    }
    ask(2, "b");
    ask(3, "c");
    uint32_t seen = 0;
    for (int i = 0; i < 3; i++) {
        struct keymiss_question q;
        assert_true(keymiss_next(&seg, &q));
        seen |= 1u << q.worker;
    }
    assert_int_equal(seen, 1u << 1 | 1u << 2 | 1u << 3);
}

static void test_recover_ends_what_the_dead_refresher_had_read(void **state)
{
    (void)state;
    struct keymiss_question q;
    uint64_t answered = ask(1, "a"), read_only = ask(1, "b"), unread = ask(1, "c");
    assert_true(keymiss_next(&seg, &q));
    keymiss_answer(&seg, &q, KEYMISS_FOUND);
    assert_true(keymiss_next(&seg, &q));
    rings(seg.wake_worker[0]);
    keymiss_recover(&seg);
    assert_int_equal(keymiss_poll(&seg, 1, answered), KEYMISS_FOUND);
    assert_int_equal(keymiss_poll(&seg, 1, read_only), KEYMISS_UNAVAILABLE);
    assert_int_equal(keymiss_poll(&seg, 1, unread), KEYMISS_PENDING);
    assert_true(rings(seg.wake_worker[0]));
    assert_true(keymiss_next(&seg, &q));
    assert_int_equal(q.ticket, unread);
}

static void test_ask_of_a_killed_worker_leaves_the_ring_usable(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;) {
                ask(1, "sk-somebody");
            }
        }
        struct keymiss_question q;
        for (int i = 0; i < 200; i++) {
            if (keymiss_next(&seg, &q)) {
                keymiss_answer(&seg, &q, KEYMISS_ABSENT);
            }
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        while (keymiss_next(&seg, &q)) {
            assert_int_equal(q.key_len, 11);
            keymiss_answer(&seg, &q, KEYMISS_ABSENT);
        }
        uint64_t ticket = ask(1, "sk-successor");
        assert_true(ticket > 0);
        assert_true(keymiss_next(&seg, &q));
        assert_int_equal(q.ticket, ticket);
        assert_memory_equal(q.key, "sk-successor", 12);
        keymiss_answer(&seg, &q, KEYMISS_ABSENT);
    }
}

static void test_next_damaged_head_heals(void **state)
{
    (void)state;
    struct keymiss_question q;
    _Atomic uint64_t *head =
        (_Atomic uint64_t *)(void *)seg.keymiss; /* worker 1's ring begins with it */
    ask(1, "k");
    assert_int_equal(atomic_load(head), 1);
    atomic_store(head, 1000000);
    assert_false(keymiss_next(&seg, &q));
    uint64_t ticket = ask(1, "again");
    assert_int_equal(ticket, 1000001);
    assert_true(keymiss_next(&seg, &q));
    assert_memory_equal(q.key, "again", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ask_then_answer_reaches_the_worker, make, drop),
        cmocka_unit_test_setup_teardown(test_ask_full_ring_gives_no_ticket, make, drop),
        cmocka_unit_test_setup_teardown(test_ring_goes_round_many_times, make, drop),
        cmocka_unit_test_setup_teardown(test_next_takes_turns_between_workers, make, drop),
        cmocka_unit_test_setup_teardown(test_recover_ends_what_the_dead_refresher_had_read, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_ask_of_a_killed_worker_leaves_the_ring_usable, make,
                                        drop),
        cmocka_unit_test_setup_teardown(test_next_damaged_head_heals, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
