#include "shm/memory/segment_layout.h"

#include <fcntl.h>

uint64_t segment_layout_page_up(uint64_t n)
{
    return (n + SEGMENT_PAGE - 1) / SEGMENT_PAGE * SEGMENT_PAGE;
}

static void zero_words(_Atomic uint64_t *from, const _Atomic uint64_t *to)
{
    for (; from < to; from++) {
        atomic_store_explicit(from, 0, memory_order_relaxed);
    }
}

/* A hole over the whole pages; the rest, or all where the kernel knows no holes, word by word. */
void segment_layout_zero(const struct segment *s, _Atomic uint64_t *words, size_t n)
{
    char *base = (char *)s->header;
    uint64_t from = (uint64_t)((char *)words - base), to = from + n * sizeof *words;
    uint64_t first = segment_layout_page_up(from), last = to / SEGMENT_PAGE * SEGMENT_PAGE;
    if (first >= last || fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first,
                                   (off_t)(last - first)) != 0) {
        first = last = to;
    }
    zero_words(words, (_Atomic uint64_t *)(void *)(base + first));
    zero_words((_Atomic uint64_t *)(void *)(base + last), words + n);
}

void segment_layout_raise(_Atomic uint64_t *word, uint64_t to)
{
    uint64_t before = atomic_load(word);
    while (before < to && !atomic_compare_exchange_weak(word, &before, to)) {
    }
}
