#include "shm/memory/lanes.h"

#include <assert.h>
#include <string.h>

#define PROBES     8 /* words that a lane and model may stand in */
#define TRIES_MAX  1000
#define TICK_MS    64 /* 2^24 of them are 12 days; a sweep frees what is older */
#define TAG_BITS   21
#define UNTIL_BITS 24
#define ROW_MAX    63u
#define SLOT_BITS  4
#define NAME_AT    39
#define UNTIL_AT   15
#define ROW_AT     9
#define WHY_AT     5
#define PROBED_AT  4
#define TURN       ((uint64_t)1 << UNTIL_BITS)
#define FORGET_MS  600000u /* past its end a word means nothing */
#define ROW_MS     10000u /* failures further apart are not in a row, where one alone closes nothing */

_Static_assert((LANES_WORDS & (LANES_WORDS - 1)) == 0, "a mask");
_Static_assert((LANES_RETRY_MS_MAX + FORGET_MS) / TICK_MS < TURN / 2,
               "over or not yet can be told");
_Static_assert(LANES_WHY_COUNT <= 16 && LANES_SLOTS == 1 << SLOT_BITS, "their bits");

static const struct {
    const char *word;
    uint64_t first_ms, most_ms;
    unsigned row;
    uint64_t lease_ms;
} whys[LANES_WHY_COUNT] = {[LANES_FINE] = {"open", 0, 0, 1, 0},
#define WHY(name, word, first, most, row, lease) [LANES_##name] = {word, first, most, row, lease},
                           LANES_WHYS(WHY)
#undef WHY
};

const char *lanes_word(enum lanes_why why)
{
    return whys[why].word;
}

size_t lanes_area_size(void)
{
    return sizeof(struct lanes_area);
}

void lanes_init(struct segment *s)
{
    text_random(&s->lanes->salt, sizeof s->lanes->salt);
}

/* --- words --------------------------------------------------------------------------------- */

uint64_t lanes_model(const struct segment *s, struct str id)
{
    uint64_t h = s->lanes->salt ^ id.n;
    for (size_t i = 0; i < id.n; i += 8) {
        uint64_t part = 0;
        memcpy(&part, id.p + i, id.n - i < 8 ? id.n - i : 8);
        h = text_mix(h ^ part) + 0x9e3779b97f4a7c15u;
    }
    return h;
}

static uint64_t key_of(unsigned slot, uint64_t model)
{
    return text_mix(model + (slot + 1) * 0x9e3779b97f4a7c15u);
}

/* Tag and slot. */
static uint64_t name_of(unsigned slot, uint64_t key)
{
    uint64_t tag = key >> (64 - TAG_BITS);
    return (tag ? tag : 1) << SLOT_BITS | slot; /* 0 is a free word's */
}

struct cell {
    uint64_t name;
    uint64_t until; /* in ticks */
    unsigned row;
    enum lanes_why why;
    bool probed;
};

static uint64_t pack(const struct cell *c)
{
    return c->name << NAME_AT | (c->until & (TURN - 1)) << UNTIL_AT | (uint64_t)c->row << ROW_AT |
           (uint64_t)c->why << WHY_AT | (uint64_t)c->probed << PROBED_AT;
}

static struct cell unpack(uint64_t word)
{
    return (struct cell){.name = word >> NAME_AT,
                         .until = word >> UNTIL_AT & (TURN - 1),
                         .row = word >> ROW_AT & ROW_MAX,
                         .why = (enum lanes_why)(word >> WHY_AT & 15),
                         .probed = word >> PROBED_AT & 1};
}

/* Ticks from now until it ends; below 0: it has. */
static int64_t left(const struct cell *c, uint64_t now_ms)
{
    uint64_t d = (c->until - now_ms / TICK_MS) & (TURN - 1);
    return d < TURN / 2 ? (int64_t)d : (int64_t)d - (int64_t)TURN;
}

