/*
 * One bank of the area, behind struct directory_area:
 *
 *   struct bank | key index     | key cells
 *               | mapping index | mapping cells
 *               | price index   | price cells
 *               | beta index    | beta cells
 *               | terms index   | terms cells
 *
 * An index word is fragment << 32 | cell number + 1, 0 when empty; a cell is the payload and its
 * CRC. The index has four words a cell, so linear probing stays short (16 k keys: at most some 15
 * words, two cache lines), while the big cells lie dense: half the memory of open addressing over
 * the cells themselves.
 */
#include "shm/memory/directory.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/crc32.h"

#define PROBE_MAX 64u  /* no such run at load 0.25: it bounds what damage can cost */
#define TRIES_MAX 100u /* a retry needs two publications during one read */

typedef _Atomic uint64_t word;

struct directory_area {
    word building;     /* refresher */
    word published;    /* refresher */
    word confirmed_ms; /* refresher; real time */
    word confirmed_mono_ms;
    word max_stale_ms; /* refresher; 0: never stale */
    uint64_t reserved[11];
};
_Static_assert(sizeof(struct directory_area) == 128, "own cache lines");

enum kind { KEYS, MAPPINGS, PRICES, BETAS, TERMS, KINDS };

struct bank {
    word count[KINDS];
    uint64_t reserved[11];
};
_Static_assert(sizeof(struct bank) == 128, "own cache lines");

#define KEY_WORDS     (sizeof(struct directory_key) / 8)
#define MAPPING_WORDS (sizeof(struct directory_mapping) / 8)
#define PRICE_WORDS   (sizeof(struct directory_price_row) / 8)
#define BETA_WORDS    (sizeof(struct directory_beta) / 8)
#define TERMS_WORDS   (sizeof(struct directory_terms) / 8)
#define WORDS_MAX     MAPPING_WORDS

/* One table of one bank, as this process sees it. */
struct table {
    word *count;
    word *index;
    uint64_t index_mask;
    word *cells;
    uint64_t capacity;
    size_t words; /* of the payload; a cell has one more, the CRC */
};

/* --- layout -------------------------------------------------------------------------------- */

/* The power of two from 4 * cells on. */
static uint64_t index_words(uint64_t cells)
{
    return cells <= 16 ? 64 : 1ull << (64 - __builtin_clzll(4 * cells - 1));
}

static size_t table_size(uint64_t capacity, size_t words)
{
    return (index_words(capacity) + capacity * (words + 1)) * sizeof(word);
}

static size_t bank_size(uint32_t max_keys, uint32_t max_mappings)
{
    size_t n = sizeof(struct bank) + table_size(max_keys, KEY_WORDS) +
               table_size(max_mappings, MAPPING_WORDS) +
               table_size(SEGMENT_PRICES_MAX, PRICE_WORDS) +
               table_size(SEGMENT_BETAS_MAX, BETA_WORDS) + table_size(max_keys, TERMS_WORDS);
    return (n + 127) / 128 * 128;
}

size_t directory_area_size(uint32_t max_keys, uint32_t max_mappings)
{
    return sizeof(struct directory_area) + 2 * bank_size(max_keys, max_mappings);
}

static struct table table_of(const struct segment *s, uint64_t generation, enum kind kind)
{
    const struct segment_header *h = s->header;
    char *bank = (char *)s->directory + sizeof(struct directory_area) +
                 (generation & 1) * bank_size(h->max_keys, h->max_mappings);
    const struct {
        uint64_t capacity;
        size_t words;
    } shape[KINDS] = {{h->max_keys, KEY_WORDS},
                      {h->max_mappings, MAPPING_WORDS},
                      {SEGMENT_PRICES_MAX, PRICE_WORDS},
                      {SEGMENT_BETAS_MAX, BETA_WORDS},
                      {h->max_keys, TERMS_WORDS}};
    char *at = bank + sizeof(struct bank);
    for (enum kind before = KEYS; before < kind; before++) {
        at += table_size(shape[before].capacity, shape[before].words);
    }
    struct table t = {.count = &((struct bank *)(void *)bank)->count[kind],
                      .capacity = shape[kind].capacity,
                      .words = shape[kind].words};
    uint64_t n = index_words(t.capacity);
    t.index = (word *)(void *)at;
    t.index_mask = n - 1;
    t.cells = t.index + n;
    return t;
}

static word *cell_of(const struct table *t, uint64_t number)
{
    return t->cells + number * (t->words + 1);
}

/* --- hashes -------------------------------------------------------------------------------- */

