/*
 * profiles.h - which model is behind an application inference profile, as AWS says: workers leave the
 * ARNs that they met, the refresher asks (GetInferenceProfile) and writes the answers beside them.
 *
 * In the anonymous mapping: ARNs tell accounts, so `top` does not see them. A slot's word says what
 * it holds and counts its changes; whoever reads looks at it before and after. One that a dead
 * process left half-written is freed by the refresher. Slots whose answer is nothing are given away
 * again when it is old, so strangers' ARNs do not fill the table for long.
 */
#ifndef SHM_MEMORY_PROFILES_H
#define SHM_MEMORY_PROFILES_H

#include "shm/memory/segment_layout.h"

#define PROFILES_MAX     64u
#define PROFILES_ARN_MAX 304u
#define PROFILES_ID_MAX  128u

enum profiles_found {
    PROFILES_ASKED, /* nobody has answered yet */
    PROFILES_KNOWN,
    PROFILES_NOTHING /* denied, no such profile, no room in the table, or nobody is there to ask */
};

/* --- worker --- */
/* KNOWN: the id in id_out. An ARN that nobody has asked for yet is asked for; rings the refresher. */
enum profiles_found profiles_find(const struct segment *s, struct str arn,
                                  char id_out[PROFILES_ID_MAX]);

/* --- refresher --- */
/* At start: someone is there to ask. Without it every ARN is NOTHING. */
void profiles_serve(struct segment *s, bool served);
/* The next slot that wants an answer, at a time (monotonic ms); false: none. Call it once a second
 * at least: it frees what was left half-written. */
bool profiles_next(struct segment *s, uint64_t now_ms, uint32_t *slot_out,
                   char arn_out[PROFILES_ARN_MAX]);
/* id empty: nothing. Good until until_ms; then it is asked for again, and holds meanwhile. */
void profiles_answer(struct segment *s, uint32_t slot, struct str id, uint64_t until_ms);
/* Could not be asked just now: what was known holds, and is asked for again at until_ms. */
void profiles_later(struct segment *s, uint32_t slot, uint64_t until_ms);

size_t profiles_area_size(void);

#endif
