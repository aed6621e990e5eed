/*
 * arena.h - memory of one exchange, dropped in one go; and the heap for what lives longer.
 *
 * One arena per exchange: made at the first header byte, dropped when the last byte is out. Nothing
 * from it may be stored in a longer-lived object. It has a ceiling: arena_alloc gives NULL past it
 * (or when memory is out), which callers turn into an error status. Chunks are recycled per
 * process. Only arena.c and buf.c may call malloc and free (lint).
 */
#ifndef SERVER_BASE_ARENA_H
#define SERVER_BASE_ARENA_H

#include "server/base/text.h"

struct arena;

struct arena *arena_new(size_t ceiling); /* bytes; NULL when memory is out */
void arena_drop(struct arena *arena);    /* runs on_drop hooks, newest first; NULL is fine */

/* Zeroed, 16-byte aligned; NULL past the ceiling. */
void *arena_alloc(struct arena *arena, size_t n);
/* The same with whatever bytes are there: for much that is written before it is read. */
void *arena_room(struct arena *arena, size_t n);
/* Also NUL-terminated; p NULL on failure. */
struct str arena_dup(struct arena *arena, struct str s);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* fn(ctx) runs at arena_drop: a foreign resource (handle, fd, timer) cannot leak. false:
 * no memory. */
bool arena_on_drop(struct arena *arena, void (*fn)(void *ctx), void *ctx);
size_t arena_used(const struct arena *arena);

/* Objects that live as long as a connection, a worker or the process. heap_new zeroes. */
void *heap_new(size_t n);           /* NULL when memory is out */
void *heap_grow(void *p, size_t n); /* realloc; old block kept on NULL */
/* Zeroed, at the start of a page and the only one in its pages: the system can have them back. A page is no memory
 * before it is written. */
void *heap_pages(size_t n);
void heap_drop(void *p);

/* Torture: the k-th allocation from now fails (0: off). Only the tests call it. */
void heap_fail_after(unsigned long k);
/* One allocation attempt: true when torture says it must fail. For buf.c. */
bool heap_must_fail(void);

#endif
