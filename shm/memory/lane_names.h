/*
 * lane_names.h - which slot of the shared memory a lane has (BEDROCK_LANES): its health, its figures, its
 * conversations and its signing keys go by it. A slot goes with what a lane is (config_lane.id), so a
 * reload that changes the order, a role or an address gives no lane what is another's; old workers that
 * still drain keep theirs. The master writes, before it forks those that use them; anybody reads.
 */
#ifndef SHM_MEMORY_LANE_NAMES_H
#define SHM_MEMORY_LANE_NAMES_H

#include "server/config/config_lanes.h"
#include "shm/memory/lanes.h"

/* Master, at the start and at each reload. before: those in force, whose slots stay; NULL at the start.
 * Of all others nothing may be known any more, where there is no slot left. */
void lane_names_enter(struct segment *s, const struct config_lanes *now,
                      const struct config_lanes *before);
/* LANES_SLOTS: it has none, as nobody has entered it (`top` with other settings). The id 0, of a program
 * without settings, is the first. */
unsigned lane_names_slot(const struct segment *s, uint64_t id);

#endif
