#include "worker/moves/lane.h"

#include <assert.h>
#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/catalogue/region.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/sticks.h"
#include "worker/moves/blame.h"
#include "worker/moves/conversation.h"
#include "worker/moves/thinker.h"

#define NONE      LANES_MAX
#define BIT(lane) ((uint8_t)(1u << (lane)))
#define COUNTING  0x636f756e74u   /* CountTokens has quotas and permissions of its own, */
#define MANTLE    0x6d616e746c65u /* and so has the other service */
#define BACK_MS   1000u           /* the first closing of a throttle */

static const struct config_lanes *lanes(const struct exchange *x)
{
    return &x->worker->config->lanes;
}

static unsigned count(const struct exchange *x)
{
    return lanes(x)->n ? lanes(x)->n : 1; /* home */
}

/* What is known of it in shared memory goes by this. */
static unsigned slot_of(const struct exchange *x, unsigned lane)
{
    unsigned slot = lane_names_slot(x->worker->segment, lanes(x)->lane[lane].id);
    assert(slot < LANES_SLOTS); /* the master entered it before it made this process */
    return slot;
}

/* Without, nothing is looked up and nothing remembered. */
static bool heeds(const struct exchange *x)
{
    return lanes(x)->n > 0;
}

/* --- what may be asked --------------------------------------------------------------------- */

static bool speaks_of(const struct exchange *x, struct str member)
{
    size_t at;
    return x->asked.dialect == DIALECT_BEDROCK && text_find(x->asked.body, member, &at);
}

/* A guardrail and a project are known in one region of one account, whoever named them: the settings, the
 * key, or a client of Bedrock's own routes. */
static bool has_its_place(const struct exchange *x)
{
    const struct plan_terms *terms = &x->attempt.terms;
    const struct str *head = x->asked.passed.head;
    return terms->guardrail.id.n > 0 || terms->project.n > 0 ||
           head[ASKED_PASSED_GUARDRAIL].n > 0 || head[ASKED_PASSED_PROJECT].n > 0 ||
           speaks_of(x, STR("\"guardrailConfig\"")) || speaks_of(x, STR("\"projectIdentifier\""));
}

static uint8_t find_able(const struct exchange *x)
{
    const struct config_lanes *l = lanes(x);
    struct str id = x->asked.model.id, home = text_from(l->lane[LANES_HOME].region);
    uint8_t able = 0;
    if (has_its_place(x)) {
        return BIT(LANES_HOME);
    }
    for (unsigned i = 0; i < l->n; i++) { /* of home alone nothing is known */
        if (region_serves(text_from(l->lane[i].region), id, home)) {
            able |= BIT(i);
        }
    }
    return able ? able : BIT(LANES_HOME); /* which has the right words for it */
}

static void know_model(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    a->able = a->able ? a->able : find_able(x);
    a->model = lanes_model(x->worker->segment, x->asked.model.id) ^
               (x->asked.counting ? COUNTING : 0) ^ (x->attempt.mantle.here ? MANTLE : 0);
}

static unsigned first_of(uint8_t mask)
{
    return (unsigned)__builtin_ctz(mask);
}

static bool same_account(const struct exchange *x, unsigned a, unsigned b)
{
    const struct config_lane *l = lanes(x)->lane;
    return strcmp(l[a].account, l[b].account) == 0;
}

static bool allows(struct exchange *x, unsigned lane)
{
    return same_account(x, lane, x->attempt.lane.origin) || !thinker_is_bound(x);
}

static bool can_sign(const struct exchange *x, unsigned lane)
{
    const struct worker *w = x->worker;
    return w->config->bedrock_api_key[0] || keyring_has(w->segment, w->config, lane);
}

/* --- choosing ------------------------------------------------------------------------------ */

static uint64_t conversation(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    a->conversation = a->conversation ? a->conversation : conversation_digest(x);
    return a->conversation;
}

static unsigned first_in_account(const struct exchange *x, uint64_t account, unsigned otherwise)
{
    for (unsigned i = 0; i < count(x); i++) {
        if (x->attempt.lane.able & BIT(i) && thinker_account(&lanes(x)->lane[i]) == account) {
            return i;
        }
    }
    return otherwise;
}

