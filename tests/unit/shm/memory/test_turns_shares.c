/* Whose turn it is, measured: workers as processes, in which keys of one request and a greedy one come
 * again and again. What the words do is in test_turns.c. */
#include "shm/memory/turns.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "server/base/clock.h"
#include "shm/memory/segment.h"

#define OWNER 3u /* a model */

static struct segment seg;

static uint64_t now_ms(void)
{
    return clock_now_ns() / 1000000u;
}

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 4, 64, &err) == STATUS_OK ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* What a worker does: it shows its first, tries, takes the next request of the same key. */
struct queue {
    uint32_t n;
    struct {
        uint32_t slot;
        struct turns_ticket t;
    } waits[64];
};

static uint32_t first_of(const struct queue *q)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < q->n; i++) {
        best = q->waits[i].t.tag < q->waits[best].t.tag ? i : best;
    }
    return best;
}

/* What the processes of one measure share. */
struct shares {
    _Atomic uint32_t served[16]; /* by key */
    _Atomic uint32_t joined;     /* workers whose requests wait */
    _Atomic uint64_t end_ms;     /* the same for all: who goes on alone has all turns */
    _Atomic bool stalled; /* one did not run for so long that it was taken for dead, or nearly */
};

/* Each who is served comes again at once, from when all workers are there until the time is over. */
static void work(uint32_t worker, uint32_t workers, struct queue *q, struct shares *all,
                 uint32_t ms)
{
    for (uint32_t i = 0; i < q->n; i++) {
        turns_join(&seg, OWNER, q->waits[i].slot, now_ms(), &q->waits[i].t);
    }
    atomic_fetch_add(&all->joined, 1);
    while (atomic_load(&all->joined) < workers) {
        usleep(200);
    }
    uint64_t last_ms = now_ms(), none = 0;
    atomic_compare_exchange_strong(&all->end_ms, &none, last_ms + ms);
    while (now_ms() < atomic_load(&all->end_ms)) {
        uint32_t i = first_of(q);
        if (now_ms() > last_ms + TURNS_STALE_MS / 2) {
            atomic_store(&all->stalled, true);
        }
        last_ms = now_ms();
        turns_show(&seg, worker, q->waits[i].t.gate, q->waits[i].t.tag, q->n, now_ms());
        if (turns_take(&seg, worker, &q->waits[i].t, clock_now_ns() / 1000u)) {
            atomic_fetch_add(&all->served[q->waits[i].slot], 1);
            turns_good(&seg, &q->waits[i].t);
            turns_join(&seg, OWNER, q->waits[i].slot, now_ms(), &q->waits[i].t);
        } else {
            usleep(200);
        }
    }
    for (uint32_t i = 0; i < q->n; i++) {
        turns_leave(&seg, &q->waits[i].t);
    }
    if (q->n) {
        turns_show(&seg, worker, q->waits[0].t.gate, 0, 0, now_ms());
    }
}

enum { KEYS = 10 };

static bool counts(uint32_t key, uint32_t workers, bool killed)
{
    return !(killed && key % workers + 1 == 3);
}

/* Ten keys of one request each, and one that has forty, over all workers. The third of them is killed. False:
 * the machine had other work, and what was measured is worth nothing. */
static bool measure_shares(uint32_t workers, bool killed, uint32_t *least, uint32_t *most)
{
    struct shares *all =
        mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t victim = 0;
    for (uint32_t w = 1; w <= workers; w++) {
        struct queue q = {.n = 0};
        for (uint32_t k = 1; k <= KEYS; k++) {
            if (k % workers + 1 == w && !(killed && w == 3)) {
                q.waits[q.n++].slot = k;
            }
        }
        for (uint32_t i = 0; i < 40 / workers; i++) {
            q.waits[q.n++].slot = 0;
        }
        pid_t pid = fork();
        if (pid == 0) {
            work(w, workers, &q, all, 1500);
            _exit(0);
        }
        victim = w == 3 ? pid : victim;
    }
    int status;
    if (killed) {
        usleep(200000);
        kill(victim, SIGKILL);
        waitpid(victim, &status, 0);
        atomic_store(&all->joined, workers); /* if it had not begun */
    }
    while (wait(&status) > 0) {
        assert_int_equal(status, 0);
    }
    *least = UINT32_MAX;
    *most = 0;
    for (uint32_t k = 0; k <= KEYS; k++) {
        uint32_t n = atomic_load(&all->served[k]);
        if (counts(k, workers, killed)) {
            *least = n < *least ? n : *least;
            *most = n > *most ? n : *most;
        }
    }
    bool good = !atomic_load(&all->stalled);
    munmap((void *)all, sizeof *all);
    return good;
}

static void check_shares(uint32_t workers, bool killed)
{
    uint32_t least = 0, most = 0;
    bool good = false;
    for (int i = 0; i < 10 && !good; i++) {
        good = measure_shares(workers, killed, &least, &most);
    }
    if (!good) {
        print_message("the machine has too much other work for a measure of shares\n");
        skip();
    }
    if (least < 20 || most > least + 3 + (killed ? 40 : 0)) {
        fail_msg("%u workers: from %u to %u turns a key", workers, least, most);
    }
}

static void test_greedy_key_in_two_and_four_processes_has_its_share(void **state)
{
    (void)state;
    check_shares(2, false);
    check_shares(4, false);
}

static void test_greedy_key_of_a_killed_worker_has_its_share(void **state)
{
    (void)state;
    check_shares(4, true);
}

#define T(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_greedy_key_in_two_and_four_processes_has_its_share),
        T(test_greedy_key_of_a_killed_worker_has_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
