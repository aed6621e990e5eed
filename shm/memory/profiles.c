#include "shm/memory/profiles.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include "server/net/loop.h"

enum phase { FREE, WRITTEN, WANTED, ANSWERED }; /* WRITTEN: somebody writes it */

#define ARN_WORDS (PROFILES_ARN_MAX / 8)
#define ID_WORDS  (PROFILES_ID_MAX / 8)
#define HALF_MS   3000u /* nobody needs as long to write a slot */

typedef _Atomic uint64_t word;

struct slot {
    word state;          /* count of changes << 2 | enum phase; by compare-and-swap */
    word until_ms;       /* monotonic; whoever has it WRITTEN */
    word arn[ARN_WORDS]; /* likewise; NUL-terminated */
    word id[ID_WORDS];   /* likewise; "": nothing */
};

struct profiles_area {
    word served; /* refresher */
    word reserved[15];
    struct slot slots[PROFILES_MAX];
};

size_t profiles_area_size(void)
{
    return sizeof(struct profiles_area);
}

static uint64_t get(const word *w)
{
    return atomic_load_explicit(w, memory_order_relaxed);
}

static void put(word *w, uint64_t v)
{
    atomic_store_explicit(w, v, memory_order_relaxed);
}

static void put_text(word *words, size_t n, struct str text)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 0;
        size_t at = i * 8;
        if (at < text.n) {
            memcpy(&v, text.p + at, text.n - at < 8 ? text.n - at : 8);
        }
        put(&words[i], v);
    }
}

static void get_text(const word *words, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = get(&words[i]);
        memcpy(out + i * 8, &v, 8);
    }
    out[n * 8 - 1] = '\0';
}

static enum phase phase_of(uint64_t state)
{
    return (enum phase)(state & 3);
}

static uint64_t next_state(uint64_t state, enum phase phase)
{
    return ((state >> 2) + 1) << 2 | phase;
}

/* From a state that was seen to WRITTEN: this process alone has the slot then. */
static bool take(struct slot *slot, uint64_t *state)
{
    uint64_t mine = next_state(*state, WRITTEN);
    bool won = atomic_compare_exchange_strong_explicit(&slot->state, state, mine,
                                                       memory_order_acquire, memory_order_relaxed);
    *state = mine;
    atomic_thread_fence(memory_order_release); /* readers that see what follows see the state */
    return won;
}

/* Lost when the refresher took it for half-written: then nobody heard of it. */
static void give(struct slot *slot, uint64_t mine, enum phase phase)
{
    atomic_compare_exchange_strong_explicit(&slot->state, &mine, next_state(mine, phase),
                                            memory_order_release, memory_order_relaxed);
}

static bool unchanged(const struct slot *slot, uint64_t state)
{
    atomic_thread_fence(memory_order_acquire);
    return get(&slot->state) == state;
}

/* --- worker -------------------------------------------------------------------------------- */

static bool is_of(const struct slot *slot, uint64_t state, struct str arn)
{
    char text[PROFILES_ARN_MAX];
    if (phase_of(state) != WANTED && phase_of(state) != ANSWERED) {
        return false;
    }
    get_text(slot->arn, ARN_WORDS, text);
    return text_eq(text_from(text), arn) && unchanged(slot, state);
}

static bool want(struct slot *slot, uint64_t state, struct str arn)
{
    if (phase_of(state) != FREE || !take(slot, &state)) {
        return false;
    }
    put_text(slot->arn, ARN_WORDS, arn);
    put_text(slot->id, ID_WORDS, STR(""));
    put(&slot->until_ms, 0);
    give(slot, state, WANTED);
    return true;
}

enum profiles_found profiles_find(const struct segment *s, struct str arn,
                                  char id_out[PROFILES_ID_MAX])
{
    struct profiles_area *a = s ? s->profiles : NULL;
    struct slot *free_slot = NULL;
    if (!a || !get(&a->served) || arn.n == 0 || arn.n >= PROFILES_ARN_MAX) {
        return PROFILES_NOTHING;
    }
    for (uint32_t i = 0; i < PROFILES_MAX; i++) {
        struct slot *slot = &a->slots[i];
        uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (is_of(slot, state, arn)) {
            get_text(slot->id, ID_WORDS, id_out);
            return phase_of(state) == WANTED || !unchanged(slot, state) ? PROFILES_ASKED
                   : id_out[0]                                          ? PROFILES_KNOWN
                                                                        : PROFILES_NOTHING;
        }
        free_slot = !free_slot && phase_of(state) == FREE ? slot : free_slot;
    }
    if (!free_slot) {
        return PROFILES_NOTHING;
    }
    if (want(free_slot, get(&free_slot->state), arn)) {
        loop_eventfd_ring(s->wake_refresher);
    }
    return PROFILES_ASKED; /* another worker may have taken the slot: it is looked for again */
}

/* --- refresher ----------------------------------------------------------------------------- */

void profiles_serve(struct segment *s, bool served)
{
    if (s->profiles) {
        put(&s->profiles->served, served);
    }
}

/* What somebody has been writing since long ago: he is dead. */
static void free_halves(struct profiles_area *a, uint64_t now_ms)
{
    static uint64_t seen[PROFILES_MAX], since_ms[PROFILES_MAX];
    for (uint32_t i = 0; i < PROFILES_MAX; i++) {
        uint64_t state = get(&a->slots[i].state);
        if (phase_of(state) != WRITTEN || state != seen[i]) {
            seen[i] = state;
            since_ms[i] = now_ms;
        } else if (now_ms - since_ms[i] >= HALF_MS) {
            give(&a->slots[i], state, FREE);
        }
    }
}

bool profiles_next(struct segment *s, uint64_t now_ms, uint32_t *slot_out,
                   char arn_out[PROFILES_ARN_MAX])
{
    struct profiles_area *a = s->profiles;
    if (!a) {
        return false;
    }
    free_halves(a, now_ms);
    for (uint32_t i = 0; i < PROFILES_MAX; i++) {
        struct slot *slot = &a->slots[i];
        uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
        bool old = phase_of(state) == ANSWERED && get(&slot->until_ms) <= now_ms;
        char id[PROFILES_ID_MAX];
        get_text(slot->id, ID_WORDS, id);
        if (old && !id[0]) { /* room for another; who still wants it says so */
            give(slot, state, FREE);
        } else if (old || phase_of(state) == WANTED) {
            get_text(slot->arn, ARN_WORDS, arn_out);
            *slot_out = i;
            return true;
        }
    }
    return false;
}

static void write_answer(struct slot *slot, const struct str *id, uint64_t until_ms)
{
    uint64_t state = get(&slot->state);
    if (phase_of(state) == FREE || !take(slot, &state)) {
        return;
    }
    if (id) {
        put_text(slot->id, ID_WORDS, *id);
    }
    put(&slot->until_ms, until_ms);
    give(slot, state, ANSWERED);
}

void profiles_answer(struct segment *s, uint32_t slot, struct str id, uint64_t until_ms)
{
    assert(slot < PROFILES_MAX && id.n < PROFILES_ID_MAX);
    write_answer(&s->profiles->slots[slot], &id, until_ms);
}

void profiles_later(struct segment *s, uint32_t slot, uint64_t until_ms)
{
    assert(slot < PROFILES_MAX);
    write_answer(&s->profiles->slots[slot], NULL, until_ms);
}
