#include "shm/memory/turns.h"

#include <assert.h>

#define ARRIVAL_BITS 24
#define COUNT_BITS   16
#define COUNT_MAX    ((1u << COUNT_BITS) - 1)
#define ROW_BITS     8
#define ROW_FAST     12u /* at the rate that is granted there is one of them in thirty turns */
/* When nobody waits any more the time goes on by so much: more than any key can be ahead, so that what
 * was then is nothing now. */
#define IDLE_TURNS 65536u
#define ASIDE      (1ull << 63)
#define VAIN_MANY  3u
#define NONE       TURNS_GATES

size_t turns_area_size(void)
{
    return sizeof(struct turns_area);
}

uint64_t turns_owner(struct str model)
{
    uint64_t h = text_hash(model);
    return h ? h : 1;
}

static struct turns_gate *gate_of(const struct segment *s, uint32_t gate)
{
    assert(gate < TURNS_GATES);
    return &s->turns->gate[gate];
}

static struct turns_head *head_of(const struct segment *s, uint32_t worker, uint32_t gate)
{
    assert(worker >= 1 && worker <= s->header->workers && gate < TURNS_GATES);
    return &s->turns->head[worker - 1][gate];
}

static uint64_t peek(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* Never back. */
static void raise(_Atomic uint64_t *word, uint64_t to)
{
    uint64_t before = peek(word);
    while (before < to && !atomic_compare_exchange_weak(word, &before, to)) {
    }
}

/* --- gates --------------------------------------------------------------------------------- */

static uint32_t probe(uint64_t owner, uint32_t i)
{
    return (uint32_t)((owner ^ owner >> 32) + i) % TURNS_GATES;
}

static uint32_t find_gate(const struct segment *s, uint64_t owner)
{
    for (uint32_t i = 0; i < TURNS_GATES; i++) {
        uint32_t gate = probe(owner, i);
        if (peek(&s->turns->owner[gate]) == owner) {
            return gate;
        }
    }
    return NONE;
}

static bool is_idle(const struct segment *s, uint32_t gate, uint64_t now_ms)
{
    return peek(&gate_of(s, gate)->held_until_ms) + TURNS_STALE_MS <= now_ms;
}

/* The first that is nobody's, or that its owner does not need. */
static uint32_t claim_gate(struct segment *s, uint64_t owner, uint64_t now_ms)
{
    for (uint32_t i = 0; i < TURNS_GATES; i++) {
        uint32_t gate = probe(owner, i);
        uint64_t had = peek(&s->turns->owner[gate]);
        if ((had == 0 || is_idle(s, gate, now_ms)) &&
            atomic_compare_exchange_strong(&s->turns->owner[gate], &had, owner)) {
            return gate;
        }
        if (had == owner) { /* another worker was faster */
            return gate;
        }
    }
    return NONE;
}

/* Whoever looks from the beginning finds the first of two. */
static uint32_t find_or_claim(struct segment *s, uint64_t owner, uint64_t now_ms)
{
    uint32_t gate = find_gate(s, owner);
    if (gate != NONE) {
        return gate;
    }
    uint32_t mine = claim_gate(s, owner, now_ms);
    gate = find_gate(s, owner);
    if (gate != mine && mine != NONE) {
        uint64_t had = owner;
        atomic_compare_exchange_strong(&s->turns->owner[mine], &had, 0);
    }
    return gate;
}

bool turns_valid(const struct segment *s, const struct turns_ticket *t)
{
    return atomic_load(&s->turns->owner[t->gate]) == t->owner;
}

bool turns_busy(const struct segment *s, uint64_t owner, uint64_t now_ms)
{
    if (peek(&s->turns->busy_until_ms) <= now_ms) {
        return false;
    }
    uint32_t gate = find_gate(s, owner);
    return gate != NONE && peek(&gate_of(s, gate)->busy_until_ms) > now_ms;
}

static void mark_busy(struct segment *s, uint32_t gate, uint64_t now_ms)
{
    raise(&gate_of(s, gate)->busy_until_ms, now_ms + TURNS_STALE_MS / 2);
    raise(&s->turns->busy_until_ms, now_ms + TURNS_STALE_MS / 2);
}

/* --- waiting ------------------------------------------------------------------------------- */

/* Nobody has waited for a while. Of two that see it at once both begin anew, which is as good. */
static void begin_anew(struct turns_gate *g, uint64_t now_ms)
{
    if (peek(&g->held_until_ms) + TURNS_STALE_MS > now_ms && peek(&g->now) > 0) {
        return;
    }
    atomic_fetch_add(&g->now, IDLE_TURNS);
    atomic_store(&g->step, (uint64_t)TURNS_STEP_NEW << ROW_BITS);
    atomic_store(&g->next_us, 0);
}

bool turns_join(struct segment *s, uint64_t owner, uint32_t slot, uint64_t now_ms,
                struct turns_ticket *out)
{
    uint32_t gate = find_or_claim(s, owner, now_ms);
    if (gate == NONE) {
        return false;
    }
    struct turns_gate *g = gate_of(s, gate);
    _Atomic uint64_t *key = &g->key[slot % TURNS_KEYS];
    begin_anew(g, now_ms);
    raise(&g->held_until_ms, now_ms + TURNS_STALE_MS / 2);
    mark_busy(s, gate, now_ms);
    uint64_t had = peek(key), now = peek(&g->now), turn;
    do {
        turn = had > now ? had : now;
    } while (!atomic_compare_exchange_weak(key, &had, turn + 1));
    *out =
        (struct turns_ticket){.owner = owner,
                              .gate = gate,
                              .key = slot % TURNS_KEYS,
                              .turn = turn,
                              .tag = turn << ARRIVAL_BITS | (now_ms & ((1u << ARRIVAL_BITS) - 1))};
    return true;
}

void turns_leave(struct segment *s, const struct turns_ticket *t)
{
    struct turns_gate *g = gate_of(s, t->gate);
    _Atomic uint64_t *key = &g->key[t->key];
    uint64_t had = peek(key);
    while (turns_valid(s, t) && had > peek(&g->now) &&
           !atomic_compare_exchange_weak(key, &had, had - 1)) {
    }
}

uint64_t turns_ahead(const struct segment *s, const struct turns_ticket *t)
{
    uint64_t now = peek(&gate_of(s, t->gate)->now);
    return t->turn > now ? t->turn - now : 0;
}

uint64_t turns_tag(const struct segment *s, const struct turns_ticket *t)
{
    return t->tag | (peek(&gate_of(s, t->gate)->tries) < t->aside ? ASIDE : 0);
}

/* --- trying -------------------------------------------------------------------------------- */

static uint64_t count_at(uint32_t waiting, uint64_t now_ms)
{
    return now_ms << COUNT_BITS | (waiting < COUNT_MAX ? waiting : COUNT_MAX);
}

void turns_show(struct segment *s, uint32_t worker, uint32_t gate, uint64_t first_tag,
                uint32_t waiting, uint64_t now_ms)
{
    struct turns_head *h = head_of(s, worker, gate);
    atomic_store(&h->shown, count_at(waiting, now_ms));
    atomic_store(&h->tag, first_tag);
    if (waiting) {
        raise(&gate_of(s, gate)->held_until_ms, now_ms + TURNS_STALE_MS / 2);
    }
    if (first_tag) {
        mark_busy(s, gate, now_ms);
    }
}

void turns_tell(struct segment *s, uint32_t worker, uint32_t waiting, uint64_t now_ms)
{
    assert(worker >= 1 && worker <= s->header->workers);
    atomic_store(&s->turns->waiting[worker - 1], count_at(waiting, now_ms));
}

static bool is_fresh(uint64_t shown, uint64_t now_ms)
{
    return (shown >> COUNT_BITS) + TURNS_STALE_MS > now_ms;
}

static bool is_first(const struct segment *s, uint32_t worker, const struct turns_ticket *t,
                     uint64_t now_ms)
{
    uint64_t mine = turns_tag(s, t);
    for (uint32_t w = 1; w <= s->header->workers; w++) {
        const struct turns_head *h = head_of(s, w, t->gate);
        uint64_t theirs = atomic_load(&h->tag);
        if (w != worker && theirs && theirs < mine && is_fresh(peek(&h->shown), now_ms)) {
            return false;
        }
    }
    return true;
}

/* Who comes late does not find what nobody has used. */
static bool take_step(struct turns_gate *g, uint64_t now_us)
{
    uint64_t next = peek(&g->next_us), step = peek(&g->step) >> ROW_BITS, from;
    do {
        if (next > now_us && next <= now_us + TURNS_STEP_MAX) {
            return false;
        }
        from = next + step < now_us || next > now_us ? now_us : next;
    } while (!atomic_compare_exchange_weak(&g->next_us, &next, from + step));
    return true;
}

bool turns_take(struct segment *s, uint32_t worker, const struct turns_ticket *t, uint64_t now_us)
{
    struct turns_gate *g = gate_of(s, t->gate);
    if (!turns_valid(s, t) || !is_first(s, worker, t, now_us / 1000u) || !take_step(g, now_us)) {
        return false;
    }
    atomic_fetch_add(&g->tries, 1);
    raise(&g->now, t->turn);
    return true;
}

static uint64_t step_of(uint64_t us, uint64_t in_a_row)
{
    us = us < TURNS_STEP_MIN ? TURNS_STEP_MIN : us > TURNS_STEP_MAX ? TURNS_STEP_MAX : us;
    return us << ROW_BITS | (in_a_row < ROW_FAST ? in_a_row : ROW_FAST);
}

void turns_good(struct segment *s, const struct turns_ticket *t)
{
    struct turns_gate *g = gate_of(s, t->gate);
    uint64_t before = peek(&g->step), after;
    if (!turns_valid(s, t)) {
        return;
    }
    atomic_fetch_add(&g->goods, 1);
    do {
        uint64_t us = before >> ROW_BITS, row = (before & ((1u << ROW_BITS) - 1)) + 1;
        after = step_of(row >= ROW_FAST ? us / 2 : us * 7 / 8, row);
    } while (!atomic_compare_exchange_weak(&g->step, &before, after));
}

static void slow_down(struct turns_gate *g)
{
    uint64_t before = peek(&g->step);
    while (!atomic_compare_exchange_weak(&g->step, &before,
                                         step_of((before >> ROW_BITS) * 3 / 2, 0))) {
    }
}

/* At the pace that is found one in four is refused, so some refusals in a row are chance. */
static uint32_t others_before(uint32_t vain)
{
    uint32_t more = vain > VAIN_MANY ? vain - VAIN_MANY : 0;
    return more < 5 ? 1u << more : TURNS_ASIDE_MAX;
}

void turns_bad(struct segment *s, struct turns_ticket *t)
{
    struct turns_gate *g = gate_of(s, t->gate);
    uint64_t goods = peek(&g->goods);
    if (!turns_valid(s, t)) {
        return;
    }
    t->vain++;
    if (t->vain < VAIN_MANY || goods == t->goods) {
        slow_down(g);
    }
    t->goods = goods;
    t->aside = peek(&g->tries) + others_before(t->vain);
}

/* --- looking ------------------------------------------------------------------------------- */

uint32_t turns_waiting(const struct segment *s, uint32_t gate, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t w = 1; w <= s->header->workers; w++) {
        uint64_t shown = peek(&head_of(s, w, gate)->shown);
        n += is_fresh(shown, now_ms) ? (uint32_t)(shown & COUNT_MAX) : 0;
    }
    return n;
}

uint32_t turns_all_waiting(const struct segment *s, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t w = 1; w <= s->header->workers; w++) {
        uint64_t told = peek(&s->turns->waiting[w - 1]);
        n += is_fresh(told, now_ms) ? (uint32_t)(told & COUNT_MAX) : 0;
    }
    return n;
}

uint64_t turns_wait_ms(const struct segment *s, uint64_t owner, uint64_t now_ms)
{
    uint32_t gate = find_gate(s, owner);
    if (gate == NONE) {
        return 0;
    }
    return (turns_waiting(s, gate, now_ms) + 1u) * (peek(&gate_of(s, gate)->step) >> ROW_BITS) /
           1000u;
}

void turns_enter(struct segment *s, uint32_t worker)
{
    atomic_store(&s->turns->waiting[worker - 1], 0);
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        atomic_store(&head_of(s, worker, gate)->tag, 0);
        atomic_store(&head_of(s, worker, gate)->shown, 0);
    }
}
