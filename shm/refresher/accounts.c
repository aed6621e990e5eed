/*
 *   own credentials --> lanes without a role
 *        |
 *        +--> AssumeRole, one a role --> the lanes of that role
 */
#include "shm/refresher/accounts.h"

#include "server/base/arena.h"
#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/memory/signing.h"

#define ROLE_MAX 2049

struct role {
    struct accounts *accounts;
    struct creds *creds; /* NULL: no more roles */
    char arn[ROLE_MAX];
    bool started;
};

struct accounts {
    struct segment *segment;
    char region[40]; /* home: where AWS STS is asked */
    unsigned n;      /* lanes */
    struct signer signer[LANES_MAX];
    struct role *of[LANES_MAX]; /* NULL: the gateway's own */
    uint64_t complaints[LANES_MAX];
    struct creds *own; /* NULL: nobody signs */
    struct creds_value base;
    struct role role[LANES_MAX];
};

/* --- what the look-ups bring --------------------------------------------------------------- */

static void take(struct accounts *a, const struct role *role, const struct creds_value *now,
                 const struct err *err)
{
    for (unsigned i = 0; i < a->n; i++) {
        if (a->of[i] == role) {
            signer_take(&a->signer[i], now, err, clock_real_ms());
        }
    }
}

static void on_role(void *owner, const struct creds_value *now, const struct err *err)
{
    struct role *role = owner;
    take(role->accounts, role, now, err);
}

static void on_own(void *owner, const struct creds_value *now, const struct err *err)
{
    struct accounts *a = owner;
    text_wipe(&a->base, sizeof a->base);
    if (now) {
        a->base = *now;
    }
    take(a, NULL, now, err);
    for (unsigned i = 0; now && i < LANES_MAX; i++) {
        if (a->role[i].creds && !a->role[i].started) {
            a->role[i].started = true;
            creds_start(a->role[i].creds);
        }
    }
}

/* --- its life ------------------------------------------------------------------------------ */

static bool add_role(struct accounts *a, struct loop *loop, struct fetch_client *fetch,
                     struct str arn, struct role **out)
{
    unsigned i = 0;
    while (a->role[i].creds && !text_eq(text_from(a->role[i].arn), arn)) {
        i++; /* as many roles as lanes, at most */
    }
    struct role *role = *out = &a->role[i];
    if (!role->creds) {
        role->accounts = a;
        text_copy(arn, role->arn, sizeof role->arn);
        struct creds_options options = {
            .region = a->region, .role_arn = role->arn, .base = &a->base};
        role->creds = creds_new(loop, fetch, &options, on_role, role);
    }
    return role->creds != NULL;
}

static bool add_lanes(struct accounts *a, const struct config *c, struct loop *loop,
                      struct fetch_client *fetch)
{
    struct creds_options options = {.region = a->region};
    a->n = c->lanes.n ? c->lanes.n : 1;
    for (unsigned i = 0; i < a->n; i++) {
        const struct config_lane *lane = &c->lanes.lane[i];
        signer_init(&a->signer[i], a->segment, lane->id, c->lanes.n ? lane->region : a->region);
        a->complaints[i] = signing_complaints(a->segment, a->signer[i].slot);
        if (loop && c->lanes.n && lane->role.n &&
            !add_role(a, loop, fetch, lane->role, &a->of[i])) {
            return false;
        }
    }
    a->own = loop ? creds_new(loop, fetch, &options, on_own, a) : NULL;
    return !loop || a->own;
}

struct accounts *accounts_new(const struct config *c, struct segment *s, const char *region,
                              struct loop *loop, struct fetch_client *fetch)
{
    struct accounts *a = heap_new(sizeof *a);
    if (!a) {
        return NULL;
    }
    a->segment = s;
    text_copy(text_from(region), a->region, sizeof a->region);
    if (!add_lanes(a, c, loop, fetch)) {
        accounts_drop(a);
        return NULL;
    }
    return a;
}

void accounts_drop(struct accounts *a)
{
    if (!a) {
        return;
    }
    creds_drop(a->own);
    for (unsigned i = 0; i < LANES_MAX; i++) {
        creds_drop(a->role[i].creds);
        signer_wipe(&a->signer[i]);
    }
    text_wipe(a, sizeof *a);
    heap_drop(a);
}

void accounts_start(struct accounts *a)
{
    if (a->own) {
        creds_start(a->own);
    }
}

/* --- each second --------------------------------------------------------------------------- */

static void hear_complaints(struct accounts *a)
{
    for (unsigned i = 0; i < a->n; i++) {
        uint64_t n = signing_complaints(a->segment, a->signer[i].slot);
        if (a->own && n != a->complaints[i]) {
            creds_hurry(a->of[i] ? a->of[i]->creds : a->own);
        }
        a->complaints[i] = n;
    }
}

void accounts_look_at_date(struct accounts *a)
{
    int64_t now_ms = clock_real_now_ms(); /* afresh: the loop may have stood still */
    for (unsigned i = 0; i < a->n; i++) {
        signer_tick(&a->signer[i], now_ms);
    }
}

void accounts_tick(struct accounts *a)
{
    hear_complaints(a);
    accounts_look_at_date(a);
}

const struct signer *accounts_home(const struct accounts *a)
{
    return &a->signer[LANES_HOME];
}
