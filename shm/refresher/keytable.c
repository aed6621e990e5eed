#include "shm/refresher/keytable.h"

#include <string.h>
#include "server/base/arena.h"
#include "shm/store/keyset.h"
#include "shm/catalogue/region.h"
#include "shm/memory/slots.h"

struct keytable {
    struct segment *segment;
    struct slots *slots;
    struct keyset keys, staged_keys;
    struct keyset terms, staged_terms;                    /* of the keys with DIRECTORY_TERMS */
    struct directory_mapping *mappings, *staged_mappings; /* SEGMENT_MAPPINGS_MAX each */
    uint32_t mapping_count, staged_mapping_count;
    struct directory_price_row *prices, *staged_prices; /* SEGMENT_PRICES_MAX each */
    uint32_t price_count, staged_price_count;
    struct directory_beta betas[SEGMENT_BETAS_MAX], staged_betas[SEGMENT_BETAS_MAX];
    uint32_t beta_count, staged_beta_count;
    bool out_of_memory;
};

/* Never 0, the tag of a bucket without a key. Other bytes than those the hashes use. */
static uint32_t tag_of(const uint8_t digest[32])
{
    uint32_t tag;
    memcpy(&tag, digest + 28, sizeof tag);
    return tag ? tag : 1;
}

/* --- the predecessor's work ---------------------------------------------------------------- */

static void learn(void *ctx, const struct directory_key *key)
{
    struct keytable *t = ctx;
    struct directory_key mine = *key;
    if (!slots_learn(t->slots, mine.slot, mine.tag)) {
        mine.slot = SLOTS_NONE;
    }
    if (keyset_find(&t->keys, mine.digest)) {
        return;
    }
    struct directory_terms terms;
    if (mine.flags & DIRECTORY_TERMS) { /* without them it is left out at the next publication */
        t->out_of_memory |=
            directory_find_terms(t->segment, mine.digest, &terms) == DIRECTORY_HIT &&
            !keyset_add_terms(&t->terms, &terms);
    }
    t->out_of_memory |= !keyset_add(&t->keys, &mine);
}

struct keytable *keytable_new(struct segment *s, uint64_t now_ms)
{
    struct keytable *t = heap_new(sizeof *t);
    if (!t) {
        return NULL;
    }
    t->segment = s;
    t->slots = slots_new(s);
    t->mappings = heap_new(SEGMENT_MAPPINGS_MAX * sizeof *t->mappings);
    t->staged_mappings = heap_new(SEGMENT_MAPPINGS_MAX * sizeof *t->staged_mappings);
    t->prices = heap_new(SEGMENT_PRICES_MAX * sizeof *t->prices);
    t->staged_prices = heap_new(SEGMENT_PRICES_MAX * sizeof *t->staged_prices);
    if (t->slots && t->mappings && t->staged_mappings && t->prices && t->staged_prices) {
        directory_each(s, learn, t); /* nobody else writes: it cannot be interrupted */
        slots_learned(t->slots, now_ms);
    } else {
        t->out_of_memory = true;
    }
    if (t->out_of_memory) {
        keytable_drop(t);
        return NULL;
    }
    return t;
}

void keytable_drop(struct keytable *t)
{
    if (t) {
        slots_drop(t->slots);
        keyset_free(&t->keys);
        keyset_free(&t->staged_keys);
        keyset_free(&t->terms);
        keyset_free(&t->staged_terms);
        heap_drop(t->mappings);
        heap_drop(t->staged_mappings);
        heap_drop(t->prices);
        heap_drop(t->staged_prices);
        heap_drop(t);
    }
}

/* --- loading ------------------------------------------------------------------------------- */

void keytable_begin(struct keytable *t)
{
    keyset_free(&t->staged_keys);
    keyset_free(&t->staged_terms);
    t->staged_mapping_count = 0;
    t->staged_price_count = 0;
    t->staged_beta_count = 0;
}

