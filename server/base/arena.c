#include "server/base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define ARENA_ASAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define ARENA_ASAN
#endif

/* Under ASan what nobody has asked for is poisoned, and a gap follows each piece, so that an
 * overrun inside a chunk is found as one on the heap would be. */
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define GAP                               0
#endif

#define ALIGN      16
#define CHUNK_SIZE ((size_t)8 * 1024)
#define SPARE_MAX  128 /* chunks kept for the next exchange: 1 MiB a process */

/* A piece above this that does not fit gets a chunk of its own, so at most a quarter is wasted. */
#define BIG_PIECE (CHUNK_SIZE / 4)

struct chunk {
    struct chunk *next;
    size_t size; /* of room */
    size_t used;
    _Alignas(ALIGN) char room[];
};

#define CHUNK_ROOM (CHUNK_SIZE - sizeof(struct chunk))

struct hook {
    struct hook *next;
    void (*fn)(void *ctx);
    void *ctx;
};

struct arena {            /* lives in its own first chunk */
    struct chunk *chunks; /* the first one is being filled */
    struct hook *hooks;
    size_t used;
    size_t ceiling;
};

static struct chunk *spares;
static size_t spare_count;
static unsigned long fail_countdown;

void heap_fail_after(unsigned long k)
{
    fail_countdown = k;
}

bool heap_must_fail(void)
{
    return fail_countdown > 0 && --fail_countdown == 0;
}

void *heap_new(size_t n)
{
    return heap_must_fail() ? NULL : calloc(1, n > 0 ? n : 1);
}

void *heap_grow(void *p, size_t n)
{
    return heap_must_fail() ? NULL : realloc(p, n > 0 ? n : 1);
}

void *heap_pages(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (heap_must_fail() || n > SIZE_MAX - page) {
        return NULL;
    }
    size_t whole = (n + page - 1) / page * page;
    void *p = aligned_alloc(page, whole);
    /* Given back and taken anew they are zero. Written as zero they would be memory at once. */
    if (p && madvise(p, whole, MADV_DONTNEED) != 0) {
        memset(p, 0, whole);
    }
    return p;
}

void heap_drop(void *p)
{
    free(p);
}

static struct chunk *chunk_new(size_t room)
{
    struct chunk *chunk = spares;
    if (room == CHUNK_ROOM && chunk) {
        spares = chunk->next;
        spare_count--;
    } else {
        chunk = malloc(sizeof(*chunk) + room);
        if (!chunk) {
            return NULL;
        }
        ASAN_POISON_MEMORY_REGION(chunk->room, room);
    }
    chunk->next = NULL;
    chunk->size = room;
    chunk->used = 0;
    return chunk;
}

static void chunk_drop(struct chunk *chunk)
{
    if (chunk->size == CHUNK_ROOM && spare_count < SPARE_MAX) {
        ASAN_POISON_MEMORY_REGION(chunk->room, chunk->size);
        chunk->next = spares;
        spares = chunk;
        spare_count++;
        return;
    }
    ASAN_UNPOISON_MEMORY_REGION(chunk->room, chunk->size);
    free(chunk);
}

static void *chunk_take(struct chunk *chunk, size_t n, size_t rounded)
{
    void *p = chunk->room + chunk->used;
    chunk->used += rounded + GAP;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

struct arena *arena_new(size_t ceiling)
{
    assert(ceiling < SIZE_MAX / 2); /* so that rounding a size up cannot wrap */
    struct chunk *first = heap_must_fail() ? NULL : chunk_new(CHUNK_ROOM);
    if (!first) {
        return NULL;
    }
    struct arena *arena = chunk_take(first, sizeof(*arena), sizeof(*arena));
    *arena = (struct arena){0};
    static_assert(sizeof(*arena) % ALIGN == 0, "the next piece starts aligned");
    arena->chunks = first;
    arena->ceiling = ceiling;
    return arena;
}

void arena_drop(struct arena *arena)
{
    if (!arena) {
        return;
    }
    for (struct hook *hook = arena->hooks; hook; hook = hook->next) {
        hook->fn(hook->ctx);
    }
    struct chunk *chunk = arena->chunks;
    while (chunk) {
        struct chunk *next = chunk->next;
        chunk_drop(chunk);
        chunk = next;
    }
}

/* A chunk with room for n; the one being filled stays first when n needs its own. */
static struct chunk *room_for(struct arena *arena, size_t n)
{
    struct chunk *first = arena->chunks;
    if (first->size - first->used >= n) {
        return first;
    }
    struct chunk *chunk = chunk_new(n > BIG_PIECE ? n : CHUNK_ROOM);
    if (!chunk) {
        return NULL;
    }
    if (n > BIG_PIECE) {
        chunk->next = first->next;
        first->next = chunk;
    } else {
        chunk->next = first;
        arena->chunks = chunk;
    }
    return chunk;
}

void *arena_room(struct arena *arena, size_t n)
{
    if (heap_must_fail() || n > arena->ceiling - arena->used) {
        return NULL;
    }
    size_t rounded = n > 0 ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    size_t left = arena->ceiling - arena->used;
    struct chunk *chunk = room_for(arena, rounded + GAP);
    if (!chunk) {
        return NULL;
    }
    arena->used += rounded < left ? rounded : left;
    return chunk_take(chunk, n, rounded);
}

void *arena_alloc(struct arena *arena, size_t n)
{
    void *p = arena_room(arena, n);
    return p ? memset(p, 0, n) : NULL;
}

struct str arena_dup(struct arena *arena, struct str s)
{
    char *p = arena_room(arena, s.n + 1);
    if (!p) {
        return (struct str){0};
    }
    return (struct str){text_copy(s, p, s.n + 1), s.n};
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(n >= 0);
    char *p = arena_room(arena, (size_t)n + 1);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return p;
}

bool arena_on_drop(struct arena *arena, void (*fn)(void *ctx), void *ctx)
{
    struct hook *hook = arena_alloc(arena, sizeof(*hook));
    if (!hook) {
        return false;
    }
    *hook = (struct hook){arena->hooks, fn, ctx};
    arena->hooks = hook;
    return true;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
