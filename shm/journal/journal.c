#include "shm/journal/journal.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/catalogue/prices.h"
#include "shm/memory/scoreboard.h"

#define LOOK_AGAIN_MS 5u /* a full block is not searched more often than this */

/* --- worker -------------------------------------------------------------------------------- */

static struct journal_record *block_of(const struct journal *j, uint32_t block)
{
    return &j->records[(size_t)block * j->records_a_block];
}

static uint32_t state_of(const struct journal_record *r)
{
    return atomic_load_explicit(&r->state, memory_order_acquire);
}

static uint32_t high_of(const struct journal *j, uint32_t block)
{
    uint32_t high = atomic_load_explicit(&j->blocks[block].high, memory_order_acquire);
    return high < j->records_a_block ? high : j->records_a_block;
}

static void settle_in(struct journal *j)
{
    j->unused_count = 0;
    j->full_until_ms = 0;
    atomic_store(&j->mine->owner, j->owner);
    atomic_store(&j->mine->pid, (uint32_t)getpid());
}

/* What the predecessor left is the refresher's: the owner changes first, so that it sees so. */
void journal_enter(struct journal *j, uint32_t worker)
{
    assert(worker >= 1 && worker <= j->blocks_in_file);
    j->mine = &j->blocks[worker - 1];
    j->first = (worker - 1) * j->records_a_block;
    j->number = 0;
    text_random(&j->owner, sizeof j->owner);
    settle_in(j);
}

/* The head of the file was lost: it says nothing of us, nor how far our records go. */
static void settle_again(struct journal *j)
{
    atomic_store(&j->mine->high, j->records_a_block);
    settle_in(j);
}

/* The lowest free ones: a few pages serve for ever, however many records the file has room for. */
static void find_unused(struct journal *j)
{
    uint32_t found[JOURNAL_STACK], n = 0;
    for (uint32_t i = 0; i < j->records_a_block && n < JOURNAL_STACK; i++) {
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
    if (atomic_load_explicit(&j->mine->owner, memory_order_relaxed) != j->owner) {
        settle_again(j);
    }
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
    (void)j;
    r->opened = journal_seal_opened(r);
    atomic_store_explicit(&r->state, JOURNAL_OPEN, memory_order_release);
}

bool journal_holds(const struct journal *j, const struct journal_record *r, uint64_t number)
{
    return r->owner == j->owner && r->number == number && state_of(r) == JOURNAL_OPEN;
}

bool journal_close_record(struct journal *j, struct journal_record *r)
{
    uint32_t open = JOURNAL_OPEN;
    r->closed = journal_seal_closed(r);
    if (!atomic_compare_exchange_strong_explicit(&r->state, &open, JOURNAL_CLOSED,
                                                 memory_order_release, memory_order_relaxed)) {
        return false;
    }
    uint64_t closed = atomic_load_explicit(&j->mine->closed, memory_order_relaxed);
    atomic_store_explicit(&j->mine->closed, closed + 1, memory_order_release);
    return true;
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

/* Once its worker is dead nobody else writes the record. False: nobody can say what it was. */
static bool bury(struct journal *j, struct journal_record *r)
{
    if (!journal_seal_is_good(r, JOURNAL_OPEN)) {
        journal_seal_put_aside(j, r);
        return false;
    }
    r->flags = (r->flags & ~(uint32_t)JOURNAL_SUCCESS) | JOURNAL_BURIED;
    r->cost_micro = prices_cost(&r->rates, &r->tokens);
    text_copy(STR("WORKER_DIED"), r->error, sizeof r->error);
    r->opened = journal_seal_opened(r); /* it may have died while it renamed the model */
    atomic_thread_fence(memory_order_seq_cst);
    r->closed = journal_seal_closed(r);
    atomic_store_explicit(&r->state, JOURNAL_CLOSED, memory_order_release);
    return true;
}

uint32_t journal_bury(struct journal *j, const struct segment *s)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
        bool alive = is_alive(j, s, b);
        uint64_t owner = atomic_load(&j->blocks[b].owner);
        struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b); i++) {
            if (state_of(&records[i]) == JOURNAL_OPEN && (!alive || records[i].owner != owner)) {
                n += bury(j, &records[i]);
            }
        }
    }
    journal_seal_tell(j);
    return n;
}

/* The refresher alone writes the header once it is made, so what it finds there is what it wrote
 * itself, or its predecessor; else the head of the file was lost. Then no record tells any more
 * which of its sequences the store has seen: another flusher, whose own go on above all of them. */
static void write_header(struct journal *j)
{
    struct journal_header *h = j->header;
    if (h->magic || h->flusher) { /* else the file was cut: who made it whole has said so */
        log_line(LOG_ERROR, "usage", "the head of the usage journal is damaged: written anew");
    }
    h->magic = 0;
    atomic_thread_fence(memory_order_release);
    text_random(&j->flusher, sizeof j->flusher);
    *h = (struct journal_header){.version = JOURNAL_VERSION,
                                 .record_size = sizeof(struct journal_record),
                                 .blocks = j->blocks_in_file,
                                 .records = j->records_a_block,
                                 .flusher = j->flusher,
                                 .sequence = j->sequence};
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
        atomic_store(&j->blocks[b].high, j->records_a_block);
    }
    atomic_thread_fence(memory_order_release);
    h->magic = JOURNAL_MAGIC;
}