enum keytable_staged keytable_stage(struct keytable *t, const struct directory_key *key)
{
    struct directory_key *twin = keyset_find(&t->staged_keys, key->digest);
    if (twin) {
        if (!(key->flags & DIRECTORY_ACTIVE)) {
            *twin = *key;
        }
        return KEYTABLE_STAGED;
    }
    if (t->staged_keys.count >= t->segment->header->max_keys) {
        return KEYTABLE_FULL;
    }
    return keyset_add(&t->staged_keys, key) ? KEYTABLE_STAGED : KEYTABLE_NO_MEMORY;
}

enum keytable_staged keytable_stage_terms(struct keytable *t, const struct directory_terms *terms)
{
    return keyset_find_terms(&t->staged_terms, terms->digest) ||
                   keyset_add_terms(&t->staged_terms, terms)
               ? KEYTABLE_STAGED
               : KEYTABLE_NO_MEMORY;
}

enum keytable_staged keytable_stage_old(struct keytable *t, const uint8_t digest[32], bool active)
{
    const struct directory_key *old = keyset_find(&t->keys, digest);
    if (!old) {
        return KEYTABLE_STAGED;
    }
    struct directory_key key = *old;
    if (!active) {
        key.flags &= ~(uint32_t)DIRECTORY_ACTIVE;
    }
    const struct directory_terms *terms = keyset_find_terms(&t->terms, digest);
    enum keytable_staged staged = keytable_stage(t, &key);
    return staged == KEYTABLE_STAGED && terms ? keytable_stage_terms(t, terms) : staged;
}

bool keytable_stage_mapping(struct keytable *t, struct str from, struct str to, struct str as)
{
    struct directory_mapping *m = &t->staged_mappings[t->staged_mapping_count];
    if (t->staged_mapping_count == SEGMENT_MAPPINGS_MAX || from.n == 0 ||
        from.n >= sizeof m->from || to.n == 0 || to.n >= sizeof m->to || as.n >= sizeof m->as) {
        return false;
    }
    text_copy(from, m->from, sizeof m->from);
    text_copy(to, m->to, sizeof m->to);
    text_copy(as, m->as, sizeof m->as);
    t->staged_mapping_count++;
    return true;
}

bool keytable_stage_price(struct keytable *t, struct str model, const struct price *price)
{
    if (t->staged_price_count == SEGMENT_PRICES_MAX || model.n == 0 ||
        model.n >= sizeof t->staged_prices->model) {
        return false;
    }
    struct directory_price_row *row = &t->staged_prices[t->staged_price_count++];
    text_copy(model, row->model, sizeof row->model);
    row->price = *price;
    return true;
}

bool keytable_stage_beta(struct keytable *t, const struct directory_beta *rule)
{
    for (uint32_t i = 0; i < t->staged_beta_count; i++) {
        if (strcmp(t->staged_betas[i].name, rule->name) == 0) {
            return false;
        }
    }
    if (t->staged_beta_count == SEGMENT_BETAS_MAX) {
        return false;
    }
    t->staged_betas[t->staged_beta_count++] = *rule;
    return true;
}

void keytable_stage_old_betas(struct keytable *t)
{
    memcpy(t->staged_betas, t->betas, sizeof t->betas);
    t->staged_beta_count = t->beta_count;
}

static void give_slot(struct keytable *t, struct directory_key *key, uint64_t now_ms)
{
    const struct directory_key *old = keyset_find(&t->keys, key->digest);
    key->tag = tag_of(key->digest);
    key->slot = old && old->slot != SLOTS_NONE ? old->slot : slots_take(t->slots, key->tag, now_ms);
}

