/*
 * anthropic_blocks.h - content blocks of the Messages API as Converse blocks. Part of anthropic_to_converse;
 * pure. What Bedrock has no block for becomes text or is dropped and noted, never silently.
 */
#ifndef WORKER_ANTHROPIC_BLOCKS_H
#define WORKER_ANTHROPIC_BLOCKS_H

#include "worker/converse_build.h"

/* content: a string, an array of blocks, or absent. role: of the turn they belong to. */
void anthropic_blocks_put(struct converse_build *b, const struct scan *s, scan_ref content, enum converse_role role);
/* All text of a string or of an array's text blocks, joined by newlines, in the arena. */
struct str anthropic_blocks_text(const struct scan *s, struct arena *arena, scan_ref content);
/* The cache point that a block's cache_control asks for. */
void anthropic_blocks_cache(struct converse_build *b, const struct scan *s, scan_ref block);

#endif
