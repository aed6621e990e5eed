/*
 * responses_private.h - one answer on its way to /v1/responses: what converse_to_responses.c (which item
 * speaks, and when), responses_item.c (the JSON and the events of one), responses_object.c (the response
 * object) and responses_unpack.c share. Pure; worker. Lives in the arena of the exchange.
 */
#ifndef WORKER_REPLY_RESPONSES_PRIVATE_H
#define WORKER_REPLY_RESPONSES_PRIVATE_H

#include "worker/reply/converse_reply.h"
#include "worker/reply/converse_to_responses.h"

enum responses_kind {
    RESPONSES_MESSAGE,
    RESPONSES_REFUSAL, /* a message, too: said in place of an answer */
    RESPONSES_REASONING,
    RESPONSES_FUNCTION,
    RESPONSES_CUSTOM, /* this and the next two are told when they are whole */
    RESPONSES_SEARCH,
    RESPONSES_SHELL
};

struct responses_item {
    enum responses_kind kind;
    uint32_t ours;          /* the block that speaks in it */
    bool over;              /* that block has ended */
    bool told;              /* the client knows of it, and not yet of its end */
    bool part;              /* its text has begun */
    bool is_signed;         /* the thinking's signature has come */
    struct str call_id;     /* escaped */
    struct str space, name; /* of a call, in the client's words; space "": none */
    struct buf said;        /* escaped: what waits until it is its turn, or until it is whole */
    struct buf block;       /* thinking: Bedrock's content block, to be sealed */
    struct responses_item *next, *earlier_call;
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
    struct responses_item *live, *last;
    struct responses_item *last_call;
    uint32_t calls;
    uint32_t number;   /* output_index of the next item that is told, or of the live */
    struct buf output; /* JSON of the items; of the live one as far as it is */
    size_t item_at, part_at, text_at; /* where in it the live one begins, its part, its text */
    struct buf delta;                 /* an event of a piece of the live one, up to its number */
    size_t aside;                     /* bytes in said and block of all items */
};

/* --- responses_item.c: the live item, and what others keep. Without room base.full is set. --- */

void responses_item_tell(struct responses_reply *r, struct responses_item *i, struct buf *out);
/* A piece of its text, escaped: it goes out, or is kept. */
void responses_item_say(struct responses_reply *r, struct responses_item *i, struct str text,
                        struct buf *out);
/* It has become live: what has been kept of it goes out. */
void responses_item_catch_up(struct responses_reply *r, struct responses_item *i, struct buf *out);
/* Its last events. whole: the model said all that it wanted to. */
void responses_item_end(struct responses_reply *r, struct responses_item *i, bool whole,
                        struct buf *out);
/* Its JSON ends here, without an event: the answer is broken off. */
void responses_item_cut(struct responses_reply *r, struct responses_item *i);
void responses_item_free(struct responses_reply *r, struct responses_item *i);
/* Appends to said or block of an item. */
void responses_item_keep(struct responses_reply *r, struct buf *to, struct str bytes);
/* Begins any event; the caller appends members and the end. */
void responses_item_event(struct responses_reply *r, struct str type, struct buf *out);

/* --- responses_object.c --- */

struct responses_ending {
    const char *status;       /* in_progress, completed, incomplete, failed */
    const char *incomplete;   /* the reason, or NULL */
    struct str code, message; /* of failed; code.p NULL: none */
    bool last;                /* with output, usage, and all that the request said */
};
/* What never changes of it. false: no memory. */
MUST_CHECK bool responses_object_init(struct responses_reply *r);
void responses_object_put(const struct responses_reply *r, const struct responses_ending *e,
                          struct buf *out);
/* The event of that name with the object. */
void responses_object_event(struct responses_reply *r, struct str type,
                            const struct responses_ending *e, struct buf *out);

/* --- responses_unpack.c --- */

/* The gathered input of a call, escaped JSON, as what its kind has: the inside of a string for
 * CUSTOM, else a JSON value. false: no memory. */
MUST_CHECK bool responses_unpack(enum responses_kind kind, struct str escaped, struct buf *out);

#endif