void keytable_commit(struct keytable *t, uint64_t now_ms)
{
    for (uint32_t i = 0; i < t->keys.count; i++) {
        const struct directory_key *old = &t->keys.cells[i].key;
        if (old->slot != SLOTS_NONE && !keyset_find(&t->staged_keys, old->digest)) {
            slots_free(t->slots, old->slot, now_ms);
        }
    }
    for (uint32_t i = 0; i < t->staged_keys.count; i++) {
        give_slot(t, &t->staged_keys.cells[i].key, now_ms);
    }
    keyset_free(&t->keys);
    t->keys = t->staged_keys;
    t->staged_keys = (struct keyset){0};
    keyset_free(&t->terms);
    t->terms = t->staged_terms;
    t->staged_terms = (struct keyset){0};
    struct directory_mapping *swap = t->mappings;
    t->mappings = t->staged_mappings;
    t->mapping_count = t->staged_mapping_count;
    t->staged_mappings = swap;
    t->staged_mapping_count = 0;
    struct directory_price_row *swap_prices = t->prices;
    t->prices = t->staged_prices;
    t->price_count = t->staged_price_count;
    t->staged_prices = swap_prices;
    t->staged_price_count = 0;
    memcpy(t->betas, t->staged_betas, sizeof t->betas);
    t->beta_count = t->staged_beta_count;
    t->staged_beta_count = 0;
}

/* --- use ----------------------------------------------------------------------------------- */

bool keytable_add(struct keytable *t, const struct directory_key *key,
                  const struct directory_terms *terms, uint64_t now_ms)
{
    if (t->keys.count >= t->segment->header->max_keys) {
        return false;
    }
    struct directory_terms *old = terms ? keyset_find_terms(&t->terms, key->digest) : NULL;
    if (old) {
        *old = *terms;
    } else if (terms && !keyset_add_terms(&t->terms, terms)) {
        return false;
    }
    struct directory_key mine = *key;
    give_slot(t, &mine, now_ms);
    if (mine.slot == SLOTS_NONE) {
        return false;
    }
    if (!keyset_add(&t->keys, &mine)) {
        slots_free(t->slots, mine.slot, now_ms);
        return false;
    }
    return true;
}

bool keytable_has(const struct keytable *t, const uint8_t digest[32])
{
    return keyset_find(&t->keys, digest) != NULL;
}

const struct directory_key *keytable_find(const struct keytable *t, const uint8_t digest[32])
{
    return keyset_find(&t->keys, digest);
}

uint32_t keytable_count(const struct keytable *t)
{
    return t->keys.count;
}

uint32_t keytable_mappings(const struct keytable *t)
{
    return t->mapping_count;
}

/* Exact ids first: the price of "us.x" also stands for "x" and all its other regions, unless those
 * have rows of their own. */
static void publish_prices(const struct keytable *t)
{
    for (uint32_t i = 0; i < t->price_count; i++) {
        directory_add_price(t->segment, text_from(t->prices[i].model), &t->prices[i].price);
    }
    for (uint32_t i = 0; i < t->price_count; i++) {
        directory_add_price(t->segment, region_base(text_from(t->prices[i].model)),
                            &t->prices[i].price);
    }
}

/* A key goes never without its guardrail: false leaves it out. */
static bool publish_terms(const struct keytable *t, const struct directory_key *key)
{
    const struct directory_terms *terms = keyset_find_terms(&t->terms, key->digest);
    return !(key->flags & DIRECTORY_TERMS) || (terms && directory_add_terms(t->segment, terms));
}

uint32_t keytable_publish(const struct keytable *t, int64_t confirmed_real_ms)
{
    uint32_t left_out = 0;
    directory_begin(t->segment);
    for (uint32_t i = 0; i < t->keys.count; i++) {
        const struct directory_key *key = &t->keys.cells[i].key;
        left_out +=
            key->slot == SLOTS_NONE || !publish_terms(t, key) || !directory_add(t->segment, key);
    }
    for (uint32_t i = 0; i < t->mapping_count; i++) {
        directory_add_mapping(t->segment, text_from(t->mappings[i].from),
                              text_from(t->mappings[i].to), text_from(t->mappings[i].as));
    }
    publish_prices(t);
    for (uint32_t i = 0; i < t->beta_count; i++) {
        directory_add_beta(t->segment, text_from(t->betas[i].name), text_from(t->betas[i].to));
    }
    directory_publish(t->segment, confirmed_real_ms);
    return left_out;
}