static bool is_dead(uint64_t word, uint64_t now_ms)
{
    struct cell c = unpack(word);
    return word == 0 || left(&c, now_ms) < -(int64_t)(FORGET_MS / TICK_MS) ||
           left(&c, now_ms) > (int64_t)(LANES_RETRY_MS_MAX / TICK_MS + 1);
}

static bool closes(const struct cell *c)
{
    return c->row >= whys[c->why].row;
}

static uint64_t tick_in(uint64_t now_ms, uint64_t ms)
{
    return (now_ms + ms + TICK_MS - 1) / TICK_MS;
}

static _Atomic uint64_t *probe(const struct segment *s, uint64_t key, unsigned i)
{
    return &s->lanes->word[(key + i) & (LANES_WORDS - 1)];
}

/* Its own word, of two (each made by one who found none) that which ends last; NULL: it has none. */
static _Atomic uint64_t *find(const struct segment *s, unsigned slot, uint64_t model,
                              uint64_t now_ms, uint64_t *word_out)
{
    uint64_t key = key_of(slot, model), name = name_of(slot, key);
    _Atomic uint64_t *last = NULL;
    int64_t last_left = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *at = probe(s, key, i);
        uint64_t word = atomic_load_explicit(at, memory_order_relaxed);
        struct cell c = unpack(word);
        if (c.name == name && !is_dead(word, now_ms) && (!last || left(&c, now_ms) > last_left)) {
            last = at;
            last_left = left(&c, now_ms);
            *word_out = word;
        }
    }
    return last;
}

/* A free or dead one, else the one that ends first. */
static _Atomic uint64_t *choose(const struct segment *s, uint64_t key, uint64_t now_ms,
                                uint64_t *word_out)
{
    _Atomic uint64_t *best = NULL;
    int64_t best_left = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        _Atomic uint64_t *at = probe(s, key, i);
        uint64_t word = atomic_load(at);
        struct cell c = unpack(word);
        int64_t l = is_dead(word, now_ms) ? INT64_MIN : left(&c, now_ms);
        if (!best || l < best_left) {
            best = at;
            best_left = l;
            *word_out = word;
        }
    }
    return best;
}

bool lanes_any(const struct segment *s, uint64_t now_ms)
{
    return atomic_load_explicit(&s->lanes->busy_until_ms, memory_order_relaxed) > now_ms;
}

/* --- asking -------------------------------------------------------------------------------- */

/* What tells one lease from the next: when it ends. */
static uint64_t lease_of(const struct cell *c)
{
    return (c->until & (TURN - 1)) | TURN;
}

enum lanes_verdict lanes_ask(struct segment *s, unsigned slot, uint64_t model, uint64_t now_ms,
                             uint64_t *lease_out)
{
    uint64_t word;
    *lease_out = 0;
    _Atomic uint64_t *at = lanes_any(s, now_ms) ? find(s, slot, model, now_ms, &word) : NULL;
    if (!at) {
        return LANES_OPEN;
    }
    struct cell c = unpack(word);
    if (!closes(&c)) {
        return LANES_OPEN;
    }
    if (left(&c, now_ms) > 0) {
        return LANES_CLOSED;
    }
    c.until = tick_in(now_ms, whys[c.why].lease_ms);
    c.probed = true;
    if (!atomic_compare_exchange_strong(at, &word, pack(&c))) {
        return LANES_CLOSED;
    }
    *lease_out = lease_of(&c);
    return LANES_PROBE;
}

/* An answer of before the closing frees nothing: not even one failure is forgotten by it, where the
 * lane is closed. All of its words, as two that found none may have made one each. */
void lanes_good(struct segment *s, unsigned slot, uint64_t model, bool probe_, uint64_t now_ms)
{
    uint64_t word;
    for (unsigned i = 0; i < TRIES_MAX && lanes_any(s, now_ms); i++) {
        _Atomic uint64_t *at = find(s, slot, model, now_ms, &word);
        struct cell c = unpack(at ? word : 0);
        if (!at || (closes(&c) && !probe_)) {
            return;
        }
        atomic_compare_exchange_strong(at, &word, 0);
    }
}

