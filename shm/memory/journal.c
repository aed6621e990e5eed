#include "shm/memory/journal.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "shm/memory/scoreboard.h"

#define LOOK_AGAIN_MS 5u /* a full block is not searched more often than this */

/* --- worker -------------------------------------------------------------------------------- */

static struct journal_record *block_of(const struct journal *j, uint32_t block)
{
    return &j->records[(size_t)block * j->header->records];
}

static uint32_t state_of(const struct journal_record *r)
{
    return atomic_load_explicit(&r->state, memory_order_acquire);
}

static uint32_t high_of(const struct journal *j, uint32_t block)
{
    uint32_t high = atomic_load_explicit(&j->blocks[block].high, memory_order_acquire);
    return high < j->header->records ? high : j->header->records;
}

/* What the predecessor left is the refresher's: the owner changes first, so that it sees so. */
void journal_enter(struct journal *j, uint32_t worker)
{
    assert(worker >= 1 && worker <= j->header->blocks);
    j->mine = &j->blocks[worker - 1];
    j->first = (worker - 1) * j->header->records;
    j->unused_count = 0;
    j->full_until_ms = 0;
    j->number = 0;
    text_random(&j->owner, sizeof j->owner);
    atomic_store(&j->mine->owner, j->owner);
    atomic_store(&j->mine->pid, (uint32_t)getpid());
}

/* The lowest free ones: a few pages serve for ever, however many records the file has room for. */
static void find_unused(struct journal *j)
{
    uint32_t found[JOURNAL_STACK], n = 0;
    for (uint32_t i = 0; i < j->header->records && n < JOURNAL_STACK; i++) {
        if (state_of(&j->records[j->first + i]) == JOURNAL_FREE) {
            found[n++] = i;
        }
    }
    while (n) {
        j->unused[j->unused_count++] = found[--n];
    }
}

struct journal_record *journal_begin_record(struct journal *j)
{
    if (j->unused_count == 0) {
        if (clock_mono_ms() < j->full_until_ms) {
            return NULL;
        }
        find_unused(j);
        if (j->unused_count == 0) {
            j->full_until_ms = clock_mono_ms() + LOOK_AGAIN_MS;
            return NULL;
        }
    }
    uint32_t i = j->unused[--j->unused_count];
    if (i >= atomic_load_explicit(&j->mine->high, memory_order_relaxed)) {
        atomic_store_explicit(&j->mine->high, i + 1, memory_order_release);
    }
    struct journal_record *r = &j->records[j->first + i];
    memset((char *)r + sizeof r->state, 0, sizeof *r - sizeof r->state);
    r->owner = j->owner;
    r->number = ++j->number;
    return r;
}

void journal_open_record(struct journal *j, struct journal_record *r)
{
    assert(r->owner == j->owner && state_of(r) == JOURNAL_FREE);
    atomic_store_explicit(&r->state, JOURNAL_OPEN, memory_order_release);
}

void journal_close_record(struct journal *j, struct journal_record *r)
{
    assert(r->owner == j->owner && state_of(r) == JOURNAL_OPEN);
    atomic_store_explicit(&r->state, JOURNAL_CLOSED, memory_order_release);
    uint64_t closed = atomic_load_explicit(&j->mine->closed, memory_order_relaxed);
    atomic_store_explicit(&j->mine->closed, closed + 1, memory_order_release);
}

/* --- refresher ----------------------------------------------------------------------------- */

/* The owner word is the living worker's; its process is the one that the scoreboard shows. */
static bool is_alive(const struct journal *j, const struct segment *s, uint32_t block)
{
    if (!s || block >= s->header->workers) {
        return false;
    }
    const struct scoreboard_slot *p = &s->scoreboard[block + 1];
    return atomic_load(&p->state) != SCOREBOARD_FREE &&
           atomic_load(&p->pid) == atomic_load(&j->blocks[block].pid);
}

