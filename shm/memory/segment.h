/*
 * segment.h - the shared memory: one sealed memfd and one anonymous mapping, made by the master
 * before any fork.
 *
 *   memfd (shown to `top`: master/supervise/window.h)    anonymous, MADV_DONTDUMP, no descriptor
 *   +---------------------------------------------+      +-------------------------------+
 *   | header      magic, version, size, offsets   |      | signing keys   (signing.h)    |
 *   | directory   keys, mappings, prices          |      | key questions  (keymiss.h)    |
 *   | edition     a later table of models         |      | the key store  (standing.h)   |
 *   | buckets     one cell a key slot             |      | profiles       (profiles.h)   |
 *   | scoreboard  one slot a process              |      +-------------------------------+
 *   | counters    one block a process             |
 *   | learned     what models have refused        |      usage records: a file (journal.h)
 *   | lanes       health; sticks: conversations   |
 *   | holds       one row a worker                |
 *   | turns       who waits; thoughts: of whom    |
 *   +---------------------------------------------+
 *
 * No pointers, locks or allocation inside: any process may be SIGKILLed between two instructions.
 * Each word has one writer process or is changed only by compare-and-swap. The master makes it,
 * never reads cells. Workers map directory and edition read-only (segment_enter_worker).
 */
#ifndef SHM_MEMORY_SEGMENT_H
#define SHM_MEMORY_SEGMENT_H

#include "server/base/err.h"
#include "shm/memory/segment_layout.h"

/* Master, once, before fork. What is sized for MAX_KEYS gets its memory as it is used. */
MUST_CHECK enum status segment_create(struct segment *s, uint32_t workers, uint32_t max_keys,
                                      struct err *err);
/* Another program of the same build: maps read-only through a descriptor or /proc path; refuses a
 * wrong magic, version or size. */
MUST_CHECK enum status segment_attach(struct segment *s, const char *path, struct err *err);
/* Worker, after fork: header and directory become read-only, and by no descriptor that it has can
 * they be written again. */
MUST_CHECK enum status segment_enter_worker(struct segment *s, struct err *err);
void segment_drop(struct segment *s);                                      /* unmaps, closes */
void segment_set_service(struct segment *s, enum segment_service service); /* master */
enum segment_service segment_service(const struct segment *s);

#endif
