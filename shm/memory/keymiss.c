/*
 * Ring of worker w: question t lies in cell t % 64, its state word is t << 2 | result once
 * answered. head and the cell's question are the worker's, tail and the state word the refresher's.
 * A cell is free for question t when its state word says that t - 64 was answered, so nothing else
 * needs a count.
 */
#include "shm/memory/keymiss.h"

#include <assert.h>
#include <string.h>
#include "server/net/loop.h"

struct cell {
    uint8_t digest[32];
    char key[KEYMISS_KEY_MAX]; /* worker writes, refresher wipes */
    uint32_t key_len;
    uint32_t reserved;
    _Atomic uint64_t answer; /* refresher */
};
_Static_assert(sizeof(struct cell) == 248, "no padding");

struct ring {
    _Atomic uint64_t head; /* worker: last question asked, counted from 1 */
    uint64_t reserved_head[15];
    _Atomic uint64_t tail; /* refresher: last question read */
    uint64_t reserved_tail[15];
    struct cell cells[KEYMISS_RING];
};
_Static_assert(sizeof(struct ring) % 128 == 0, "rings share no cache line");

struct keymiss_area {
    struct ring rings[SEGMENT_WORKERS_MAX]; /* only those of the workers are mapped */
};

size_t keymiss_area_size(uint32_t workers)
{
    return workers * sizeof(struct ring);
}

static struct ring *ring_of(const struct segment *s, uint32_t worker)
{
    assert(worker >= 1 && worker <= s->header->workers);
    return &s->keymiss->rings[worker - 1];
}

static struct cell *cell_of(struct ring *r, uint64_t ticket)
{
    return &r->cells[ticket % KEYMISS_RING];
}

/* --- worker -------------------------------------------------------------------------------- */

uint64_t keymiss_ask(struct segment *s, uint32_t worker, const uint8_t digest[32], struct str key)
{
    assert(key.n <= KEYMISS_KEY_MAX);
    struct ring *r = ring_of(s, worker);
    uint64_t ticket = atomic_load_explicit(&r->head, memory_order_relaxed) + 1;
    struct cell *c = cell_of(r, ticket);
    uint64_t answered = atomic_load_explicit(&c->answer, memory_order_acquire) >> 2;
    if (ticket > KEYMISS_RING && answered != ticket - KEYMISS_RING) {
        return 0;
    }
    memcpy(c->digest, digest, sizeof c->digest);
    memcpy(c->key, key.p, key.n);
    c->key_len = (uint32_t)key.n;
    atomic_store_explicit(&r->head, ticket, memory_order_release);
    loop_eventfd_ring(s->wake_refresher);
    return ticket;
}

enum keymiss_result keymiss_poll(const struct segment *s, uint32_t worker, uint64_t ticket)
{
    uint64_t answer =
        atomic_load_explicit(&cell_of(ring_of(s, worker), ticket)->answer, memory_order_acquire);
    if (answer >> 2 == ticket) {
        return (enum keymiss_result)(answer & 3);
    }
    /* A later answer in the cell: this one was polled 64 questions too late. */
    return answer >> 2 > ticket ? KEYMISS_UNAVAILABLE : KEYMISS_PENDING;
}

/* --- refresher ----------------------------------------------------------------------------- */

static void answer(struct segment *s, uint32_t worker, uint64_t ticket, enum keymiss_result result)
{
    struct cell *c = cell_of(ring_of(s, worker), ticket);
    atomic_store_explicit(&c->answer, ticket << 2 | result, memory_order_release);
    loop_eventfd_ring(s->wake_worker[worker - 1]);
}

/* Ends every question up to last that has no answer, so that no cell stays taken. */
static void give_up(struct segment *s, uint32_t worker, uint64_t last)
{
    struct ring *r = ring_of(s, worker);
    for (uint64_t ticket = last > KEYMISS_RING ? last - KEYMISS_RING + 1 : 1; ticket <= last;
         ticket++) {
        struct cell *c = cell_of(r, ticket);
        if (atomic_load_explicit(&c->answer, memory_order_relaxed) >> 2 != ticket) {
            text_wipe(c->key, sizeof c->key);
            answer(s, worker, ticket, KEYMISS_UNAVAILABLE);
        }
    }
}

/* What a broken worker left may be damaged: distances and lengths are checked. */
static bool unread(struct segment *s, uint32_t worker)
{
    struct ring *r = ring_of(s, worker);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (head - tail > KEYMISS_RING) {
        atomic_store_explicit(&r->tail, head, memory_order_relaxed);
        give_up(s, worker, head);
        return false;
    }
    return head != tail;
}

/* tail moves before the wipe: a question without its key is never read twice. */
static void read_question(struct ring *r, struct keymiss_question *out)
{
    out->ticket = atomic_load_explicit(&r->tail, memory_order_relaxed) + 1;
    struct cell *c = cell_of(r, out->ticket);
    memcpy(out->digest, c->digest, sizeof out->digest);
    memcpy(out->key, c->key, sizeof out->key);
    out->key_len = c->key_len <= KEYMISS_KEY_MAX ? c->key_len : 0;
    atomic_store_explicit(&r->tail, out->ticket, memory_order_release);
    text_wipe(c->key, sizeof c->key);
}

bool keymiss_next(struct segment *s, struct keymiss_question *out)
{
    static uint32_t turn; /* round robin: one flooded worker does not starve the others */
    for (uint32_t i = 0; i < s->header->workers; i++) {
        out->worker = turn++ % s->header->workers + 1;
        if (unread(s, out->worker)) {
            read_question(ring_of(s, out->worker), out);
            return true;
        }
    }
    return false;
}

void keymiss_answer(struct segment *s, const struct keymiss_question *q, enum keymiss_result result)
{
    assert(result != KEYMISS_PENDING);
    answer(s, q->worker, q->ticket, result);
}

void keymiss_recover(struct segment *s)
{
    for (uint32_t worker = 1; worker <= s->header->workers; worker++) {
        give_up(s, worker, atomic_load_explicit(&ring_of(s, worker)->tail, memory_order_acquire));
    }
}
