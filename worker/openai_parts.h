/*
 * openai_parts.h - content of a chat message (a string or parts) as Converse blocks. Part of openai_to_converse;
 * pure. URLs are never fetched.
 */
#ifndef WORKER_OPENAI_PARTS_H
#define WORKER_OPENAI_PARTS_H

#include "worker/converse_build.h"

/* Into the turn of role; empty text is left out; INVALID for audio, URLs that are no data: URL, file ids. */
void openai_parts_put(struct converse_build *b, const struct scan *s, scan_ref content, enum converse_role role);
/* Into the open content of a tool result: text only; gives the number of blocks. */
unsigned openai_parts_put_result(struct converse_build *b, const struct scan *s, scan_ref content);
/* All text, parts joined by newlines, in the arena. */
struct str openai_parts_text(const struct scan *s, struct arena *arena, scan_ref content);

#endif
