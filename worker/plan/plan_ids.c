#include "worker/plan/plan_ids.h"

#include <string.h>

#include "server/base/sha256.h"

#define ID_MAX 64

struct plan_id {
    struct str id;         /* the client's; p NULL: a free place */
    uint32_t turn;         /* in which it was last called */
    uint32_t first, calls; /* calls before that turn; all of them */
    uint32_t results;      /* of that turn's calls */
};

static const struct str nothing = {NULL, 0};

void plan_ids_begin(struct plan_ids *ids, struct plan *p)
{
    *ids = (struct plan_ids){.p = p};
}

/* --- the table ----------------------------------------------------------------------------- */

static struct plan_id *place(const struct plan_ids *ids, struct str id)
{
    uint64_t h = ids->seed;
    for (size_t i = 0; i < id.n; i++) { /* FNV-1a */
        h = (h ^ (uint8_t)id.p[i]) * 0x100000001b3u;
    }
    uint32_t at = (uint32_t)(h ^ h >> 32) & (ids->room - 1);
    while (ids->table[at].id.p && !text_eq(ids->table[at].id, id)) {
        at = (at + 1) & (ids->room - 1);
    }
    return &ids->table[at];
}

static bool grow(struct plan_ids *ids)
{
    struct plan_ids old = *ids;
    ids->room = old.room ? 2 * old.room : 32;
    ids->table = arena_alloc(ids->p->arena, ids->room * sizeof *ids->table);
    if (!ids->table) {
        *ids = old;
        return false;
    }
    memset(ids->table, 0, ids->room * sizeof *ids->table);
    if (!old.room) {
        text_random(&ids->seed, sizeof ids->seed);
    }
    for (uint32_t i = 0; i < old.room; i++) {
        if (old.table[i].id.p) {
            *place(ids, old.table[i].id) = old.table[i];
        }
    }
    return true;
}

/* NULL: no memory. */
static struct plan_id *find(struct plan_ids *ids, struct str id)
{
    if (2 * ids->used >= ids->room && !grow(ids)) {
        return NULL;
    }
    struct plan_id *x = place(ids, id);
    if (!x->id.p) {
        ids->used++;
        x->id = id.p ? id : STR("");
    }
    return x;
}

/* --- what goes up -------------------------------------------------------------------------- */

/* Claude: ^[a-zA-Z0-9_-]+$, Converse itself takes '.' and ':', too. What looks like an alias gets
 * one: two ids never meet. */
static bool is_legal(const struct plan_ids *ids, struct str id)
{
    uint8_t ignored[20];
    bool made = id.n == 42 && text_starts(id, STR("x-")) &&
                text_unhex(text_sub(id, 2, 40), ignored, sizeof ignored);
    return !made && id.n <= ID_MAX &&
           text_only_of(id, plan_takes(ids->p, MODELS_CLAUDE) ? "_-" : "_.:-");
}

/* The number-th call of this id. */
static struct str upstream(const struct plan_ids *ids, struct str id, uint32_t number)
{
    char hex[64];
    struct arena *a = ids->p->arena;
    if (number == 0 && is_legal(ids, id)) {
        return id;
    }
    struct str name = id;
    if (number > 0) {
        plan_note(ids->p, PLAN_MAP, "tool_id", nothing);
        name = text_from(arena_printf(a, "%.*s#%u", STR_ARG(id), number));
        if (!name.p) {
            return nothing;
        }
    }
    sha256_hex(name.p, name.n, hex);
    return text_from(arena_printf(a, "x-%.40s", hex));
}

struct str plan_ids_call(struct plan_ids *ids, struct str id)
{
    struct plan_id *x = find(ids, id);
    ids->turn += ids->answering || ids->turn == 0;
    ids->answering = false;
    if (!x) {
        return nothing;
    }
    if (x->turn != ids->turn) {
        x->turn = ids->turn;
        x->first = x->calls;
        x->results = 0;
    }
    return upstream(ids, id, x->calls++);
}

bool plan_ids_result(struct plan_ids *ids, struct str id, struct str *out)
{
    struct plan_id *x = find(ids, id);
    ids->answering = true;
    *out = nothing;
    if (!x) {
        return true;
    }
    if (x->calls > 0 && x->first + x->results >= x->calls) {
        plan_note(ids->p, PLAN_DROP, "tool_result", nothing);
        return false;
    }
    *out = upstream(ids, id, x->first + x->results++);
    return true;
}