/* The seed keeps positions of one boot from being worked out beforehand. */
static uint64_t key_hash(const struct segment *s, const uint8_t digest[32])
{
    uint64_t h;
    memcpy(&h, digest, sizeof h);
    return text_mix(h ^ s->header->epoch);
}

/* Mixed because FNV-1a leaves names that differ at the end close together. Model names are the
 * operator's: nobody floods them, so no seed. */
static uint64_t mapping_hash(struct str name)
{
    return text_mix(text_hash(name));
}

/* The high half of the hash is the fragment in the index word, the low half says where to begin. */
static uint64_t position(const struct table *t, uint64_t hash, uint32_t probe)
{
    return (hash + probe) & t->index_mask;
}

/* --- cells --------------------------------------------------------------------------------- */

static void store(const struct table *t, uint64_t number, const void *payload)
{
    uint64_t words[WORDS_MAX];
    memcpy(words, payload, t->words * 8);
    word *cell = cell_of(t, number);
    for (size_t i = 0; i < t->words; i++) {
        atomic_store_explicit(&cell[i], words[i], memory_order_relaxed);
    }
    atomic_store_explicit(&cell[t->words], crc32_add(0, words, t->words * 8), memory_order_relaxed);
}

/* false: the CRC is wrong: damaged memory, or a bank that is being rebuilt (the caller
 * finds out). */
static bool load(const struct table *t, uint64_t number, void *payload_out)
{
    uint64_t words[WORDS_MAX];
    word *cell = cell_of(t, number);
    for (size_t i = 0; i < t->words; i++) {
        words[i] = atomic_load_explicit(&cell[i], memory_order_relaxed);
    }
    uint64_t crc = atomic_load_explicit(&cell[t->words], memory_order_relaxed);
    memcpy(payload_out, words, t->words * 8);
    return crc == crc32_add(0, words, t->words * 8);
}

typedef bool match_fn(const void *wanted, const void *payload);

enum probe { PROBE_HIT, PROBE_MISS, PROBE_DAMAGED };

static enum probe probe(const struct table *t, uint64_t hash, match_fn *match, const void *wanted,
                        void *payload_out)
{
    for (uint32_t i = 0; i < PROBE_MAX; i++) {
        uint64_t entry =
            atomic_load_explicit(&t->index[position(t, hash, i)], memory_order_relaxed);
        if (entry == 0) {
            return PROBE_MISS;
        }
        if (entry >> 32 != hash >> 32) {
            continue;
        }
        uint64_t number = (entry & UINT32_MAX) - 1; /* 0 wraps to something too large */
        if (number >= t->capacity || !load(t, number, payload_out)) {
            return PROBE_DAMAGED;
        }
        if (match(wanted, payload_out)) {
            return PROBE_HIT;
        }
    }
    return PROBE_MISS;
}

static bool insert(const struct table *t, uint64_t hash, const void *payload)
{
    uint64_t count = atomic_load_explicit(t->count, memory_order_relaxed);
    if (count >= t->capacity) {
        return false;
    }
    for (uint32_t i = 0; i < PROBE_MAX; i++) {
        word *entry = &t->index[position(t, hash, i)];
        if (atomic_load_explicit(entry, memory_order_relaxed) == 0) {
            store(t, count, payload);
            atomic_store_explicit(entry, hash >> 32 << 32 | (count + 1), memory_order_relaxed);
            atomic_store_explicit(t->count, count + 1, memory_order_relaxed);
            return true;
        }
    }
    return false;
}

/* --- readers ------------------------------------------------------------------------------- */

uint64_t directory_generation(const struct segment *s)
{
    return atomic_load_explicit(&s->directory->published, memory_order_acquire);
}

/* After reading from generation's bank: was it left alone? The fence orders the reads of cells
 * before the read of building (Boehm, HPL-2012-68). */
static bool still_valid(const struct segment *s, uint64_t generation)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&s->directory->building, memory_order_relaxed) - generation < 2;
}

static enum directory_found search(const struct segment *s, enum kind kind, uint64_t hash,
                                   match_fn *match, const void *wanted, void *payload_out)
{
    for (uint32_t i = 0; i < TRIES_MAX; i++) {
        uint64_t generation = directory_generation(s);
        if (generation == 0) {
            return DIRECTORY_EMPTY;
        }
        struct table t = table_of(s, generation, kind);
        enum probe found = probe(&t, hash, match, wanted, payload_out);
        if (still_valid(s, generation)) {
            return found == PROBE_HIT    ? DIRECTORY_HIT
                   : found == PROBE_MISS ? DIRECTORY_MISS
                                         : DIRECTORY_STALE;
        }
    }
    return DIRECTORY_STALE;
}