/* Once its worker is dead nobody else writes the record. */
static void bury(struct journal_record *r)
{
    r->flags = (r->flags & ~(uint32_t)JOURNAL_SUCCESS) | JOURNAL_BURIED;
    r->cost_micro = prices_cost(&r->price, &r->tokens,
                                r->tier <= DIRECTORY_TIER_RESERVED ? (enum directory_tier)r->tier
                                                                   : DIRECTORY_TIER_DEFAULT);
    text_copy(STR("WORKER_DIED"), r->error, sizeof r->error);
    atomic_store_explicit(&r->state, JOURNAL_CLOSED, memory_order_release);
}

uint32_t journal_bury(struct journal *j, const struct segment *s)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < j->header->blocks; b++) {
        bool alive = is_alive(j, s, b);
        uint64_t owner = atomic_load(&j->blocks[b].owner);
        struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b); i++) {
            if (state_of(&records[i]) == JOURNAL_OPEN && (!alive || records[i].owner != owner)) {
                bury(&records[i]);
                n++;
            }
        }
    }
    return n;
}

static uint64_t sum_closed(const struct journal *j)
{
    uint64_t sum = 0;
    for (uint32_t b = 0; b < j->header->blocks; b++) {
        sum += atomic_load_explicit(&j->blocks[b].closed, memory_order_acquire);
    }
    return sum;
}

/* By sequence, insertion: the tried ones of one batch only. */
static void put_in_order(struct journal_record **out, uint32_t n, struct journal_record *r)
{
    while (n && out[n - 1]->sequence > r->sequence) {
        out[n] = out[n - 1];
        n--;
    }
    out[n] = r;
}

static uint32_t gather(struct journal *j, struct journal_record **out, uint32_t max, bool tried)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < j->header->blocks; b++) {
        struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b) && n < max; i++) {
            if (state_of(&records[i]) == JOURNAL_CLOSED && (records[i].sequence != 0) == tried) {
                put_in_order(out, n++, &records[i]);
            }
        }
    }
    return n;
}

/* A batch gets its sequences before the store sees it, and stays a batch until the store has it:
 * so after any failure or death it comes again, whole and in order, before anything newer. */
uint32_t journal_collect(struct journal *j, struct journal_record **out, uint32_t max, bool all)
{
    uint64_t closed = sum_closed(j);
    if (!all && closed == j->seen_closed) {
        return 0;
    }
    uint32_t n = gather(j, out, max, true);
    if (n) {
        return n;
    }
    n = gather(j, out, max, false);
    for (uint32_t i = 0; i < n; i++) {
        out[i]->sequence = ++j->header->sequence;
    }
    if (n < max) {
        j->seen_closed = closed;
    }
    return n;
}

void journal_release(struct journal_record *r)
{
    assert(state_of(r) == JOURNAL_CLOSED);
    atomic_store_explicit(&r->state, JOURNAL_FREE, memory_order_release);
}

void journal_each_closed(const struct journal *j,
                         void (*fn)(void *ctx, const struct journal_record *r), void *ctx)
{
    for (uint32_t b = 0; b < j->header->blocks; b++) {
        const struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b); i++) {
            if (state_of(&records[i]) == JOURNAL_CLOSED) {
                fn(ctx, &records[i]);
            }
        }
    }
}

/* --- anybody ------------------------------------------------------------------------------- */

void journal_depth(const struct journal *j, struct journal_depth *out)
{
    *out = (struct journal_depth){.records = (uint64_t)j->header->blocks * j->header->records};
    for (uint32_t b = 0; b < j->header->blocks; b++) {
        const struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b); i++) {
            uint32_t state = state_of(&records[i]);
            out->open += state == JOURNAL_OPEN;
            out->closed += state == JOURNAL_CLOSED;
        }
    }
}

void journal_usage_id(const struct journal_record *r, char out[33])
{
    uint8_t bytes[16];
    for (int i = 0; i < 8; i++) { /* written out: the id does not depend on the machine */
        bytes[i] = (uint8_t)(r->owner >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(r->number >> (56 - 8 * i));
    }
    text_hex(bytes, sizeof bytes, out);
    out[32] = '\0';
}
