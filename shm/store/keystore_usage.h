/*
 * keystore_usage.h - what a store is given of each request, and what it tells of them: usage rows,
 * budgets, prices. Part of keystore.h.
 *
 * Money is micro-dollars, tokens are whole: no double is in any sum.
 */
#ifndef SHM_STORE_KEYSTORE_USAGE_H
#define SHM_STORE_KEYSTORE_USAGE_H

#include "server/base/err.h"
#include "shm/catalogue/tokens.h"
#include "shm/memory/directory.h"

#define KEYSTORE_ID_MAX 200 /* "sha256:<64 hex>" or a clear key */

struct keystore;

/* One request, for the usage table. Texts are cut. */
struct keystore_usage {
    char id[KEYSTORE_ID_MAX + 1]; /* partition key; "master" and "anonymous" are no keys */
    bool is_key;                  /* its cost counts to a budget */
    char usage_id[33];            /* unique for all time: says that a row is there already */
    uint64_t flusher;             /* who stores: random, kept as long as the journal */
    uint64_t sequence;            /* grows with every row that this flusher stores; from 1 */
    int64_t started_ms;           /* sort key, 13 digits; one more where it is taken */
    char request_id[73];
    char model[97];          /* as the client asked */
    char bedrock_model[161]; /* as it was used */
    struct tokens tokens;
    uint64_t cost_micro;
    uint32_t duration_ms;
    uint16_t status; /* HTTP, as the client got it; 0: none */
    bool success, stream;
    char service_tier[12];
    char error[25];    /* name of the status; "" */
    int64_t expires_s; /* when the store may forget the row; 0: never */
};

enum keystore_group { KEYSTORE_BY_KEY, KEYSTORE_BY_MODEL, KEYSTORE_BY_DAY };

struct keystore_usage_sum {
    char group[KEYSTORE_ID_MAX + 1]; /* partition key, client's model name, or "2026-01-15" */
    uint64_t requests, failed;
    struct tokens tokens; /* stores that keep one figure of cache writes tell it as write_5m */
    uint64_t cost_micro;
};

struct keystore_price {
    char model[217]; /* Bedrock id */
    struct price price;
    bool readable; /* its figures are numbers */
    bool active;   /* status is not "disabled" */
};

/* What a budget is after a request; the same for every store. */
struct keystore_budget {
    int64_t limit_micro; /* monthly_budget; 0: none */
    int64_t used_micro;  /* lifetime */
    int64_t mtd_micro;   /* of month */
    char month[8];       /* "2026-01" or "" */
    int64_t reset_ms;    /* mtd was last set back then; 0: never */
    bool active;
    char reason[65]; /* deactivated_reason */
    /* what to add to budget_history, a JSON object of month to dollars with two decimals */
    char history_month[8]; /* "": nothing */
    int64_t history_micro; /* may be less than 0 */
};
/* Adds the cost of a request. It is of the month (UTC) in which it started; one that ended before
 * its month was set back counts to the total alone, whenever it is stored. history_micro: rounded to
 * cents by the store. */
void keystore_budget_add(struct keystore_budget *b, int64_t started_ms, int64_t ended_ms,
                         uint64_t cost_micro);
/* A request costs right_micro instead of was_micro. history_micro: exact. false, nothing changed: it
 * is of a later month than the sums, so it is not in them yet (what cost nothing never will be, and
 * comes in now). */
bool keystore_budget_correct(struct keystore_budget *b, int64_t started_ms, int64_t ended_ms,
                             uint64_t was_micro, uint64_t right_micro);
/* The month's spending until now is forgiven. */
void keystore_budget_reset(struct keystore_budget *b, int64_t now_ms);

#endif
