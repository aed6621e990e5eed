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

size_t turns_area_size(void)
{
    return sizeof(struct turns_area);
}

uint32_t turns_gate(struct str model)
{
    uint64_t h = text_hash(model);
    return (uint32_t)((h ^ h >> 32) % TURNS_GATES);
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

bool turns_busy(const struct segment *s, uint32_t gate, uint64_t now_ms)
{
    return peek(&gate_of(s, gate)->busy_until_ms) > now_ms;
}

/* --- waiting ------------------------------------------------------------------------------- */

/* Nobody has waited for a while. Of two that see it at once both begin anew, which is as good. */
static void begin_anew(struct turns_gate *g, uint64_t now_ms)
{
    if (peek(&g->busy_until_ms) + TURNS_STALE_MS > now_ms && peek(&g->now) > 0) {
        return;
    }
    atomic_fetch_add(&g->now, IDLE_TURNS);
    atomic_store(&g->step, (uint64_t)TURNS_STEP_NEW << ROW_BITS);
    atomic_store(&g->next_us, 0);
}

void turns_join(struct segment *s, uint32_t gate, uint32_t slot, uint64_t now_ms,
                struct turns_ticket *out)
{
    struct turns_gate *g = gate_of(s, gate);
    _Atomic uint64_t *key = &g->key[slot % TURNS_KEYS];
    begin_anew(g, now_ms);
    raise(&g->busy_until_ms, now_ms + TURNS_STALE_MS / 2);
    uint64_t had = peek(key), now = peek(&g->now), turn;
    do {
        turn = had > now ? had : now;
    } while (!atomic_compare_exchange_weak(key, &had, turn + 1));
    *out =
        (struct turns_ticket){.gate = gate,
                              .key = slot % TURNS_KEYS,
                              .turn = turn,
                              .tag = turn << ARRIVAL_BITS | (now_ms & ((1u << ARRIVAL_BITS) - 1))};
}

void turns_leave(struct segment *s, const struct turns_ticket *t)
{
    struct turns_gate *g = gate_of(s, t->gate);
    _Atomic uint64_t *key = &g->key[t->key];
    uint64_t had = peek(key);
    while (had > peek(&g->now) && !atomic_compare_exchange_weak(key, &had, had - 1)) {
    }
}

uint64_t turns_ahead(const struct segment *s, const struct turns_ticket *t)
{
    uint64_t now = peek(&gate_of(s, t->gate)->now);
    return t->turn > now ? t->turn - now : 0;
}

/* --- trying -------------------------------------------------------------------------------- */

void turns_show(struct segment *s, uint32_t worker, uint32_t gate, uint64_t first_tag,
                uint32_t waiting, uint64_t now_ms)
{
    struct turns_gate *g = gate_of(s, gate);
    struct turns_head *h = head_of(s, worker, gate);
    atomic_store(&h->shown, now_ms << COUNT_BITS | (waiting < COUNT_MAX ? waiting : COUNT_MAX));
    atomic_store(&h->tag, first_tag);
    if (first_tag) {
        raise(&g->busy_until_ms, now_ms + TURNS_STALE_MS / 2);
    }
}

static bool is_fresh(const struct turns_head *h, uint64_t now_ms)
{
    return (peek(&h->shown) >> COUNT_BITS) + TURNS_STALE_MS > now_ms;
}

static bool is_first(const struct segment *s, uint32_t worker, const struct turns_ticket *t,
                     uint64_t now_ms)
{
    for (uint32_t w = 1; w <= s->header->workers; w++) {
        const struct turns_head *h = head_of(s, w, t->gate);
        uint64_t theirs = atomic_load(&h->tag);
        if (w != worker && theirs && theirs < t->tag && is_fresh(h, now_ms)) {
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
    if (!is_first(s, worker, t, now_us / 1000u) || !take_step(g, now_us)) {
        return false;
    }
    raise(&g->now, t->turn);
    return true;
}

static uint64_t step_of(uint64_t us, uint64_t in_a_row)
{
    us = us < TURNS_STEP_MIN ? TURNS_STEP_MIN : us > TURNS_STEP_MAX ? TURNS_STEP_MAX : us;
    return us << ROW_BITS | (in_a_row < ROW_FAST ? in_a_row : ROW_FAST);
}

void turns_good(struct segment *s, uint32_t gate)
{
    _Atomic uint64_t *step = &gate_of(s, gate)->step;
    uint64_t before = peek(step), after;
    do {
        uint64_t us = before >> ROW_BITS, row = (before & ((1u << ROW_BITS) - 1)) + 1;
        after = step_of(row >= ROW_FAST ? us / 2 : us * 7 / 8, row);
    } while (!atomic_compare_exchange_weak(step, &before, after));
}

void turns_bad(struct segment *s, uint32_t gate)
{
    _Atomic uint64_t *step = &gate_of(s, gate)->step;
    uint64_t before = peek(step);
    while (!atomic_compare_exchange_weak(step, &before, step_of((before >> ROW_BITS) * 3 / 2, 0))) {
    }
}

/* --- looking ------------------------------------------------------------------------------- */

uint32_t turns_waiting(const struct segment *s, uint32_t gate, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t w = 1; turns_busy(s, gate, now_ms) && w <= s->header->workers; w++) {
        const struct turns_head *h = head_of(s, w, gate);
        n += is_fresh(h, now_ms) ? (uint32_t)(peek(&h->shown) & COUNT_MAX) : 0;
    }
    return n;
}

uint32_t turns_all_waiting(const struct segment *s, uint64_t now_ms)
{
    uint32_t n = 0;
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        n += turns_waiting(s, gate, now_ms);
    }
    return n;
}

uint64_t turns_wait_ms(const struct segment *s, uint32_t gate, uint64_t now_ms)
{
    return (turns_waiting(s, gate, now_ms) + 1u) * (peek(&gate_of(s, gate)->step) >> ROW_BITS) /
           1000u;
}

void turns_enter(struct segment *s, uint32_t worker)
{
    for (uint32_t gate = 0; gate < TURNS_GATES; gate++) {
        atomic_store(&head_of(s, worker, gate)->tag, 0);
        atomic_store(&head_of(s, worker, gate)->shown, 0);
    }
}
