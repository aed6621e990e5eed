/*
 * segment.h - the shared memory: one sealed memfd and one anonymous mapping, made by the master
 * before any fork.
 *
 *   memfd (shown to `top`: master/supervise/window.h)    anonymous, MADV_DONTDUMP, no descriptor
 *   +---------------------------------------------+      +-------------------------------+
 *   | header      magic, version, size, offsets   |      | signing keys   (signing.h)    |
 *   | directory   keys, mappings, prices          |      | key questions  (keymiss.h)    |
 *   | buckets     one cell a key slot             |      +-------------------------------+
 *   | scoreboard  one slot a process              |
 *   | counters    one block a process             |      the usage journal is a file of its own
 *   | holds       one row a worker                |      (journal.h)
 *   +---------------------------------------------+
 *
 * No pointers, locks or allocation inside: any process may be SIGKILLed between two instructions.
 * Each word has one writer process or is changed only by compare-and-swap. The master makes it,
 * never reads cells. Workers map the directory read-only (segment_enter_worker).
 */
#ifndef SHM_MEMORY_SEGMENT_H
#define SHM_MEMORY_SEGMENT_H

#include <stdatomic.h>
#include "server/base/err.h"
#include "server/base/text.h"

#define SEGMENT_MAGIC         0x6c6c6d6170693163ull /* "llmapi1c" */
#define SEGMENT_VERSION       4u
#define SEGMENT_WORKERS_MAX   64
#define SEGMENT_MAPPINGS_MAX  1024                      /* model mappings */
#define SEGMENT_PRICES_MAX    1024                      /* prices of the operator's own */
#define SEGMENT_BETAS_MAX     128                       /* rules for anthropic-beta values */
#define SEGMENT_PROCESSES_MAX (SEGMENT_WORKERS_MAX + 1) /* slot 0: refresher; 1..n: workers */

struct segment_header {
    uint64_t magic;
    uint32_t version;
    uint32_t workers;
    uint64_t size;
    uint64_t epoch; /* real ms of creation */
    uint64_t directory_at, directory_size;
    uint64_t bucket_at, bucket_size;
    uint64_t scoreboard_at, scoreboard_size;
    uint64_t counters_at, counters_size;
    uint64_t holds_at, holds_size;
    uint32_t max_keys;
    uint32_t max_mappings;
    _Atomic uint32_t slots_high; /* buckets from here on were never given to a key; refresher */
    uint32_t reserved[3];
};

struct directory_area;
struct bucket;
struct scoreboard_slot;
struct counters_block;
struct holds_row;
struct journal;
struct signing_area;
struct keymiss_area;

_Static_assert(sizeof(struct segment_header) == 136, "no padding");

struct segment { /* this process's view; the pointers never enter the shared bytes */
    int fd;      /* -1 in a worker */
    int read_fd; /* the same bytes, opened read-only: for workers and `top`; -1: no /proc */
    size_t size;
    struct segment_header *header;
    struct directory_area *directory;
    struct bucket *buckets;
    struct scoreboard_slot *scoreboard;
    struct counters_block *counters;
    struct holds_row *holds;
    struct journal *journal;      /* usage records; NULL (unit tests, `top`): none are kept */
    struct signing_area *signing; /* anonymous mapping; NULL when attached by `top` */
    struct keymiss_area *keymiss; /* likewise */
    size_t secret_size;
    int wake_refresher; /* eventfds, made with the segment, -1 when attached */
    int wake_worker[SEGMENT_WORKERS_MAX];
};

/* Master, once, before fork. What is sized for MAX_KEYS gets its memory as it is used. */
MUST_CHECK enum status segment_create(struct segment *s, uint32_t workers, uint32_t max_keys,
                                      struct err *err);
/* Another program of the same build: maps read-only through a descriptor or /proc path; refuses a
 * wrong magic, version or size. */
MUST_CHECK enum status segment_attach(struct segment *s, const char *path, struct err *err);
/* Worker, after fork: header and directory become read-only, and by no descriptor that it has can
 * they be written again. */
MUST_CHECK enum status segment_enter_worker(struct segment *s, struct err *err);
void segment_drop(struct segment *s); /* unmaps, closes */

/* These words of the shared memory become 0, and their pages are given back. Whoever reads
 * meanwhile sees old words and zeros, nothing between. */
void segment_zero(const struct segment *s, _Atomic uint64_t *words, size_t n);

uint32_t segment_slots(const struct segment *s); /* cells of the bucket area */

#endif