static uint64_t back_off(enum lanes_why why, unsigned row, uint64_t retry_ms)
{
    unsigned past = row - whys[why].row;
    uint64_t ms = whys[why].first_ms << (past < 16 ? past : 16);
    ms = ms < whys[why].most_ms ? ms : whys[why].most_ms;
    retry_ms = retry_ms < LANES_RETRY_MS_MAX ? retry_ms : LANES_RETRY_MS_MAX;
    return ms > retry_ms ? ms : retry_ms;
}

/* What becomes of a lane's word by one more failure. before: 0 where there is none. Somebody else's
 * refusal ends a lease: when the word says "until", its owner cannot make that sooner. */
static struct cell worse(uint64_t before, uint64_t name, enum lanes_why why, uint64_t retry_ms,
                         bool probe_, uint64_t now_ms)
{
    struct cell c = before ? unpack(before) : (struct cell){.name = name};
    bool closed = before && closes(&c);
    bool late = closed && left(&c, now_ms) > 0 && !(probe_ && c.probed);
    bool apart = before && !closed && left(&c, now_ms) < -(int64_t)(ROW_MS / TICK_MS);
    if (!late) {
        c.row = apart ? 1 : c.row < ROW_MAX ? c.row + 1 : ROW_MAX;
    }
    c.probed = false;
    if (!late || whys[why].first_ms > whys[c.why].first_ms) {
        c.why = why;
    }
    c.row = closed && c.row < whys[c.why].row ? whys[c.why].row : c.row;
    uint64_t ms = closes(&c) && !late ? back_off(c.why, c.row, retry_ms) : 0;
    if (late) { /* as long as this one alone would close it, but no back-off */
        ms = back_off(why, whys[why].row, retry_ms);
    }
    struct cell then = {.until = tick_in(now_ms, ms)};
    if (!late || left(&then, now_ms) > left(&c, now_ms)) {
        c.until = then.until;
    }
    return c;
}

/* First the time up to which anybody looks, then the word: killed in between, somebody looks in
 * vain. */
void lanes_bad(struct segment *s, unsigned slot, uint64_t model, enum lanes_why why,
               uint64_t retry_ms, bool probe_, uint64_t now_ms)
{
    assert(slot < LANES_SLOTS && why > LANES_FINE && why < LANES_WHY_COUNT);
    uint64_t key = key_of(slot, model), name = name_of(slot, key);
    segment_layout_raise(&s->lanes->busy_until_ms, now_ms + LANES_RETRY_MS_MAX + FORGET_MS);
    for (unsigned i = 0; i < TRIES_MAX; i++) { /* each one lost was somebody else's news of it */
        uint64_t word;
        _Atomic uint64_t *at = find(s, slot, model, now_ms, &word);
        bool own = at != NULL;
        if (!own) {
            at = choose(s, key, now_ms, &word);
        }
        struct cell c = worse(own ? word : 0, name, why, retry_ms, probe_, now_ms);
        if (atomic_compare_exchange_strong(at, &word, pack(&c))) {
            return;
        }
    }
}

void lanes_leave(struct segment *s, unsigned slot, uint64_t model, uint64_t lease, uint64_t now_ms)
{
    uint64_t word;
    _Atomic uint64_t *at = find(s, slot, model, now_ms, &word);
    struct cell c = unpack(at ? word : 0);
    if (at && c.probed && lease_of(&c) == lease) { /* who comes first has it */
        c.until = now_ms / TICK_MS;
        c.probed = false;
        atomic_compare_exchange_strong(at, &word, pack(&c));
    }
}

void lanes_sweep(struct segment *s, uint64_t now_ms)
{
    for (size_t i = 0; i < LANES_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&s->lanes->word[i], memory_order_relaxed);
        if (word != 0 && is_dead(word, now_ms)) {
            atomic_compare_exchange_strong(&s->lanes->word[i], &word, 0);
        }
    }
}

