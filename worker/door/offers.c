#include "worker/door/offers.h"

#include <stdlib.h>

#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/memory/directory.h"
#include "worker/turn/limits.h"

struct gathering {
    struct exchange *x;
    struct offers *out;
    size_t room;
};

bool offers_find(struct exchange *x, struct str name, struct offer *out)
{
    struct worker *w = x->worker;
    struct models_choice choice;
    struct err err; /* of a name that nothing stands behind: no news */
    if (models_choose(&w->models, w->segment, x->arena, name, true, &choice, &err) != STATUS_OK ||
        !limits_may_use(x, name, &choice)) {
        return false;
    }
    *out =
        (struct offer){arena_dup(x->arena, name), choice.id, models_behind(&choice), choice.caps};
    return out->name.p != NULL;
}

/* --- mapped names -------------------------------------------------------------------------- */

static void add(struct gathering *g, struct str name)
{
    if (g->out->n < g->room && offers_find(g->x, name, &g->out->offer[g->out->n])) {
        g->out->n++;
    }
}

static void add_mapped(void *ctx, const struct directory_mapping *m)
{
    add(ctx, text_from(m->from));
}

static int compare(const void *a, const void *b)
{
    struct str x = ((const struct offer *)a)->name, y = ((const struct offer *)b)->name;
    int d = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return d ? d : (x.n > y.n) - (x.n < y.n);
}

/* A name may stand in the store and in DEFAULT_MODEL_MAPPING: what it leads to is the same. */
static void sort_once(struct offers *o)
{
    size_t kept = 0;
    qsort(o->offer, o->n, sizeof *o->offer, compare);
    for (size_t i = 0; i < o->n; i++) {
        if (kept == 0 || compare(&o->offer[kept - 1], &o->offer[i]) != 0) {
            o->offer[kept++] = o->offer[i];
        }
    }
    o->n = kept;
}

static void gather_mapped(struct gathering *g)
{
    const struct models *m = &g->x->worker->models;
    /* Rebuilt while it was read: the new bank, from its beginning. */
    for (int tries = 0; tries < 3; tries++) {
        g->out->n = 0;
        if (directory_each_mapping(g->x->worker->segment, add_mapped, g)) {
            break;
        }
    }
    for (struct cJSON *row = json_child(m->mapping); row; row = json_next(row)) {
        add(g, json_name(row));
    }
    sort_once(g->out);
}

/* --- the table of models ------------------------------------------------------------------- */

static bool has(const struct offers *o, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (text_eq(o->offer[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* One entry a model: its name for clients, or, where that stands for nothing (DEFAULT_MODEL_MAPPING
 * replaces the names) or has been mapped to something else, its Bedrock id. */
static void add_row(struct gathering *g, const struct catalogue_row *row, size_t mapped)
{
    const struct models *m = &g->x->worker->models;
    char room[RULE_ROOM];
    struct offer *to = &g->out->offer[g->out->n];
    struct str name = models_name(m, row, room);
    bool found = !has(g->out, mapped, name) && offers_find(g->x, name, to);
    if (!found) {
        name = models_id_here(m, row, room);
        found = !has(g->out, mapped, name) && offers_find(g->x, name, to);
    }
    g->out->n += found;
}

/* What clients have names for comes first: a picker shows twenty. */
static void gather_table(struct gathering *g)
{
    const struct catalogue *t = catalogue_now();
    size_t mapped = g->out->n;
    for (int named = 1; named >= 0; named--) {
        for (uint32_t i = 0; i < t->rows && g->out->n < g->room; i++) {
            const struct catalogue_row *row = &t->row[i];
            bool family = catalogue_text(row, CATALOGUE_NAME).n == 0; /* it only begins ids */
            if (!family && (catalogue_text(row, CATALOGUE_NAMES).n > 0) == named) {
                add_row(g, row, mapped);
            }
        }
    }
}

bool offers_make(struct exchange *x, struct offers *out)
{
    struct gathering g = {.x = x, .out = out};
    g.room = catalogue_now()->rows + SEGMENT_MAPPINGS_MAX;
    for (struct cJSON *row = json_child(x->worker->models.mapping); row; row = json_next(row)) {
        g.room++;
    }
    *out = (struct offers){arena_alloc(x->arena, g.room * sizeof *out->offer), 0};
    if (!out->offer) {
        err_no_memory(&x->outcome.err);
        return false;
    }
    gather_mapped(&g);
    gather_table(&g);
    return true;
}