/* On the monotonic clock: a calendar that jumps a day must not lock everybody out. */
static bool stale(const struct segment *s)
{
    uint64_t max = atomic_load_explicit(&s->directory->max_stale_ms, memory_order_relaxed);
    uint64_t confirmed =
        atomic_load_explicit(&s->directory->confirmed_mono_ms, memory_order_relaxed);
    uint64_t now = clock_mono_ms();
    return max != 0 && now > confirmed && now - confirmed > max;
}

/* Rows that are found by digest begin with it. */
static bool same_digest(const void *wanted, const void *payload)
{
    return text_secret_eq(wanted, payload, 32);
}

enum directory_found directory_find(const struct segment *s, const uint8_t digest[32],
                                    struct directory_key *out)
{
    if (directory_generation(s) != 0 && stale(s)) {
        return DIRECTORY_STALE;
    }
    return search(s, KEYS, key_hash(s, digest), same_digest, digest, out);
}

enum directory_found directory_find_terms(const struct segment *s, const uint8_t digest[32],
                                          struct directory_terms *out)
{
    enum directory_found found = search(s, TERMS, key_hash(s, digest), same_digest, digest, out);
    out->guardrail[sizeof out->guardrail - 1] = out->project[sizeof out->project - 1] = '\0';
    return found;
}

/* Rows that are found by name begin with it, NUL-terminated; find_named has seen to the length. */
static bool same_name(const void *wanted, const void *payload)
{
    const struct str *name = wanted;
    const char *have = payload;
    return memcmp(have, name->p, name->n) == 0 && have[name->n] == '\0';
}

/* size: of the row's name, its NUL included. */
static bool find_named(const struct segment *s, enum kind kind, size_t size, struct str name,
                       void *row_out)
{
    return name.n > 0 && name.n < size &&
           search(s, kind, mapping_hash(name), same_name, &name, row_out) == DIRECTORY_HIT;
}

static void copy_text(char *out, const char *text, size_t size)
{
    memcpy(out, text, size);
    out[size - 1] = '\0';
}

bool directory_map(const struct segment *s, struct str model, struct directory_mapping *out)
{
    if (!find_named(s, MAPPINGS, sizeof out->from, model, out)) {
        return false;
    }
    out->to[sizeof out->to - 1] = out->as[sizeof out->as - 1] = '\0';
    return true;
}

bool directory_price(const struct segment *s, struct str model, struct price *out)
{
    struct directory_price_row row;
    if (!find_named(s, PRICES, sizeof row.model, model, &row)) {
        return false;
    }
    *out = row.price;
    return true;
}

bool directory_beta(const struct segment *s, struct str name, char to_out[DIRECTORY_BETA_TO])
{
    struct directory_beta row;
    if (!find_named(s, BETAS, sizeof row.name, name, &row)) {
        return false;
    }
    copy_text(to_out, row.to, sizeof row.to);
    return true;
}

uint64_t directory_age_ms(const struct segment *s, int64_t now_real_ms)
{
    int64_t confirmed =
        (int64_t)atomic_load_explicit(&s->directory->confirmed_ms, memory_order_relaxed);
    return now_real_ms > confirmed ? (uint64_t)(now_real_ms - confirmed) : 0;
}

uint32_t directory_count(const struct segment *s)
{
    uint64_t generation, count;
    uint32_t tries = 0;
    do {
        generation = directory_generation(s);
        count = atomic_load_explicit(table_of(s, generation, KEYS).count, memory_order_relaxed);
    } while (!still_valid(s, generation) && ++tries < TRIES_MAX);
    return generation ? (uint32_t)count : 0;
}

/* Each intact cell of a table through fn. false: the bank was rebuilt meanwhile. */
static bool each(const struct segment *s, enum kind kind, void (*fn)(void *ctx, const void *cell),
                 void *ctx)
{
    uint64_t generation = directory_generation(s);
    struct table t = table_of(s, generation, kind);
    uint64_t count = generation ? atomic_load_explicit(t.count, memory_order_relaxed) : 0;
    for (uint64_t i = 0; i < count && i < t.capacity; i++) {
        uint64_t cell[WORDS_MAX];
        bool intact = load(&t, i, cell);
        if (!still_valid(s, generation)) {
            return false;
        }
        if (intact) {
            fn(ctx, cell);
        }
    }
    return true;
}

struct each { /* one of both */
    void (*key)(void *ctx, const struct directory_key *key);
    void (*mapping)(void *ctx, const struct directory_mapping *mapping);
    void *ctx;
};