static uint64_t highest_sequence(const struct journal *j)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < (size_t)j->blocks_in_file * j->records_a_block; i++) {
        const struct journal_record *r = &j->records[i];
        bool counts = state_of(r) == JOURNAL_CLOSED && journal_seal_is_good(r, JOURNAL_CLOSED);
        highest = counts && r->sequence > highest ? r->sequence : highest;
    }
    return highest;
}

static void attend_header(struct journal *j)
{
    const struct journal_header *h = j->header;
    bool first = j->flusher == 0;
    bool good = h->magic == JOURNAL_MAGIC && h->version == JOURNAL_VERSION && h->flusher;
    if (good && first) {
        j->flusher = h->flusher;
        j->sequence = h->sequence;
    } else if (!good || h->flusher != j->flusher || h->sequence != j->sequence) {
        j->sequence = first ? highest_sequence(j) : j->sequence;
        write_header(j);
    }
}

static uint64_t sum_closed(const struct journal *j)
{
    uint64_t sum = 0;
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
        sum += atomic_load_explicit(&j->blocks[b].closed, memory_order_acquire);
    }
    return sum;
}

/* By sequence, insertion: the tried ones of one batch only, which mostly come in order. */
static void put_in_order(struct journal_entry *out, uint32_t n, const struct journal_entry *e)
{
    while (n && out[n - 1].copy.sequence > e->copy.sequence) {
        out[n] = out[n - 1];
        n--;
    }
    out[n] = *e;
}

/* One that nobody has given is none. */
static uint64_t sequence_of(const struct journal *j, const struct journal_record *r)
{
    return r->sequence <= j->sequence ? r->sequence : 0;
}

/* A copy, checked: what the row is made of. */
static bool copy_out(const struct journal *j, struct journal_record *r, struct journal_entry *e)
{
    e->at = r;
    memcpy(&e->copy, r, sizeof e->copy);
    e->copy.sequence = sequence_of(j, &e->copy);
    return state_of(r) == JOURNAL_CLOSED && journal_seal_is_good(&e->copy, JOURNAL_CLOSED);
}

/* What has no state that exists is damaged, too. */
static bool is_wanted(const struct journal *j, const struct journal_record *r, bool tried)
{
    uint32_t state = state_of(r);
    return state > JOURNAL_CLOSED || (state == JOURNAL_CLOSED && (sequence_of(j, r) != 0) == tried);
}

static uint32_t gather(struct journal *j, struct journal_entry *out, uint32_t max, bool tried)
{
    uint32_t n = 0;
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
        struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b) && n < max; i++) {
            struct journal_entry e;
            if (!is_wanted(j, &records[i], tried)) {
                continue;
            }
            if (copy_out(j, &records[i], &e)) {
                put_in_order(out, n++, &e);
            } else {
                journal_seal_put_aside(j, &records[i]);
            }
        }
    }
    journal_seal_tell(j);
    return n;
}

/* In the header first: whoever is killed in between has left a gap, not the same number twice. */
static void give_sequence(struct journal *j, struct journal_entry *e)
{
    j->header->sequence = ++j->sequence;
    atomic_thread_fence(memory_order_release);
    e->copy.sequence = j->sequence;
    e->at->sequence = j->sequence;
}

/* A batch gets its sequences before the store sees it, and stays a batch until the store has it:
 * so after any failure or death it comes again, whole and in order, before anything newer. */
uint32_t journal_collect(struct journal *j, struct journal_entry *out, uint32_t max, bool all)
{
    attend_header(j);
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
        give_sequence(j, &out[i]);
    }
    if (n < max) {
        j->seen_closed = closed;
    }
    return n;
}

/* Where the file was cut meanwhile another record may stand by now, which the store has not. */
void journal_release(const struct journal_entry *e)
{
    bool same = e->at->owner == e->copy.owner && e->at->number == e->copy.number;
    if (same && state_of(e->at) == JOURNAL_CLOSED) {
        atomic_store_explicit(&e->at->state, JOURNAL_FREE, memory_order_release);
    }
}

void journal_each_closed(const struct journal *j,
                         void (*fn)(void *ctx, const struct journal_record *r), void *ctx)
{
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
        struct journal_record *records = block_of(j, b);
        for (uint32_t i = 0; i < high_of(j, b); i++) {
            struct journal_entry e;
            if (state_of(&records[i]) == JOURNAL_CLOSED && copy_out(j, &records[i], &e)) {
                fn(ctx, &e.copy);
            }
        }
    }
}

/* --- anybody ------------------------------------------------------------------------------- */

void journal_depth(const struct journal *j, struct journal_depth *out)
{
    *out = (struct journal_depth){.records = (uint64_t)j->blocks_in_file * j->records_a_block};
    for (uint32_t b = 0; b < j->blocks_in_file; b++) {
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
