/*
 * complaint.h - what a refusal of Bedrock's is about, as far as something follows from it here.
 * Read once, from AWS's whole sentence but for what it quotes, by bedrock_error.c; whatever steers by it
 * looks at the enum, never at words. Pure; worker.
 */
#ifndef WORKER_TURN_COMPLAINT_H
#define WORKER_TURN_COMPLAINT_H

#include "server/base/text.h"

/* X(NAME, meaning) */
#define COMPLAINTS(X)                                                           \
    X(NONE, "nothing that anything follows from")                               \
    X(TIER, "the model does not offer the service tier: once more without")     \
    X(CLOCK, "the signature's time or date: the answer's Date tells how wrong") \
    X(NO_COUNTING, "CountTokens does not know the model: not asked again")      \
    X(CONTEXT, "the input is longer than the model's context")                  \
    X(MODEL, "the model, or how it is called, is the operator's mistake: 404")  \
    X(DAY, "a day's quota is used up: no second attempt, nothing to wait for")

enum complaint {
#define COMPLAINT_ENUM(name, meaning) COMPLAINT_##name,
    COMPLAINTS(COMPLAINT_ENUM)
#undef COMPLAINT_ENUM
};

/* The sentence of a refusal as invalid; never CLOCK, which the error's name tells. */
enum complaint complaint_read(struct str sentence);

#endif