static bool has_accounts(const struct exchange *x)
{
    unsigned i = 1;
    while (i < count(x) && same_account(x, i, LANES_HOME)) {
        i++;
    }
    return i < count(x);
}

/* Thoughts of which nothing is known are those of home's account. */
static void find_origin(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    unsigned home = first_of(a->able);
    uint64_t account;
    a->origin = (uint8_t)home;
    if (has_accounts(x)) {
        a->origin =
            (uint8_t)first_in_account(x, thinker_account(&lanes(x)->lane[LANES_HOME]), home);
        unsigned lane =
            thinker_find(x, &account, &a->thought) ? first_in_account(x, account, NONE) : NONE;
        a->origin = lane == NONE ? a->origin : (uint8_t)lane;
        a->thought = lane == NONE ? 0 : a->thought;
    }
}

/* The lane that the conversation had to move to; NONE: it had not, or that lane is no more. */
static unsigned find_stick(struct exchange *x, bool *warm_out)
{
    const struct segment *s = x->worker->segment;
    uint64_t now_s = clock_mono_ms() / 1000u;
    unsigned slot, lane = 0;
    if (!sticks_any(s, now_s) || !sticks_find(s, conversation(x), now_s, &slot, warm_out)) {
        return NONE;
    }
    while (lane < count(x) && slot_of(x, lane) != slot) {
        lane++;
    }
    return lane < count(x) && x->attempt.lane.able & BIT(lane) ? lane : NONE;
}

/* Where its cache is, else home; with thoughts in it, where they are from. */
static unsigned preferred(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    bool warm;
    find_origin(x);
    unsigned lane = find_stick(x, &warm), home = first_of(a->able);
    a->stuck = lane != NONE;
    home = allows(x, home) ? home : a->origin;
    return a->stuck && warm && allows(x, lane) ? lane : home;
}

/* One that is open, or that this request is to try: the preferred one, else in the operator's order. */
static unsigned find_open(struct exchange *x, unsigned first, uint8_t among)
{
    struct attempt_lane *a = &x->attempt.lane;
    uint64_t now_ms = clock_mono_ms();
    for (unsigned i = 0; i <= count(x); i++) {
        unsigned lane = i == 0 ? first : i - 1;
        if (!(among & BIT(lane)) || (i > 0 && lane == first) || !allows(x, lane) ||
            !can_sign(x, lane)) {
            continue;
        }
        if (lanes_ask(x->worker->segment, slot_of(x, lane), a->model, now_ms, &a->lease) !=
            LANES_CLOSED) {
            return lane;
        }
    }
    return NONE;
}

/* All are closed: the one of which there is hope first. */
static unsigned find_soonest(struct exchange *x, unsigned otherwise, uint8_t among)
{
    uint64_t now_ms = clock_mono_ms(), soonest = UINT64_MAX;
    unsigned best = otherwise;
    for (unsigned i = 0; i < count(x); i++) {
        struct lanes_state state;
        if (!(among & BIT(i)) || !allows(x, i) || !can_sign(x, i)) {
            continue;
        }
        lanes_look(x->worker->segment, slot_of(x, i), x->attempt.lane.model, now_ms, &state);
        if (state.until_ms < soonest) {
            soonest = state.until_ms;
            best = i;
        }
    }
    return best;
}

static void settle_on(struct exchange *x, unsigned lane)
{
    struct attempt_lane *a = &x->attempt.lane;
    a->now = (uint8_t)lane;
    a->picked = true;
    if (a->lease) {
        lanes_add(x->worker->segment, slot_of(x, lane), LANES_PROBES, 1);
    }
}

void lane_pick(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (!heeds(x) || a->picked) {
        return;
    }
    know_model(x);
    uint8_t among = a->able & (uint8_t)~a->said;
    among = among ? among : a->able;
    unsigned first = preferred(x), lane = find_open(x, first, among);
    settle_on(x, lane != NONE ? lane : find_soonest(x, first, among));
    a->moved = a->moved || a->now != first_of(a->able);
}

void lane_sent(struct exchange *x)
{
    if (heeds(x)) {
        lanes_add(x->worker->segment, slot_of(x, x->attempt.lane.now), LANES_SENT, 1);
    }
}

