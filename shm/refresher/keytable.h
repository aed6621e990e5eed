/*
 * keytable.h - what the refresher knows of the key store, in its own memory: keys with their slots,
 * model mappings, prices and beta rules. Published as a whole into the other bank of the directory.
 *
 * A load is staged and takes effect at keytable_commit, so one that breaks off changes nothing.
 */
#ifndef SHM_REFRESHER_KEYTABLE_H
#define SHM_REFRESHER_KEYTABLE_H

#include "server/base/err.h"
#include "shm/memory/directory.h"

struct keytable;

/* Begins with the keys and slots that a predecessor has published, if any. NULL: no memory. */
struct keytable *keytable_new(struct segment *s, uint64_t now_ms);
void keytable_drop(struct keytable *t);

enum keytable_staged { KEYTABLE_STAGED, KEYTABLE_FULL, KEYTABLE_NO_MEMORY };

void keytable_begin(struct keytable *t); /* forgets what was staged */
/* Two rows for one key (in clear and hashed): an inactive one wins, else the first. */
MUST_CHECK enum keytable_staged keytable_stage(struct keytable *t, const struct directory_key *key);
/* Of a key that was just staged with DIRECTORY_TERMS; nothing if it has some from a twin. */
MUST_CHECK enum keytable_staged keytable_stage_terms(struct keytable *t,
                                                     const struct directory_terms *terms);
/* A row that cannot be used any more: its last good values stay. active false: it was revoked for
 * all that. */
MUST_CHECK enum keytable_staged keytable_stage_old(struct keytable *t, const uint8_t digest[32],
                                                   bool active);
/* false: too long, empty or too many. */
bool keytable_stage_mapping(struct keytable *t, struct str from, struct str to, struct str as);
/* false: too long, empty or too many. */
bool keytable_stage_price(struct keytable *t, struct str model, const struct price *price);
/* false: there already, or too many. */
bool keytable_stage_beta(struct keytable *t, const struct directory_beta *rule);
/* The table of the rules could not be read: those in use stay. */
void keytable_stage_old_betas(struct keytable *t);
/* Keys that are gone lose their slots, new ones get theirs. */
void keytable_commit(struct keytable *t, uint64_t now_ms);

/* One key that was looked up by itself, terms NULL: it has none. false: full. */
bool keytable_add(struct keytable *t, const struct directory_key *key,
                  const struct directory_terms *terms, uint64_t now_ms);
bool keytable_has(const struct keytable *t, const uint8_t digest[32]);
/* With its slot (SLOTS_NONE: it has none); NULL: not in the table. Until the next change. */
const struct directory_key *keytable_find(const struct keytable *t, const uint8_t digest[32]);
uint32_t keytable_count(const struct keytable *t);
uint32_t keytable_mappings(const struct keytable *t);

/* Writes all of it to the directory. Returns how many keys had no place (no slot, or the table is
 * full). */
uint32_t keytable_publish(const struct keytable *t, int64_t confirmed_real_ms);

#endif
