#include "tests/mock/dynamo_finder.h"

#include <assert.h>

#include "server/base/arena.h"

#define ROOM_MIN 16

struct finder_row {
    uint32_t hash;
    size_t next; /* FINDER_NONE: the last of its chain */
};

static size_t *chain(const struct finder *f, uint32_t hash)
{
    return &f->head[hash & (f->room - 1)];
}

static void link_row(struct finder *f, size_t row)
{
    size_t *head = chain(f, f->row[row].hash);
    f->row[row].next = *head;
    *head = row;
}

static void unlink_row(struct finder *f, size_t row)
{
    size_t *at = chain(f, f->row[row].hash);
    while (*at != row)
        at = &f->row[*at].next;
    *at = f->row[row].next;
}

static void grow(struct finder *f)
{
    f->room = f->room ? 2 * f->room : ROOM_MIN;
    f->row = heap_grow(f->row, f->room * sizeof *f->row);
    f->head = heap_grow(f->head, f->room * sizeof *f->head);
    assert(f->row && f->head);
    for (size_t i = 0; i < f->room; i++)
        f->head[i] = FINDER_NONE;
    for (size_t i = 0; i < f->n; i++)
        link_row(f, i);
}

void finder_add(struct finder *f, uint32_t hash)
{
    if (f->n == f->room)
        grow(f);
    f->row[f->n].hash = hash;
    link_row(f, f->n++);
}

void finder_remove(struct finder *f, size_t row)
{
    size_t last = f->n - 1;
    unlink_row(f, row);
    if (row != last) {
        unlink_row(f, last);
        f->row[row].hash = f->row[last].hash;
        link_row(f, row);
    }
    f->n = last;
}

void finder_free(struct finder *f)
{
    heap_drop(f->row);
    heap_drop(f->head);
    *f = (struct finder){.row = NULL};
}

static size_t same_hash(const struct finder *f, size_t row, uint32_t hash)
{
    while (row != FINDER_NONE && f->row[row].hash != hash)
        row = f->row[row].next;
    return row;
}

size_t finder_first(const struct finder *f, uint32_t hash)
{
    return f->room ? same_hash(f, *chain(f, hash), hash) : FINDER_NONE;
}

size_t finder_next(const struct finder *f, size_t row)
{
    return same_hash(f, f->row[row].next, f->row[row].hash);
}