bool lane_all_closed(struct exchange *x, uint64_t *until_ms_out)
{
    if (!heeds(x)) {
        return false;
    }
    know_model(x);
    unsigned among = 0;
    for (unsigned i = 0; i < count(x); i++) {
        if (x->attempt.lane.able & BIT(i) && can_sign(x, i)) {
            among |= 1u << slot_of(x, i);
        }
    }
    return lanes_all_closed(x->worker->segment, among, x->attempt.lane.model, clock_mono_ms(),
                            until_ms_out);
}

/* --- what came of it ----------------------------------------------------------------------- */

static void bad(struct exchange *x, unsigned lane, enum lanes_why why, uint64_t retry_ms)
{
    struct attempt_lane *a = &x->attempt.lane;
    struct segment *s = x->worker->segment;
    struct lanes_state before, after;
    unsigned slot = slot_of(x, lane);
    uint64_t now_ms = clock_mono_ms();
    lanes_look(s, slot, a->model, now_ms, &before);
    lanes_bad(s, slot, a->model, why, retry_ms, a->lease && lane == a->now, now_ms);
    lanes_look(s, slot, a->model, now_ms, &after);
    if (after.until_ms && !before.until_ms) {
        log_line(LOG_WARN, "lane", "%.*s: %s is closed to %.*s for %llu ms: %s",
                 STR_ARG(x->asked.id), lanes(x)->lane[lane].name, STR_ARG(x->asked.model.id),
                 (unsigned long long)(after.until_ms - now_ms), lanes_word(after.why));
    }
}

static uint64_t body_of(const struct exchange *x)
{
    return text_hash(buf_str(&x->attempt.body));
}

/* It stays with this request, until another lane has answered the same: an id that nobody knows, and what
 * one request has brought about, are no news of a lane. */
static void remember(struct exchange *x, enum lanes_why why)
{
    struct attempt_lane *a = &x->attempt.lane;
    uint64_t body = body_of(x);
    if (a->said_of != body) {
        memset(a->why, LANES_FINE, sizeof a->why);
    }
    a->said_of = body;
    a->said |= BIT(a->now);
    a->why[a->now] = (uint8_t)why;
}

static void learn(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    a->said &= (uint8_t)~BIT(a->now);
    if (!a->said || body_of(x) != a->said_of) {
        return;
    }
    for (unsigned i = 0; i < count(x); i++) {
        if (a->said & BIT(i) && a->why[i] != LANES_FINE) {
            bad(x, i, (enum lanes_why)a->why[i], 0);
            a->why[i] = LANES_FINE;
        }
    }
}

void lane_good(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    uint64_t now_ms = clock_mono_ms();
    if (!heeds(x)) {
        return;
    }
    lanes_good(x->worker->segment, slot_of(x, a->now), a->model, a->lease != 0, now_ms);
    a->lease = 0;
    if (a->said) {
        learn(x);
    }
    if (!x->asked.counting && (a->stuck || a->now != first_of(a->able))) {
        sticks_keep(x->worker->segment, conversation(x), slot_of(x, a->now), now_ms / 1000u);
    }
    if (a->thought) {
        thinker_use(x, a->thought, thinker_account(&lanes(x)->lane[a->origin]));
    }
}

static void note(struct exchange *x, enum lanes_why why)
{
    struct attempt_lane *a = &x->attempt.lane;
    static const enum lanes_count counts[LANES_WHY_COUNT] = {[LANES_THROTTLED] = LANES_THROTTLES,
                                                             [LANES_QUOTA] = LANES_THROTTLES,
                                                             [LANES_FAILED] = LANES_FAILURES,
                                                             [LANES_DENIED] = LANES_REFUSALS,
                                                             [LANES_ABSENT] = LANES_REFUSALS};
    lanes_add(x->worker->segment, slot_of(x, a->now), counts[why], 1);
    bool heard = why == LANES_FAILED && a->failed & BIT(a->now) && !a->lease;
    if (blame_needs_proof(why)) {
        remember(x, why);
    } else if (!heard) { /* two faults in a row are those of two requests */
        a->failed |= (uint8_t)(why == LANES_FAILED ? BIT(a->now) : 0);
        bad(x, a->now, why, blame_retry_ms(x));
        a->lease = 0;
    }
}

