/*
 * outcome.h - what came of a request: what the client got, why, and what it costs. The answer's
 * side is written by answer.c and whoever refuses, the bill by usage.c and limits.c. Worker only.
 */
#ifndef WORKER_TURN_OUTCOME_H
#define WORKER_TURN_OUTCOME_H

#include "shm/memory/counters.h"
#include "shm/memory/tariff.h"
#include "worker/dialect/usage_record.h"

struct journal_record;

struct outcome {
    struct err err;
    struct err
        earlier;    /* of a model before in the chain, which will answer again: what is told where
                           the last one never will */
    unsigned moves; /* to the next model of the chain */
    enum counter refused; /* COUNTER_REFUSED_x where err alone does not tell; 0: it does */
    bool begun;           /* the status line to the client was put */
    bool told;            /* something of the model's was forwarded: no other attempt may follow */
    int status; /* it; 499: the client left first; of a refusal behind a 200 that had nothing of the
                   model behind it: the refusal's own */

    struct prices_tariff tariff;
    uint8_t priced;      /* the lane in whose region it is so */
    bool followed;       /* it is that of the model which a prompt router chose (reply.served) */
    int64_t output_most; /* tokens: what is left of the budget pays for no more; 0: as asked */
    bool paid;           /* for an attempt before, out of what is set aside: money_pay */
    struct journal_record *record; /* OPEN in the journal; NULL: none */
    uint64_t record_number;        /* its own: says whether it still is this request's */
    bool billed;                   /* from usage_begin to usage_end */
    int64_t started_ms;            /* of usage_begin, real time */
    struct usage usage;            /* at the end */
    uint64_t cost_micro;           /* of all of its rows */
    uint64_t kept_micro;           /* of those that are closed before the end: usage_keep */
};

#endif
