#include "shm/refresher/budgets.h"

#include <string.h>
#include "server/base/arena.h"
#include "shm/memory/bucket.h"
#include "shm/journal/journal.h"

struct staged {
    uint8_t digest[32];
    struct bucket sum; /* only its months are used: what the bucket shall have at least */
    uint32_t month;    /* as stored */
    uint64_t micro;
    int64_t reset_ms; /* the stored sum was set back then; 0: never */
};

struct budgets {
    struct segment *segment;
    struct staged *staged;
    size_t count, room;
    uint32_t *entry_of; /* by slot: number in staged + 1 */
    bool has_entries;   /* one of them is not 0 */
    struct last {
        uint32_t month;
        uint64_t micro;
        int64_t reset_ms;
    } * last; /* by slot: what was stored at the reading before */
};

struct budgets *budgets_new(struct segment *s)
{
    struct budgets *b = heap_new(sizeof *b);
    if (!b) {
        return NULL;
    }
    b->segment = s;
    b->entry_of = heap_new(bucket_slots(s) * sizeof *b->entry_of);
    b->last = heap_new(bucket_slots(s) * sizeof *b->last);
    if (!b->entry_of || !b->last) {
        budgets_drop(b);
        return NULL;
    }
    return b;
}

void budgets_drop(struct budgets *b)
{
    if (b) {
        heap_drop(b->staged);
        heap_drop(b->entry_of);
        heap_drop(b->last);
        heap_drop(b);
    }
}

void budgets_begin(struct budgets *b)
{
    b->count = 0;
}

/* "2026-01" as bucket_month counts; 0: never used, or nonsense. */
static uint32_t month_number(const char *text)
{
    struct str rest = text_from(text), year;
    uint64_t y, m;
    if (!text_split(&rest, '-', &year) || year.n != 4 || rest.n != 2 || !text_u64(year, &y) ||
        !text_u64(rest, &m) || m < 1 || m > 12) {
        return 0;
    }
    return (uint32_t)(y * 12 + m);
}

bool budgets_stage(struct budgets *b, const uint8_t digest[32], const struct keystore_row *row)
{
    if (row->budget_micro <= 0 && strcmp(row->deactivated_reason, "budget_exceeded") != 0) {
        return true;
    }
    if (b->count == b->room) {
        size_t room = b->room ? 2 * b->room : 64;
        struct staged *more = heap_grow(b->staged, room * sizeof *more);
        if (!more) {
            return false;
        }
        b->staged = more;
        b->room = room;
    }
    struct staged *e = &b->staged[b->count++];
    *e =
        (struct staged){.month = month_number(row->budget_month),
                        .reset_ms = row->budget_reset_ms,
                        .micro = row->budget_used_micro > 0 ? (uint64_t)row->budget_used_micro : 0};
    memcpy(e->digest, digest, sizeof e->digest);
    bucket_raise(&e->sum, e->month, e->micro);
    return true;
}

struct adding {
    struct budgets *budgets;
    const struct keytable *table;
};

/* Slots are of this run, records may be of an earlier one: the digest leads to the key. */
static void add_record(void *ctx, const struct journal_record *r)
{
    const struct adding *a = ctx;
    const struct directory_key *key =
        r->who == JOURNAL_KEY ? keytable_find(a->table, r->digest) : NULL;
    uint32_t entry = key ? a->budgets->entry_of[key->slot] : 0;
    if (!entry || r->started_ms <= 0) {
        return;
    }
    struct staged *e = &a->budgets->staged[entry - 1];
    struct bucket *sum = &e->sum;
    uint32_t month = bucket_month(r->started_ms);
    if (month >= e->month && r->started_ms + r->duration_ms < e->reset_ms) {
        return; /* the store will not count it either (keystore_budget_add) */
    }
    if (month + 1 >= bucket_spent_month(sum)) { /* of an earlier one nothing follows any more */
        bucket_spend(sum, month, r->cost_micro);
    }
}

/* How much was spent since the last reading, and forgiven with the rest, nobody has counted: what is
 * known now is all there is, but for what ends in this very moment and is known next time. */
static void forgive(struct bucket *bucket, const struct staged *e)
{
    uint32_t month = bucket_month(e->reset_ms);
    uint64_t had = bucket_spent(bucket, month), known = bucket_spent(&e->sum, month);
    if (had > known) {
        bucket_lower(bucket, month, had - known);
    }
}

static void publish_one(struct budgets *b, const struct staged *e, const struct directory_key *key)
{
    struct bucket *bucket = bucket_of(b->segment, key->slot, key->tag);
    struct last *last = &b->last[key->slot];
    if (!bucket) {
        return;
    }
    if (last->month == e->month && last->micro > e->micro) {
        bucket_lower(bucket, e->month, last->micro - e->micro);
    }
    if (e->reset_ms > last->reset_ms) {
        forgive(bucket, e);
    }
    *last = (struct last){e->month, e->micro, e->reset_ms};
    bucket_raise_all(bucket, &e->sum);
}

void budgets_publish(struct budgets *b, const struct keytable *t)
{
    struct adding a = {b, t};
    if (b->has_entries) {
        memset(b->entry_of, 0, bucket_slots(b->segment) * sizeof *b->entry_of);
    }
    b->has_entries = b->count > 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct directory_key *key = keytable_find(t, b->staged[i].digest);
        if (key && key->slot) {
            b->entry_of[key->slot] = (uint32_t)i + 1;
        }
    }
    if (b->segment->journal && b->count) {
        journal_each_closed(b->segment->journal, add_record, &a);
    }
    for (size_t i = 0; i < b->count; i++) {
        const struct directory_key *key = keytable_find(t, b->staged[i].digest);
        if (key && key->slot) {
            publish_one(b, &b->staged[i], key);
        }
    }
    b->count = 0;
}