static void leave(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (a->lease) {
        lanes_leave(x->worker->segment, slot_of(x, a->now), a->model, a->lease, clock_mono_ms());
        a->lease = 0;
    }
}

static void move(struct exchange *x, unsigned lane, uint32_t pause_ms)
{
    settle_on(x, lane);
    x->attempt.lane.moved = true;
    x->attempt.lane.moves++;
    x->attempt.pause_ms = pause_ms;
    lanes_add(x->worker->segment, slot_of(x, lane), LANES_MOVES, 1);
}

/* It is closed to all for want of the model, and was tried: where that was proved, another has it. */
static bool is_proved(const struct exchange *x)
{
    struct lanes_state state;
    lanes_look(x->worker->segment, slot_of(x, x->attempt.lane.now), x->attempt.lane.model,
               clock_mono_ms(), &state);
    return blame_needs_proof(state.why);
}

/* retries: what it comes out of; NULL: it is free. */
static bool move_on(struct exchange *x, struct retries *retries)
{
    struct attempt_lane *a = &x->attempt.lane;
    uint8_t among = a->able & (uint8_t)~a->refused;
    unsigned lane = among ? find_open(x, first_of(among), among) : NONE;
    if (lane == NONE) {
        return false;
    }
    if (retries && !retries_take(retries)) {
        if (a->lease) {
            lanes_leave(x->worker->segment, slot_of(x, lane), a->model, a->lease, clock_mono_ms());
            a->lease = 0;
        }
        return false;
    }
    move(x, lane, 0);
    return true;
}

/* That the model is not here is no answer where another lane has it and is closed, nor is a day's quota
 * where another one is closed for a moment: that one has the last word. Not out of the bucket: a lane says
 * so once a request, and it is learned. */
static bool move_back(struct exchange *x, enum lanes_why why)
{
    struct attempt_lane *a = &x->attempt.lane;
    struct lanes_state state;
    uint32_t random;
    uint8_t among = a->able & (uint8_t) ~(a->said | BIT(a->now));
    unsigned lane = among ? find_soonest(x, NONE, among) : NONE;
    if (lane == NONE) {
        return false;
    }
    lanes_look(x->worker->segment, slot_of(x, lane), a->model, clock_mono_ms(), &state);
    bool fine = state.why == LANES_FINE && a->refused & BIT(lane); /* one fault closes nothing */
    bool spent = state.why == LANES_QUOTA && why != LANES_QUOTA;
    if (!fine && !spent && state.why != LANES_THROTTLED && state.why != LANES_FAILED) {
        return false;
    }
    text_random(&random, sizeof random);
    move(x, lane, spent ? 0 : random % BACK_MS + 1); /* it will say no more in a second */
    return true;
}

bool lane_refused(struct exchange *x, struct retries *retries, struct retries *proofs)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (!heeds(x)) {
        return false;
    }
    enum lanes_why why = blame_why(x);
    if (why != LANES_FINE) {
        note(x, why);
    }
    leave(x);
    a->picked = false;
    if (why == LANES_FINE || blame_may_be_billed(x)) {
        return false;
    }
    a->refused |= BIT(a->now);
    if (blame_needs_proof(why)) {
        retries = is_proved(x) ? NULL : proofs;
    }
    return move_on(x, retries) ||
           ((blame_needs_proof(why) || why == LANES_QUOTA) && move_back(x, why));
}

void lane_anew(struct exchange *x)
{
    if (heeds(x)) {
        leave(x);
        x->attempt.lane = (struct attempt_lane){.moved = x->attempt.lane.moved,
                                                .now = x->attempt.lane.now}; /* for the log */
    }
}

void lane_end(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (!heeds(x) || !a->able) {
        return;
    }
    leave(x);
    if (a->stuck && a->now != first_of(a->able) && x->outcome.usage.tokens.cache_read > 0) {
        lanes_add(x->worker->segment, slot_of(x, a->now), LANES_CACHE_KEPT,
                  x->outcome.usage.tokens.cache_read);
    }
}

struct str lane_name(const struct exchange *x)
{
    return heeds(x) && x->attempt.number > 0 ? text_from(lanes(x)->lane[x->attempt.lane.now].name)
                                             : (struct str){NULL, 0};
}
