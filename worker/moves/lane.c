#include "worker/moves/lane.h"

#include <string.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "shm/catalogue/region.h"
#include "shm/memory/lanes.h"
#include "shm/memory/signing.h"
#include "shm/memory/sticks.h"
#include "worker/moves/conversation.h"

#define NONE       LANES_MAX
#define BIT(lane)  ((uint8_t)(1u << (lane)))
#define COUNTING   0x636f756e74u   /* CountTokens has quotas and permissions of its own, */
#define MANTLE     0x6d616e746c65u /* and so has the other service */
#define BACK_MS    1000u           /* the first closing of a throttle */
#define SECONDS(x) ((uint64_t)(x)*1000u)

static const struct config_lanes *lanes(const struct exchange *x)
{
    return &x->worker->config->lanes;
}

static unsigned count(const struct exchange *x)
{
    return lanes(x)->n ? lanes(x)->n : 1; /* home */
}

/* Without, nothing is looked up and nothing remembered. */
static bool heeds(const struct exchange *x)
{
    return lanes(x)->n > 0;
}

/* --- what may be asked --------------------------------------------------------------------- */

static uint8_t find_able(const struct exchange *x)
{
    const struct config_lanes *l = lanes(x);
    struct str id = x->asked.model.id, home = text_from(l->lane[LANES_HOME].region);
    const struct plan_terms *terms = &x->attempt.terms;
    uint8_t able = 0;
    if (terms->guardrail.id.n > 0 ||
        terms->project.n > 0) { /* known in one region of one account */
        return BIT(LANES_HOME);
    }
    for (unsigned i = 0; i < l->n; i++) { /* of home alone nothing is known */
        if (region_serves(text_from(l->lane[i].region), id, home)) {
            able |= BIT(i);
        }
    }
    return able ? able : BIT(LANES_HOME); /* which has the right words for it */
}

