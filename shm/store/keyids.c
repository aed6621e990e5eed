#include "shm/store/keyids.h"

#include <stdlib.h>
#include <string.h>
#include "server/base/arena.h"

struct keyids_entry {
    uint8_t digest[32];
    char id[KEYSTORE_ID_MAX + 1];
};

static void empty(struct keyids_list *list)
{
    if (list->entries) {
        text_wipe(list->entries, list->count * sizeof *list->entries);
        heap_drop(list->entries);
    }
    *list = (struct keyids_list){0};
}

/* Not heap_grow: realloc would leave a copy of the keys behind unwiped. */
static bool make_room(struct keyids_list *list)
{
    size_t room = list->room ? 2 * list->room : 64;
    if (list->count < list->room) {
        return true;
    }
    struct keyids_entry *entries = heap_new(room * sizeof *entries);
    if (!entries) {
        return false;
    }
    if (list->count) {
        memcpy(entries, list->entries, list->count * sizeof *entries);
        text_wipe(list->entries, list->count * sizeof *entries);
    }
    heap_drop(list->entries);
    list->entries = entries;
    list->room = room;
    return true;
}

static bool is_clear(const char *id)
{
    return !text_starts(text_from(id), STR("sha256:"));
}

static struct keyids_entry entry_of(const uint8_t digest[32], const char *id)
{
    struct keyids_entry e;
    memcpy(e.digest, digest, sizeof e.digest);
    text_copy(text_from(id), e.id, sizeof e.id);
    return e;
}

void keyids_begin(struct keyids *k)
{
    empty(&k->staged);
}

bool keyids_stage(struct keyids *k, const uint8_t digest[32], const char *id)
{
    if (!is_clear(id)) {
        return true;
    }
    if (!make_room(&k->staged)) {
        return false;
    }
    k->staged.entries[k->staged.count++] = entry_of(digest, id);
    return true;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const struct keyids_entry *)a)->digest,
                  ((const struct keyids_entry *)b)->digest, 32);
}

void keyids_commit(struct keyids *k)
{
    empty(&k->now);
    k->now = k->staged;
    k->staged = (struct keyids_list){0};
    if (k->now.count) {
        qsort(k->now.entries, k->now.count, sizeof *k->now.entries, by_digest);
    }
}

/* Where digest is, or belongs. */
static size_t place(const struct keyids_list *list, const uint8_t digest[32])
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(list->entries[middle].digest, digest, 32) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct keyids_list *list, size_t i, const uint8_t digest[32])
{
    return i < list->count && memcmp(list->entries[i].digest, digest, 32) == 0;
}

bool keyids_add(struct keyids *k, const uint8_t digest[32], const char *id)
{
    struct keyids_list *list = &k->now;
    size_t i = place(list, digest);
    if (!is_clear(id) || is_at(list, i, digest)) {
        return true;
    }
    if (!make_room(list)) {
        return false;
    }
    memmove(&list->entries[i + 1], &list->entries[i], (list->count - i) * sizeof *list->entries);
    list->entries[i] = entry_of(digest, id);
    list->count++;
    return true;
}

void keyids_find(const struct keyids *k, const uint8_t digest[32], char out[KEYSTORE_ID_MAX + 1])
{
    size_t i = place(&k->now, digest);
    if (is_at(&k->now, i, digest)) {
        memcpy(out, k->now.entries[i].id, KEYSTORE_ID_MAX + 1);
        return;
    }
    memcpy(out, "sha256:", 7);
    text_hex(digest, 32, out + 7);
    out[7 + 64] = '\0';
}

void keyids_free(struct keyids *k)
{
    empty(&k->now);
    empty(&k->staged);
}
