/*
 * anthropic_blocks.h - content blocks of the Messages API as Converse blocks. Part of
 * anthropic_to_converse; pure. What Bedrock has no block for becomes text or is dropped and noted,
 * never silently.
 */
#ifndef WORKER_CONVERSE_ANTHROPIC_BLOCKS_H
#define WORKER_CONVERSE_ANTHROPIC_BLOCKS_H

#include "worker/converse/converse_build.h"

/* content: a string, an array of blocks, or absent; into the turn of the builder's role. */
void anthropic_blocks_put(struct converse_build *b, const struct scan *s, scan_ref content);
/* From that block of an array on. */
void anthropic_blocks_put_from(struct converse_build *b, const struct scan *s, scan_ref content,
                               scan_ref first);
void anthropic_blocks_put_one(struct converse_build *b, const struct scan *s, scan_ref block);
/* All text of a string or of an array's text blocks, joined by newlines, in the arena. */
struct str anthropic_blocks_text(struct converse_build *b, const struct scan *s, scan_ref content);
/* The cache point that a block's cache_control asks for. */
void anthropic_blocks_cache(struct converse_build *b, const struct scan *s, scan_ref block);
/* Text inside <system-reminder> tags, which is what Claude Code itself falls back to where the role
 * "system" is not known inside messages. raw: a JSON string with its quotes. */
void anthropic_blocks_reminder(struct converse_build *b, struct str raw);
/* A member that is the boolean true. */
bool anthropic_blocks_true(const struct scan *s, scan_ref member);

#endif
