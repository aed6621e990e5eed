/*
 * keymiss.h - a worker asks the refresher about a key that is not in the directory.
 *
 * One small ring a worker in the anonymous mapping (no descriptor, not dumped): the worker writes
 * the question and releases head; the refresher answers in place and rings the worker's eventfd.
 * The key's text is in the question because rows of the older tools have it as their partition key;
 * the refresher wipes it as it reads. A worker that dies leaves questions nobody waits for; the
 * successor in the slot goes on at head. Rings hold 64 questions a worker.
 */
#ifndef SHM_MEMORY_KEYMISS_H
#define SHM_MEMORY_KEYMISS_H

#include <stdatomic.h>
#include "shm/memory/segment_layout.h"

#define KEYMISS_RING    64u
#define KEYMISS_KEY_MAX 200u /* longer keys cannot exist: refused before */

enum keymiss_result { KEYMISS_PENDING, KEYMISS_FOUND, KEYMISS_ABSENT, KEYMISS_UNAVAILABLE };

/* worker: its scoreboard slot, 1..workers; it is woken by wake_worker[worker - 1]. */

/* --- worker --- */
/* Ticket of the question, 0 when the ring is full (answer 503). Rings the refresher. */
uint64_t keymiss_ask(struct segment *s, uint32_t worker, const uint8_t digest[32], struct str key);
/* FOUND: directory_find has it now. */
enum keymiss_result keymiss_poll(const struct segment *s, uint32_t worker, uint64_t ticket);

/* --- refresher --- */
struct keymiss_question {
    uint8_t digest[32];
    char key[KEYMISS_KEY_MAX];
    uint32_t key_len;
    uint32_t worker;
    uint64_t ticket;
};
/* False: none. Wipes the ring's copy. */
bool keymiss_next(struct segment *s, struct keymiss_question *out);
void keymiss_answer(struct segment *s, const struct keymiss_question *q,
                    enum keymiss_result result);
/* At start: what the dead predecessor had read but not answered becomes UNAVAILABLE. */
void keymiss_recover(struct segment *s);

size_t keymiss_area_size(uint32_t workers);

#endif
