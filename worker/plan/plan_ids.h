/*
 * plan_ids.h - the ids of tool calls as the model takes them. Clients bring what other models have
 * made ("functions.look:0" of Kimi, "call_0" in every turn): an id of other letters gets an alias,
 * and so does one that a later call uses again, on the result, too. What is legal and new stays.
 * Bedrock makes the ids of its answers itself: none comes back.
 *
 * Asked by the writers for each call and each result in the order of the messages; lives on their
 * stack, memory is the plan's arena. Pure but for the seed of its table; worker.
 */
#ifndef WORKER_PLAN_PLAN_IDS_H
#define WORKER_PLAN_PLAN_IDS_H

#include "worker/plan/plan.h"

struct plan_id;

struct plan_ids {
    struct plan *p;
    struct plan_id *table; /* open addressing; `room` is a power of two, or 0 */
    uint32_t room, used;
    uint32_t turn;  /* of calls, so far */
    bool answering; /* the last one was a result */
    uint64_t seed;  /* strangers choose the ids */
};

void plan_ids_begin(struct plan_ids *ids, struct plan *p);
/* p NULL: no memory. */
struct str plan_ids_call(struct plan_ids *ids, struct str id);
/* false: its call has its result already; noted, and this one goes. out: p NULL for no memory. */
bool plan_ids_result(struct plan_ids *ids, struct str id, struct str *out);

#endif
