/*
 * behind.h - the model behind an ARN that names none (an application inference profile, a
 * deployment, provisioned throughput, an imported model, a prompt router). Abilities, transport and
 * price follow the answer, so a wrong one is worse than none: the operator's word first (map-model
 * --as), then the name that was mapped to the ARN, then the operator's word for another name that
 * was, then what AWS says of the profile (when the refresher may ask it), then a name whose whole
 * family is sent there. Worker.
 */
#ifndef WORKER_MODEL_BEHIND_H
#define WORKER_MODEL_BEHIND_H

#include "server/config/config.h"
#include "server/base/arena.h"
#include "shm/memory/segment.h"
#include "worker/model/models_table.h"
#include "worker/model/rule.h"

enum behind_how { BEHIND_NOTHING, BEHIND_MAPPED, BEHIND_FAMILY }; /* what the name is worth */

struct behind_clues {
    struct str arn;      /* or a plain id, which tells all by itself */
    struct str declared; /* "claude-opus-4-8", or an id; empty: nothing */
    struct str name;     /* what led to it */
    enum behind_how how;
};

/* behind_by while AWS is being asked: a later look may know more. Until then nothing is known. */
#define BEHIND_ASKED behind_asked
extern const char behind_asked[];
/* behind_by of what the operator has said: good until the mappings change. */
#define BEHIND_DECLARED behind_declared
extern const char behind_declared[];

/* Fills behind, behind_by and caps of *out, in the arena. False: no memory. */
bool behind_find(const struct config *c, const struct segment *s, struct arena *arena,
                 const struct behind_clues *clues, struct models_choice *out);
/* The id that a name alone tells, of a row whose ARN it led to; empty: none. For bills, where there is
 * no segment. */
struct str behind_told_by(const struct config *c, struct str name, char room[RULE_ROOM]);
/* Is there a row of the table for what an operator declares? */
bool behind_is_known(const struct config *c, struct str declared);

#endif
