#include "shm/memory/edition.h"

#include <stddef.h>
#include <string.h>

#include "shm/catalogue/catalogue.h"

typedef _Atomic uint64_t word;

struct edition_area {
    word building, published; /* refresher */
    uint64_t reserved[14];
    struct catalogue bank[2];
};
_Static_assert(sizeof(struct catalogue) % 8 == 0, "it is copied by words");
_Static_assert(sizeof(struct edition_area) % 8 == 0, "no padding");

size_t edition_area_size(void)
{
    return sizeof(struct edition_area);
}

uint64_t edition_number(const struct segment *s)
{
    return atomic_load_explicit(&s->edition->published, memory_order_acquire);
}

/* Bytes of one part, up to the next word. */
static size_t words_of(size_t bytes)
{
    return (bytes + 7) / 8;
}

static void write_part(void *to, const void *from, size_t bytes)
{
    const char *p = from;
    word *out = to;
    for (size_t i = 0; i < words_of(bytes); i++) {
        uint64_t v;
        memcpy(&v, p + 8 * i, sizeof v);
        atomic_store_explicit(&out[i], v, memory_order_relaxed);
    }
}

static void read_part(void *to, const void *from, size_t bytes)
{
    char *p = to;
    const word *in = from;
    for (size_t i = 0; i < words_of(bytes); i++) {
        uint64_t v = atomic_load_explicit(&in[i], memory_order_relaxed);
        memcpy(p + 8 * i, &v, sizeof v);
    }
}

#define HEAD offsetof(struct catalogue, row)

void edition_publish(struct segment *s, const struct catalogue *t)
{
    struct edition_area *a = s->edition;
    uint64_t next = atomic_load(&a->published) + 1;
    struct catalogue *bank = &a->bank[next & 1];
    atomic_store(&a->building, next);
    atomic_thread_fence(memory_order_release);
    write_part(bank, t, HEAD);
    write_part(bank->row, t->row, t->rows * sizeof *t->row);
    write_part(bank->name, t->name, t->names * sizeof *t->name);
    write_part(bank->pool, t->pool, t->pool_used);
    atomic_store_explicit(&a->published, next, memory_order_release);
}

/* While it was rebuilt the figures may be of two tables: no more is read than there is. */
static bool is_possible(const struct catalogue *t)
{
    return t->rows <= CATALOGUE_ROWS_MAX && t->names <= CATALOGUE_NAMES_MAX &&
           t->pool_used <= CATALOGUE_POOL_MAX;
}

bool edition_take(const struct segment *s)
{
    static uint64_t taken; /* of this process; its copy was made before fork or by itself */
    struct edition_area *a = s->edition;
    uint64_t g = a ? edition_number(s) : 0; /* the segment of a unit test may have none */
    if (g == 0 || g == taken) {
        return false;
    }
    const struct catalogue *bank = &a->bank[g & 1];
    struct catalogue *mine = catalogue_room();
    read_part(mine, bank, HEAD);
    if (!is_possible(mine)) {
        return false;
    }
    read_part(mine->row, bank->row, mine->rows * sizeof *mine->row);
    read_part(mine->name, bank->name, mine->names * sizeof *mine->name);
    read_part(mine->pool, bank->pool, mine->pool_used);
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&a->building, memory_order_relaxed) - g >= 2) {
        return false; /* two later ones: the next request takes the last */
    }
    catalogue_adopt();
    taken = g;
    return true;
}
