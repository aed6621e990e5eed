/*
 * responses_reply.h - one answer on its way to /v1/responses, which converse_to_responses.c (which item
 * speaks, and when), output_item.c (the JSON and the events of one) and responses_object.c (the
 * response object) work on. Pure; worker. Lives in the arena of the exchange.
 */
#ifndef WORKER_REPLY_RESPONSES_REPLY_H
#define WORKER_REPLY_RESPONSES_REPLY_H

#include "worker/reply/converse_reply.h"
#include "worker/reply/responses_wants.h"

/* Of a stream. What is larger ends in response.failed: real answers have a tenth of it. The last events
 * repeat a message four times, at once: with a client that reads slowly five of these lie here. */
#define RESPONSES_REPLY_MAX ((size_t)8 << 20)

enum output_kind {
    OUTPUT_MESSAGE,
    OUTPUT_REFUSAL, /* a message, too: said in place of an answer */
    OUTPUT_REASONING,
    OUTPUT_FUNCTION,
    OUTPUT_CUSTOM, /* this and the next two are told when they are whole */
    OUTPUT_SEARCH,
    OUTPUT_SHELL
};

struct output_item {
    enum output_kind kind;
    uint32_t ours;          /* the block that speaks in it */
    bool over;              /* that block has ended */
    bool told;              /* the client knows of it, and not yet of its end */
    bool part;              /* its text has begun */
    struct str call_id;     /* escaped */
    struct str space, name; /* of a call, in the client's words; space "": none */
    struct buf said;        /* escaped: what waits until it is its turn, or until it is whole */
    struct buf block;       /* thinking: Bedrock's content block, to be sealed */
    struct output_item *next, *earlier_call;
};

struct responses_reply {
    struct converse_reply base; /* first */
    struct responses_wants wants;
    struct str head;    /* of every response object */
    struct str id_tail; /* of all ids of the answer: behind the "_" of the response's */
    uint64_t sequence;  /* the number of the next event */
    size_t most;        /* bytes that may be kept */
    bool quiet;         /* a whole answer: no event is written */
    bool told;          /* something was said */
    /* The items that are not done: live is the one that speaks, the others wait for their turn. */
    struct output_item *live, *last;
    struct output_item *last_call;
    uint32_t calls;
    uint32_t number;   /* output_index of the next item that is told, or of the live */
    struct buf output; /* JSON of the items; of the live one as far as it is */
    size_t item_at, part_at, text_at; /* where in it the live one begins, its part, its text */
    struct buf delta;                 /* an event of a piece of the live one, up to its number */
    size_t aside;                     /* bytes in said and block of all items */
};

#endif
