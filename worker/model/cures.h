/*
 * cures.h - what of a request Bedrock's sentence of refusal is about, and what would cure it: the
 * thing to do without (shm/memory/learned.h). Only things that a request can do without are
 * here; images, documents, tools and the conversation itself are nobody's to leave out.
 *
 * Two tables. Rows of words for sentences that are known; and for all others names of things: the
 * thing that is named first, was sent, and is said no to in any of the ways of saying so. A wrong
 * guess costs one more refusal: only an answer without the thing proves it (exchange/cure.c).
 *
 * What may be remembered of it is less than what may be tried. A sentence about the request (a
 * value that is out of range, a combination, a schema, this conversation), one that repeats what
 * the client has written, and a request that is odd in itself teach nothing about the model. Pure;
 * worker.
 */
#ifndef WORKER_MODEL_CURES_H
#define WORKER_MODEL_CURES_H

#include "server/base/text.h"
#include "shm/memory/learned.h"

#define CURES_NAME_MAX 64

struct cures_sent { /* what a request had that can be refused; lent */
    uint64_t bits;  /* LEARNED_BIT()s */
    bool odd;       /* values that no model takes: what is said of it is not said of the model */
    int64_t max_tokens;
    uint32_t effort;         /* which rung of cures_effort; 0: none of them */
    const struct str *betas; /* values of anthropic_beta */
    uint32_t beta_count;
    const struct str *fields; /* names of top-level fields that this program does not know */
    uint32_t field_count;
};

struct cure {
    enum learned what;         /* LEARNED_NOTHING: there is none */
    uint32_t value;            /* MAX_TOKENS: tokens; EFFORT: a rung, 0: none at all */
    bool kept;                 /* it is about the model: remembered when it is proved */
    char name[CURES_NAME_MAX]; /* of BETA and FIELD; "": all betas */
};

/* The rungs of effort from 1 on, the least first; "" for 0. */
#define CURES_EFFORTS 5
const char *cures_effort(uint32_t rung);

struct cure cures_find(struct str sentence, const struct cures_sent *sent);

#endif
