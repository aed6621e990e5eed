/*
 * conversation.h - which conversation a request is the next turn of, for as long as a prompt cache
 * lives: a digest of its key, model, what its client calls its session (the headers of Claude Code and
 * Codex, metadata.user_id, prompt_cache_key), system prompt, tools and first turn. Two that are taken for
 * one share a lane, and nothing else: whose thoughts it has, the thoughts tell (thinker.h). Worker; pure.
 */
#ifndef WORKER_MOVES_CONVERSATION_H
#define WORKER_MOVES_CONVERSATION_H

#include "worker/turn/turn.h"

/* Never 0. Of long texts the beginning and the length count, so it costs a few microseconds at most,
 * however long the request is. */
uint64_t conversation_digest(const struct exchange *x);

#endif
