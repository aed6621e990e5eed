#include "shm/store/keyset.h"

#include <assert.h>
#include <string.h>
#include "server/base/arena.h"

#define FIRST_ROOM 64u

/* The place of digest in the index, or the empty place where it belongs. A digest is its
 * own hash. */
static uint32_t place(const struct keyset *set, const uint8_t digest[32])
{
    uint32_t at;
    memcpy(&at, digest, sizeof at);
    for (;; at++) {
        uint32_t number = set->index[at & (set->index_size - 1)];
        if (number == 0 || memcmp(set->cells[number - 1].digest, digest, 32) == 0) {
            return at & (set->index_size - 1);
        }
    }
}

static union keyset_cell *find(const struct keyset *set, const uint8_t digest[32])
{
    uint32_t number = set->count ? set->index[place(set, digest)] : 0;
    return number ? &set->cells[number - 1] : NULL;
}

struct directory_key *keyset_find(const struct keyset *set, const uint8_t digest[32])
{
    union keyset_cell *cell = find(set, digest);
    return cell ? &cell->key : NULL;
}

struct directory_terms *keyset_find_terms(const struct keyset *set, const uint8_t digest[32])
{
    union keyset_cell *cell = find(set, digest);
    return cell ? &cell->terms : NULL;
}

static bool grow(struct keyset *set)
{
    uint32_t room = set->room ? 2 * set->room : FIRST_ROOM;
    union keyset_cell *cells = heap_grow(set->cells, (size_t)room * sizeof *cells);
    if (!cells) {
        return false;
    }
    set->cells = cells;
    uint32_t *index = heap_new((size_t)room * 2 * sizeof *index);
    if (!index) {
        return false;
    }
    heap_drop(set->index);
    set->index = index;
    set->index_size = 2 * room;
    set->room = room;
    for (uint32_t i = 0; i < set->count; i++) {
        set->index[place(set, set->cells[i].digest)] = i + 1;
    }
    return true;
}

static union keyset_cell *add(struct keyset *set, const uint8_t digest[32])
{
    if (set->count == set->room && !grow(set)) {
        return NULL;
    }
    uint32_t at = place(set, digest);
    assert(set->index[at] == 0);
    set->index[at] = ++set->count;
    return &set->cells[set->count - 1];
}

bool keyset_add(struct keyset *set, const struct directory_key *key)
{
    union keyset_cell *cell = add(set, key->digest);
    if (cell) {
        cell->key = *key;
    }
    return cell != NULL;
}

bool keyset_add_terms(struct keyset *set, const struct directory_terms *terms)
{
    union keyset_cell *cell = add(set, terms->digest);
    if (cell) {
        cell->terms = *terms;
    }
    return cell != NULL;
}

void keyset_free(struct keyset *set)
{
    heap_drop(set->cells);
    heap_drop(set->index);
    *set = (struct keyset){0};
}
