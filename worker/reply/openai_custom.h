/*
 * openai_custom.h - the free text of a custom tool's call. Bedrock knows only functions, so the text
 * is the one string of an object (worker/openai/chat_tool.h), which comes in pieces of escaped JSON:
 * they are gathered until the call is whole, then unpacked. Pure; worker. Lives in the arena of the
 * exchange, which also drops what a broken stream leaves.
 */
#ifndef WORKER_REPLY_OPENAI_CUSTOM_H
#define WORKER_REPLY_OPENAI_CUSTOM_H

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"

struct openai_custom; /* an open call */

struct openai_customs { /* arena set, the rest zero: none */
    struct arena *arena;
    struct openai_custom *first;
    bool drop_is_set;
};

/* ours: the number of the block. false: no memory, or more text than is right. */
MUST_CHECK bool openai_custom_begin(struct openai_customs *all, uint32_t ours);
bool openai_custom_is_open(const struct openai_customs *all, uint32_t ours);
MUST_CHECK bool openai_custom_add(struct openai_customs *all, uint32_t ours, struct str escaped);
/* The text as it stands between the quotes of a JSON string; the call is forgotten. */
MUST_CHECK bool openai_custom_end(struct openai_customs *all, uint32_t ours, struct buf *out);
/* The same of a whole call's input. What is no such object is the text itself. */
MUST_CHECK bool openai_custom_text(struct arena *arena, struct str input, struct buf *out);

#endif
