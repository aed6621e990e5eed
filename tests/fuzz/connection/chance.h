/*
 * chance.h - scripts by chance: whole ones (for runs without libFuzzer) and changed ones
 * (libFuzzer's mutators). The same dice give the same script.
 */
#ifndef TESTS_FUZZ_CONNECTION_CHANCE_H
#define TESTS_FUZZ_CONNECTION_CHANCE_H

#include "tests/fuzz/connection/script.h"

struct chance {
    uint64_t state;
    size_t (*bytes)(uint8_t *p, size_t n, size_t max); /* libFuzzer's own mutation; NULL: none */
};

uint32_t chance_roll(struct chance *d, uint32_t sides); /* 0..sides-1 */
/* Not by chance: a connection in a state, and what happens to it there, at once or when the worker
 * waits again. */
void chance_scene(struct script *s, uint32_t state, uint32_t event, bool at_once);
uint32_t chance_states(void);
uint32_t chance_events(void);
void chance_invent(struct chance *d, struct script *s);
void chance_change(struct chance *d, struct script *s);
/* Some lines of other at some place of s. */
void chance_cross(struct chance *d, struct script *s, const struct script *other);

#endif