/* Other lanes than those of before a reload have other names. */
static void know_model(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    const struct segment *s = x->worker->segment;
    a->able = a->able ? a->able : find_able(x);
    a->model = lanes_model(s, x->asked.model.id) ^ (x->asked.counting ? COUNTING : 0) ^
               (x->attempt.mantle.here ? MANTLE : 0);
    a->model ^= lanes_model(s, text_from(x->worker->config->bedrock_lanes));
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

/* Thoughts of Claude, signed or sealed, and what Converse and Responses call them. A text that only
 * speaks of them keeps its request in one account, too. */
static bool is_bound(struct exchange *x)
{
    static const struct str words[] = {STR("\"signature\""), STR("redacted_thinking"),
                                       STR("reasoningContent"), STR("encrypted_content")};
    struct attempt_lane *a = &x->attempt.lane;
    for (size_t i = 0; !a->bound_known && !a->bound && i < COUNT_OF(words); i++) {
        a->bound = memmem(buf_data(&x->attempt.body), buf_len(&x->attempt.body), words[i].p,
                          words[i].n) != NULL;
    }
    a->bound_known = true;
    return a->bound;
}

static bool allows(struct exchange *x, unsigned lane)
{
    return same_account(x, lane, x->attempt.lane.origin) || !is_bound(x);
}

static bool can_sign(const struct exchange *x, unsigned lane)
{
    return x->worker->config->bedrock_api_key[0] ||
           signing_usable_lanes(x->worker->segment) & BIT(lane);
}

/* --- choosing ------------------------------------------------------------------------------ */

static uint64_t conversation(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (!a->conversation) {
        a->conversation =
            conversation_digest(x) ^
            lanes_model(x->worker->segment, text_from(x->worker->config->bedrock_lanes));
    }
    return a->conversation;
}

/* Where its cache is, else home. */
static unsigned preferred(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    const struct segment *s = x->worker->segment;
    uint64_t now_s = clock_mono_ms() / 1000u;
    unsigned lane, home = first_of(a->able);
    bool warm;
    a->origin = (uint8_t)home;
    if (sticks_any(s, now_s) && sticks_find(s, conversation(x), now_s, &lane, &warm) &&
        a->able & BIT(lane)) {
        a->origin = (uint8_t)lane;
        a->stuck = true;
        return warm || (!same_account(x, lane, home) && is_bound(x)) ? lane : home;
    }
    return home;
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
        enum lanes_verdict v = lanes_ask(x->worker->segment, lane, a->model, now_ms);
        if (v != LANES_CLOSED) {
            a->probe = v == LANES_PROBE;
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
        lanes_look(x->worker->segment, i, x->attempt.lane.model, now_ms, &state);
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
    if (a->probe) {
        lanes_add(x->worker->segment, lane, LANES_PROBES, 1);
    }
}

void lane_pick(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (!heeds(x) || a->picked) {
        return;
    }
    know_model(x);
    uint8_t among = a->able & (uint8_t)~a->absent;
    among = among ? among : a->able;
    unsigned first = preferred(x), lane = find_open(x, first, among);
    settle_on(x, lane != NONE ? lane : find_soonest(x, first, among));
    a->moved = a->moved || a->now != first_of(a->able);
}

void lane_sent(struct exchange *x)
{
    if (heeds(x)) {
        lanes_add(x->worker->segment, x->attempt.lane.now, LANES_SENT, 1);
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
            among |= BIT(i);
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
    uint64_t now_ms = clock_mono_ms();
    lanes_look(s, lane, a->model, now_ms, &before);
    lanes_bad(s, lane, a->model, why, retry_ms, a->probe && lane == a->now, now_ms);
    lanes_look(s, lane, a->model, now_ms, &after);
    if (after.until_ms && !before.until_ms) {
        log_line(LOG_WARN, "lane", "%.*s: %s is closed to %.*s for %llu ms: %s",
                 STR_ARG(x->asked.id), lanes(x)->lane[lane].name, STR_ARG(x->asked.model.id),
                 (unsigned long long)(after.until_ms - now_ms), lanes_word(after.why));
    }
}

/* A throttle is one of a model that is there. */
static bool is_elsewhere(const struct exchange *x)
{
    const struct attempt_lane *a = &x->attempt.lane;
    for (unsigned i = 0; i < count(x); i++) {
        struct lanes_state state;
        lanes_look(x->worker->segment, i, a->model, clock_mono_ms(), &state);
        if (a->able & BIT(i) && !(a->absent & BIT(i)) &&
            (state.why == LANES_THROTTLED || state.why == LANES_QUOTA)) {
            return true;
        }
    }
    return false;
}

/* That a lane does not have a model is known when another one has it: an id that nobody knows is
 * no news of a lane. They stay marked in the request. */
static void learn_absent(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    for (unsigned i = 0; i < count(x) && !a->learnt; i++) {
        if (a->absent & BIT(i)) {
            bad(x, i, LANES_ABSENT, 0);
        }
    }
    a->learnt = true;
}

void lane_good(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    uint64_t now_ms = clock_mono_ms();
    if (!heeds(x)) {
        return;
    }
    lanes_good(x->worker->segment, a->now, a->model, a->probe, now_ms);
    a->probe = false;
    learn_absent(x);
    if (!x->asked.counting && (a->stuck || a->now != first_of(a->able))) {
        sticks_keep(x->worker->segment, conversation(x), a->now, now_ms / 1000u);
    }
}

static enum lanes_why why_not(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    enum status st = x->outcome.err.code;
    if (st == STATUS_RATE) {
        return t->complaint == COMPLAINT_DAY ? LANES_QUOTA : LANES_THROTTLED;
    }
    if (t->refusal == 429) { /* the model is not ready */
        return LANES_THROTTLED;
    }
    if (t->refusal == 0) { /* of what was sent nobody knows whether it is paid for */
        return st == STATUS_UPSTREAM || st == STATUS_TIMEOUT ? LANES_FAILED : LANES_FINE;
    }
    if (t->refusal >= 500) {
        return LANES_FAILED;
    }
    if (t->refusal == 403 && st != STATUS_NO_MODEL) { /* the lane's credentials */
        return LANES_FAILED;
    }
    if (t->refusal == 403) {
        return LANES_DENIED;
    }
    bool absent = st == STATUS_NOT_FOUND || t->complaint == COMPLAINT_MODEL;
    return absent ? LANES_ABSENT : LANES_FINE;
}

/* Seconds; a date, which Bedrock does not send, is none. */
static uint64_t retry_after_ms(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    struct str value;
    uint64_t s = 0;
    if (!t->fetch || !fetch_header(t->fetch, STR("retry-after"), &value)) {
        return 0;
    }
    for (size_t i = 0; i < value.n && s < LANES_RETRY_MS_MAX; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return 0;
        }
        s = s * 10 + (uint64_t)(value.p[i] - '0');
    }
    return SECONDS(s);
}

static void note(struct exchange *x, enum lanes_why why)
{
    struct attempt_lane *a = &x->attempt.lane;
    static const enum lanes_count counts[LANES_WHY_COUNT] = {[LANES_THROTTLED] = LANES_THROTTLES,
                                                             [LANES_QUOTA] = LANES_THROTTLES,
                                                             [LANES_FAILED] = LANES_FAILURES,
                                                             [LANES_DENIED] = LANES_REFUSALS,
                                                             [LANES_ABSENT] = LANES_REFUSALS};
    lanes_add(x->worker->segment, a->now, counts[why], 1);
    if (why == LANES_ABSENT) {
        a->absent |= BIT(a->now);
        a->learnt = false;
        if (is_elsewhere(x)) {
            learn_absent(x);
        }
    } else {
        bad(x, a->now, why, retry_after_ms(x));
        a->probe = false;
    }
}

static void leave(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (a->probe) {
        lanes_leave(x->worker->segment, a->now, a->model, clock_mono_ms());
        a->probe = false;
    }
}

/* It may have been paid for. */
static bool may_be_billed(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    return t->refusal == 0 && t->fetch && fetch_sent(t->fetch);
}

static void move(struct exchange *x, unsigned lane, uint32_t pause_ms)
{
    settle_on(x, lane);
    x->attempt.lane.moved = true;
    x->attempt.lane.moves++;
    x->attempt.pause_ms = pause_ms;
    lanes_add(x->worker->segment, lane, LANES_MOVES, 1);
}

static bool move_on(struct exchange *x, struct retries *retries)
{
    struct attempt_lane *a = &x->attempt.lane;
    uint8_t among = a->able & (uint8_t)~a->refused;
    unsigned lane = among ? find_open(x, first_of(among), among) : NONE;
    if (lane == NONE) {
        return false;
    }
    if (!retries_take(retries)) {
        if (a->probe) {
            lanes_leave(x->worker->segment, lane, a->model, clock_mono_ms());
            a->probe = false;
        }
        return false;
    }
    move(x, lane, 0);
    return true;
}

/* That the model is not here is no answer where another lane has it and is closed for a moment: that
 * one has the last word. Not out of the bucket: a lane says so once a request, and it is learned. */
static bool move_back(struct exchange *x)
{
    struct attempt_lane *a = &x->attempt.lane;
    struct lanes_state state;
    uint32_t random;
    uint8_t among = a->able & (uint8_t) ~(a->absent | BIT(a->now));
    unsigned lane = among ? find_soonest(x, NONE, among) : NONE;
    if (lane == NONE) {
        return false;
    }
    lanes_look(x->worker->segment, lane, a->model, clock_mono_ms(), &state);
    bool fine = state.why == LANES_FINE && a->refused & BIT(lane); /* one fault closes nothing */
    if (!fine && state.why != LANES_THROTTLED && state.why != LANES_FAILED) {
        return false;
    }
    text_random(&random, sizeof random);
    move(x, lane, random % BACK_MS + 1);
    return true;
}

bool lane_refused(struct exchange *x, struct retries *retries)
{
    struct attempt_lane *a = &x->attempt.lane;
    if (!heeds(x)) {
        return false;
    }
    enum lanes_why why = why_not(x);
    if (why != LANES_FINE) {
        note(x, why);
    }
    leave(x);
    a->picked = false;
    if (why == LANES_FINE || may_be_billed(x)) {
        return false;
    }
    a->refused |= BIT(a->now);
    return move_on(x, retries) || ((why == LANES_ABSENT || why == LANES_DENIED) && move_back(x));
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
        lanes_add(x->worker->segment, a->now, LANES_CACHE_KEPT, x->outcome.usage.tokens.cache_read);
    }
}

struct str lane_name(const struct exchange *x)
{
    return heeds(x) && x->attempt.number > 0 ? text_from(lanes(x)->lane[x->attempt.lane.now].name)
                                             : (struct str){NULL, 0};
}