void lanes_forget(struct segment *s, unsigned slot)
{
    for (size_t i = 0; i < LANES_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&s->lanes->word[i], memory_order_relaxed);
        if (word != 0 && (unpack(word).name & (LANES_SLOTS - 1)) == slot) {
            atomic_compare_exchange_strong(&s->lanes->word[i], &word, 0);
        }
    }
    for (size_t i = 0; i < LANES_COUNT_COUNT; i++) {
        atomic_store_explicit(&s->lanes->count[slot][i], 0, memory_order_relaxed);
    }
}

/* --- looking ------------------------------------------------------------------------------- */

void lanes_look(const struct segment *s, unsigned slot, uint64_t model, uint64_t now_ms,
                struct lanes_state *out)
{
    uint64_t word;
    *out = (struct lanes_state){.why = LANES_FINE};
    if (!lanes_any(s, now_ms) || !find(s, slot, model, now_ms, &word)) {
        return;
    }
    struct cell c = unpack(word);
    int64_t ticks = left(&c, now_ms);
    out->in_a_row = c.row;
    if (closes(&c)) {
        out->why = c.why;
        out->half_open = ticks <= 0;
        out->probed = c.probed && ticks > 0;
        out->until_ms = ticks > 0 ? (now_ms / TICK_MS + (uint64_t)ticks) * TICK_MS : 0;
    }
}

bool lanes_all_closed(const struct segment *s, unsigned slots, uint64_t model, uint64_t now_ms,
                      uint64_t *until_ms_out)
{
    uint64_t first = UINT64_MAX;
    if (slots == 0 || !lanes_any(s, now_ms)) {
        return false;
    }
    for (unsigned slot = 0; slot < LANES_SLOTS; slot++) {
        struct lanes_state state;
        if (!(slots >> slot & 1)) {
            continue;
        }
        lanes_look(s, slot, model, now_ms, &state);
        if (state.until_ms == 0) {
            return false;
        }
        first = state.until_ms < first ? state.until_ms : first;
    }
    *until_ms_out = first;
    return true;
}

uint32_t lanes_closed_models(const struct segment *s, unsigned slot, uint64_t now_ms,
                             enum lanes_why *why_out)
{
    uint32_t n = 0, of[LANES_WHY_COUNT] = {0};
    *why_out = LANES_FINE;
    for (size_t i = 0; lanes_any(s, now_ms) && i < LANES_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&s->lanes->word[i], memory_order_relaxed);
        struct cell c = unpack(word);
        if ((c.name & (LANES_SLOTS - 1)) != slot || is_dead(word, now_ms) || !closes(&c) ||
            left(&c, now_ms) <= 0 || c.why >= LANES_WHY_COUNT) {
            continue;
        }
        n++;
        *why_out = ++of[c.why] > of[*why_out] ? c.why : *why_out;
    }
    return n;
}

const char *lanes_count_word(enum lanes_count what)
{
    static const char *const words[LANES_COUNT_COUNT] = {[LANES_SENT] = "requests",
                                                         [LANES_THROTTLES] = "throttles",
                                                         [LANES_FAILURES] = "failures",
                                                         [LANES_REFUSALS] = "refusals",
                                                         [LANES_PROBES] = "probes",
                                                         [LANES_MOVES] = "moves",
                                                         [LANES_CACHE_KEPT] =
                                                             "cache_read_tokens_kept"};
    return words[what];
}

void lanes_add(struct segment *s, unsigned slot, enum lanes_count what, uint64_t n)
{
    atomic_fetch_add_explicit(&s->lanes->count[slot][what], n, memory_order_relaxed);
}

uint64_t lanes_sum(const struct segment *s, unsigned slot, enum lanes_count what)
{
    return slot < LANES_SLOTS
               ? atomic_load_explicit(&s->lanes->count[slot][what], memory_order_relaxed)
               : 0;
}
