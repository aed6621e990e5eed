#include "worker/model/choices.h"

#include "shm/memory/directory.h"
#include "shm/memory/edition.h"
#include "worker/model/behind.h"

/* What an answer of now rests on. Read before it is looked for: what changes meanwhile is noticed
 * by the next look. */
struct ground {
    uint64_t mappings;
    uint32_t table;
};

static struct ground ground_now(const struct segment *s)
{
    if (s) {
        (void)edition_take(s); /* a later table of models */
    }
    return (struct ground){.mappings = s ? directory_generation(s) : 0,
                           .table = catalogue_edition()};
}

/* --- keeping ------------------------------------------------------------------------------- */

/* NULL: no room. */
static const char *put(struct choices_row *row, struct str text)
{
    char *to = row->text + row->text_n;
    if (text.n >= sizeof row->text - row->text_n) {
        return NULL;
    }
    row->text_n += text.n + 1;
    return text_copy(text, to, text.n + 1);
}

static bool put_text(struct choices_row *row, const char **text)
{
    *text = put(row, text_from(*text));
    return *text != NULL;
}

static void keep(struct choices_row *row, const struct ground *g, struct str name,
                 bool messages_route, const struct models_choice *choice)
{
    struct models_caps *caps = &row->caps;
    *row = (struct choices_row){.mappings = g->mappings,
                                .table = g->table,
                                .messages_route = messages_route,
                                .choice = *choice,
                                .caps = *choice->caps};
    row->choice.caps = NULL;
    row->choice.id.p = put(row, choice->id);
    row->choice.name.p = put(row, choice->name);
    row->choice.behind.p = put(row, choice->behind);
    row->choice.rest.p = put(row, choice->rest);
    if (row->choice.id.p && row->choice.name.p && row->choice.behind.p && row->choice.rest.p &&
        put_text(row, &caps->family) && put_text(row, &caps->vendor) &&
        put_text(row, &caps->top_k) && put_text(row, &caps->efforts) &&
        put_text(row, &caps->betas)) {
        row->name_n = (uint32_t)name.n;
        text_copy(name, row->name, sizeof row->name);
    }
}

/* --- giving -------------------------------------------------------------------------------- */

struct given {
    struct models_caps caps;
    char text[];
};

static bool give(const struct choices_row *row, struct arena *arena, struct models_choice *out)
{
    struct given *g = arena_alloc(arena, sizeof *g + row->text_n);
    if (!g) {
        return false;
    }
    memcpy(g->text, row->text, row->text_n);
    g->caps = row->caps;
    const char **texts[] = {&g->caps.family, &g->caps.vendor, &g->caps.top_k, &g->caps.efforts,
                            &g->caps.betas};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = g->text + (*texts[i] - row->text);
    }
    *out = row->choice;
    out->id.p = g->text + (row->choice.id.p - row->text);
    out->behind.p = g->text + (row->choice.behind.p - row->text);
    out->name.p = g->text + (row->choice.name.p - row->text);
    out->rest.p = g->text + (row->choice.rest.p - row->text);
    out->caps = &g->caps;
    return true;
}

static bool holds(const struct choices_row *row, const struct ground *g, struct str name,
                  bool messages_route)
{
    return row->mappings == g->mappings && row->table == g->table &&
           row->messages_route == messages_route && row->name_n > 0 &&
           text_eq((struct str){row->name, row->name_n}, name);
}

enum status choices_find(struct choices *c, const struct models *m, const struct segment *s,
                         struct arena *arena, struct str client_name, bool messages_route,
                         struct models_choice *out, struct err *err)
{
    struct ground g = ground_now(s);
    if (client_name.n == 0 || client_name.n >= CHOICES_NAME) {
        return models_choose(m, s, arena, client_name, messages_route, out, err);
    }
    struct choices_row *row = &c->row[text_hash(client_name) % CHOICES_ROWS];
    if (holds(row, &g, client_name, messages_route)) {
        return give(row, arena, out) ? STATUS_OK : err_no_memory(err);
    }
    enum status st = models_choose(m, s, arena, client_name, messages_route, out, err);
    if (st == STATUS_OK && (!out->behind_by || out->behind_by == BEHIND_DECLARED)) {
        keep(row, &g, client_name, messages_route, out);
    }
    return st;
}
