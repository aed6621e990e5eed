/*
 * mantle.h - ids of Bedrock's other host, bedrock-mantle: without region and version
 * ("anthropic.claude-opus-4-8"). Claude Code in Mantle mode sends them; the runtime, where our requests
 * go, has most of these models behind profiles only. Worker; pure but for the directory read.
 * Source: AWS user guide, endpoints; Claude Code 2.1.330 with CLAUDE_CODE_USE_MANTLE
 */
#ifndef WORKER_MODEL_MANTLE_H
#define WORKER_MODEL_MANTLE_H

#include "shm/memory/segment.h"

#define MANTLE_ROOM 200

/* The client's name of such an id: a part of it. Any other name, and one that the operator has mapped:
 * itself. */
struct str mantle_name(const struct segment *s, struct str id);
/* The other way: of the runtime's id of a model of Anthropic's. Empty: it is none, or nobody can tell. */
struct str mantle_id(struct str runtime_id, char room[MANTLE_ROOM]);

#endif
