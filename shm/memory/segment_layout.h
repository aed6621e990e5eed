/*
 * segment_layout.h - where the areas of the shared memory are: its header, and one process's view of
 * it. The bottom of this wing: every area (directory, bucket, holds, ...) finds itself by it, and
 * segment.h makes the memory from their sizes. Any process; the pointers stay private to each.
 */
#ifndef SHM_MEMORY_SEGMENT_LAYOUT_H
#define SHM_MEMORY_SEGMENT_LAYOUT_H

#include <stdatomic.h>
#include "server/base/err.h"
#include "server/base/text.h"

/* Areas start on a page so that mprotect can tell them apart; the largest page of our platforms. */
#define SEGMENT_PAGE 65536u

#define SEGMENT_MAGIC         0x6c6c6d6170693163ull /* "llmapi1c" */
#define SEGMENT_VERSION       10u
#define SEGMENT_WORKERS_MAX   64
#define SEGMENT_MAPPINGS_MAX  1024                      /* model mappings */
#define SEGMENT_PRICES_MAX    1024                      /* prices of the operator's own */
#define SEGMENT_BETAS_MAX     128                       /* rules for anthropic-beta values */
#define SEGMENT_PROCESSES_MAX (SEGMENT_WORKERS_MAX + 1) /* slot 0: refresher; 1..n: workers */

struct segment_span { /* of an area, in bytes */
    uint64_t at, size;
};

struct segment_header {
    uint64_t magic;
    uint32_t version;
    uint32_t workers;
    uint64_t size;
    uint64_t epoch; /* real ms of creation */
    struct segment_span directory, edition, bucket, scoreboard, counters, learned, lanes, sticks,
        holds, turns, thoughts;
    uint32_t max_keys;
    uint32_t max_mappings;
    _Atomic uint32_t slots_high; /* buckets from here on were never given to a key; refresher */
    _Atomic uint32_t service;    /* enum segment_service; master */
    uint32_t reserved[2];
};

enum segment_service {
    SEGMENT_SERVES,
    SEGMENT_ENDS,       /* the master was told to stop: probes shall send clients elsewhere */
    SEGMENT_HANDED_OVER /* another master has the socket: the service goes on */
};

struct directory_area;
struct edition_area;
struct bucket;
struct scoreboard_slot;
struct counters_block;
struct learned_area;
struct lanes_area;
struct sticks_area;
struct holds_row;
struct turns_area;
struct thoughts_area;
struct journal;
struct signing_area;
struct keymiss_area;
struct standing_area;
struct profiles_area;

_Static_assert(sizeof(struct segment_header) == 232, "no padding");

struct segment { /* this process's view; the pointers never enter the shared bytes */
    int fd;      /* -1 in a worker */
    int read_fd; /* the same bytes, opened read-only: for workers and `top`; -1: no /proc */
    size_t size;
    struct segment_header *header;
    struct directory_area *directory;
    struct edition_area *edition;
    struct bucket *buckets;
    struct scoreboard_slot *scoreboard;
    struct counters_block *counters;
    struct learned_area *learned;
    struct lanes_area *lanes;
    struct sticks_area *sticks;
    struct holds_row *holds;
    struct turns_area *turns;
    struct thoughts_area *thoughts;
    struct journal *journal;        /* usage records; NULL (unit tests, `top`): none are kept */
    struct signing_area *signing;   /* anonymous mapping; NULL when attached by `top` */
    struct keymiss_area *keymiss;   /* likewise */
    struct standing_area *standing; /* likewise */
    struct profiles_area *profiles; /* likewise */
    size_t secret_size;
    int wake_refresher; /* eventfds, made with the segment, -1 when attached */
    int wake_worker[SEGMENT_WORKERS_MAX];
};

/* A word that only grows, whoever writes it: at least so much. */
void segment_layout_raise(_Atomic uint64_t *word, uint64_t to);
uint64_t segment_layout_page_up(uint64_t n); /* to the next start of an area */
/* These words of the shared memory become 0, and their pages are given back. Whoever reads
 * meanwhile sees old words and zeros, nothing between. */
void segment_layout_zero(const struct segment *s, _Atomic uint64_t *words, size_t n);

#endif
