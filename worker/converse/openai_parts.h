/*
 * openai_parts.h - content of a message or an output (a string or parts) as Converse blocks. Part of
 * openai_to_converse and responses_to_converse; pure. URLs are never fetched.
 */
#ifndef WORKER_CONVERSE_OPENAI_PARTS_H
#define WORKER_CONVERSE_OPENAI_PARTS_H

#include "worker/converse/converse_build.h"

/* content: a string or parts, of Chat's or of Responses' types; holder: the message, for its own cache
 * mark. Into the turn of the builder's role, with the cache marks of the parts and of the message; empty
 * text is left out; INVALID for audio, URLs that are no data: URL, file ids, unknown parts. */
void openai_parts_put(struct converse_build *b, const struct scan *s, scan_ref content,
                      scan_ref holder);
/* An instruction in mid-conversation: its texts as reminders in the user's turn. */
void openai_parts_put_reminder(struct converse_build *b, const struct scan *s, scan_ref content,
                               scan_ref holder);
/* As the result of a tool call. */
void openai_parts_put_result(struct converse_build *b, const struct scan *s, scan_ref content,
                             scan_ref holder, struct str id);
/* The cache mark of a part, message or tool: Anthropic's cache_control, which many clients send, or
 * OpenAI's prompt_cache_breakpoint. */
void openai_parts_cache(struct converse_build *b, const struct scan *s, scan_ref object);

#endif
