/*
 * native_tags.h - thoughts that stand in tags at the beginning of a text, "<reasoning>...</reasoning>", as
 * gpt-oss has them in Bedrock's own Chat Completions: one pair, or in a stream a pair a chunk. The text comes in any
 * pieces. Blanks behind a tag that ends are not of the text; where it has begun, a tag is text. Pure; worker.
 * Sources: litellm 1.110.2, llms/bedrock/chat/chat_completions; CherryHQ/cherry-studio#10225 (a recorded stream)
 */
#ifndef WORKER_REPLY_NATIVE_TAGS_H
#define WORKER_REPLY_NATIVE_TAGS_H

#include "server/base/buf.h"

#define NATIVE_TAGS_HELD 16 /* bytes that may wait: less than a tag */

struct native_tags { /* zero: nothing has come */
    enum native_tags_phase {
        NATIVE_TAGS_START,
        NATIVE_TAGS_THOUGHT,
        NATIVE_TAGS_BETWEEN,
        NATIVE_TAGS_SAID
    } phase;
    char held[NATIVE_TAGS_HELD];
    size_t held_n;
};

void native_tags_feed(struct native_tags *t, struct str text, struct buf *thought,
                      struct buf *said);
void native_tags_end(struct native_tags *t, struct buf *thought, struct buf *said);

#endif
