/*
 * splice_order.h - the grammar of an Anthropic stream. Bedrock's events are forwarded as they are,
 * so what comes in another order would be what the client gets; SDKs then lose blocks, run a tool
 * twice, or take a broken answer for a whole one. Source: docs.anthropic.com, "Event flow".
 *
 *   message_start  (content_block_start N  content_block_delta N *  content_block_stop N)*
 *   message_delta+  message_stop           N: 0, 1, 2 ...; never two blocks at once
 *
 * ping, error and types that are newer than this program may stand anywhere. Pure; worker.
 */
#ifndef WORKER_SPLICE_SPLICE_ORDER_H
#define WORKER_SPLICE_SPLICE_ORDER_H

#include "server/base/err.h"
#include "server/base/text.h"

/* X(NAME, meaning) */
#define SPLICE_ORDER_PLACES(X)                        \
    X(BEFORE, "before message_start")                 \
    X(BETWEEN, "in the message, no block is open")    \
    X(INSIDE, "the block `blocks` - 1 is open")       \
    X(ENDING, "behind message_delta: no more blocks") \
    X(AFTER, "behind message_stop: nothing any more")

enum splice_order_place {
#define SPLICE_ORDER_ENUM(name, meaning) SPLICE_ORDER_##name,
    SPLICE_ORDER_PLACES(SPLICE_ORDER_ENUM)
#undef SPLICE_ORDER_ENUM
};

struct splice_order { /* all zero: the beginning */
    enum splice_order_place place;
    int64_t blocks; /* begun so far */
};

/* The next event. index: of its block, below 0 where it names none. UPSTREAM, with its type in the
 * text: it may not stand here; the order then is as before. */
MUST_CHECK enum status splice_order_take(struct splice_order *o, struct str type, int64_t index,
                                         struct err *err);

#endif