static void give(void *ctx, const void *cell)
{
    const struct each *e = ctx;
    e->key ? e->key(e->ctx, cell) : e->mapping(e->ctx, cell);
}

bool directory_each(const struct segment *s, void (*fn)(void *ctx, const struct directory_key *key),
                    void *ctx)
{
    return each(s, KEYS, give, &(struct each){.key = fn, .ctx = ctx});
}

bool directory_each_mapping(const struct segment *s,
                            void (*fn)(void *ctx, const struct directory_mapping *mapping),
                            void *ctx)
{
    return each(s, MAPPINGS, give, &(struct each){.mapping = fn, .ctx = ctx});
}

/* --- the writer ---------------------------------------------------------------------------- */

static uint64_t building(const struct segment *s)
{
    return atomic_load_explicit(&s->directory->building, memory_order_relaxed);
}

/* A predecessor that died half-way left building at published + 1: the same bank is begun again. */
void directory_begin(struct segment *s)
{
    uint64_t next = atomic_load_explicit(&s->directory->published, memory_order_relaxed) + 1;
    atomic_store_explicit(&s->directory->building, next, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* no cell is seen to change before building did */
    for (enum kind kind = KEYS; kind < KINDS; kind++) {
        struct table t = table_of(s, next, kind);
        /* Without terms their pages stay untouched. What a dead writer has left there is asked for by no
         * key, but for those whose terms are written anew, from the first cell on. */
        if (kind != TERMS || atomic_load_explicit(t.count, memory_order_relaxed) > 0) {
            segment_layout_zero(s, t.index, t.index_mask + 1);
        }
        atomic_store_explicit(t.count, 0, memory_order_relaxed);
    }
}

bool directory_add(struct segment *s, const struct directory_key *key)
{
    struct table t = table_of(s, building(s), KEYS);
    return insert(&t, key_hash(s, key->digest), key);
}

bool directory_add_terms(struct segment *s, const struct directory_terms *terms)
{
    struct table t = table_of(s, building(s), TERMS);
    return insert(&t, key_hash(s, terms->digest), terms);
}

bool directory_add_mapping(struct segment *s, struct str from, struct str to, struct str as)
{
    struct directory_mapping m = {.reserved = 0};
    if (from.n == 0 || from.n >= sizeof m.from || to.n == 0 || to.n >= sizeof m.to ||
        as.n >= sizeof m.as) {
        return false;
    }
    text_copy(from, m.from, sizeof m.from);
    text_copy(to, m.to, sizeof m.to);
    text_copy(as, m.as, sizeof m.as);
    struct table t = table_of(s, building(s), MAPPINGS);
    return insert(&t, mapping_hash(from), &m);
}

/* size: of the row's name, its NUL included; the row has none yet. */
static bool insert_named(struct segment *s, enum kind kind, size_t size, struct str name, void *row)
{
    uint64_t twin[WORDS_MAX], hash = mapping_hash(name);
    struct table t = table_of(s, building(s), kind);
    if (name.n == 0 || name.n >= size || probe(&t, hash, same_name, &name, twin) == PROBE_HIT) {
        return false;
    }
    memcpy(row, name.p, name.n);
    return insert(&t, hash, row);
}

bool directory_add_price(struct segment *s, struct str model, const struct price *price)
{
    struct directory_price_row row = {.price = *price};
    return insert_named(s, PRICES, sizeof row.model, model, &row);
}

bool directory_add_beta(struct segment *s, struct str name, struct str to)
{
    struct directory_beta row = {.reserved = 0};
    if (to.n >= sizeof row.to) {
        return false;
    }
    memcpy(row.to, to.n > 0 ? to.p : "", to.n);
    return insert_named(s, BETAS, sizeof row.name, name, &row);
}

void directory_publish(struct segment *s, int64_t confirmed_real_ms)
{
    directory_confirm(s, confirmed_real_ms);
    atomic_store_explicit(&s->directory->published, building(s), memory_order_release);
}

void directory_confirm(struct segment *s, int64_t real_ms)
{
    atomic_store_explicit(&s->directory->confirmed_ms, (uint64_t)real_ms, memory_order_relaxed);
    atomic_store_explicit(&s->directory->confirmed_mono_ms, clock_now_ns() / 1000000,
                          memory_order_relaxed);
}

void directory_set_max_stale(struct segment *s, uint64_t ms)
{
    atomic_store_explicit(&s->directory->max_stale_ms, ms, memory_order_relaxed);
}
