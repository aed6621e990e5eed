#include "worker/model/endings.h"

#include <stdio.h>

#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/region.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"
#include "worker/model/ending.h"
#include "worker/model/model_chain.h"

struct telling {
    int64_t now_ms;
    void (*fn)(void *ctx, const char *text);
    void *ctx;
};

/* what: who names it. An ARN has an account in it: only its model's id is told. */
static void tell(const struct telling *t, struct str what, struct str id)
{
    char text[ENDING_TEXT_MAX], line[ENDING_TEXT_MAX + 256];
    if (ending_tell(id, t->now_ms, text)) {
        snprintf(line, sizeof line, "%.*s: %s", (int)(what.n < 220 ? what.n : 220), what.p, text);
        t->fn(t->ctx, line);
    }
}

/* --- the settings -------------------------------------------------------------------------- */

/* A client's name is one of the table's; no mapping of a store is known here. */
static struct str id_of(struct str name)
{
    const struct catalogue_row *row = catalogue_named(name);
    return row ? catalogue_text(row, CATALOGUE_ID) : name;
}

static void tell_chain(const struct telling *t, struct str what, struct str ids)
{
    while (ids.n > 0) {
        tell(t, what, id_of(model_chain_take(&ids)));
    }
}

static void tell_mapping(const struct telling *t, const char *mapping)
{
    struct err err;
    struct cJSON *doc = mapping[0] ? json_parse(text_from(mapping), &err) : NULL;
    for (struct cJSON *m = json_child(doc); m; m = json_next(m)) {
        char what[256];
        struct str name = json_name(m);
        snprintf(what, sizeof what, "DEFAULT_MODEL_MAPPING, %.*s",
                 (int)(name.n < 200 ? name.n : 200), name.p);
        tell(t, text_from(what), json_text(m));
    }
    json_free(doc);
}

void endings_configured(const struct config *c, int64_t now_ms,
                        void (*fn)(void *ctx, const char *text), void *ctx)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"ANTHROPIC_DEFAULT_MODEL", c->model_default},
        {"ANTHROPIC_DEFAULT_OPUS_MODEL", c->model_opus},
        {"ANTHROPIC_DEFAULT_SONNET_MODEL", c->model_sonnet},
        {"ANTHROPIC_DEFAULT_HAIKU_MODEL", c->model_haiku},
    };
    const struct telling t = {now_ms, fn, ctx};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        tell_chain(&t, text_from(rows[i].name), text_from(rows[i].value));
    }
    tell_mapping(&t, c->model_mapping);
}

/* --- a running server ---------------------------------------------------------------------- */

static void tell_mapped(void *ctx, const struct directory_mapping *m)
{
    char what[256];
    snprintf(what, sizeof what, "mapping of %.200s", m->from);
    struct str ids = text_from(m->to);
    if (m->as[0]) {
        model_chain_take(&ids);
        tell(ctx, text_from(what), id_of(text_from(m->as)));
    }
    tell_chain(ctx, text_from(what), ids);
}

void endings_live(const struct segment *s, int64_t now_ms, void (*fn)(void *ctx, const char *text),
                  void *ctx)
{
    struct telling t = {now_ms, fn, ctx};
    const struct catalogue *table = catalogue_now();
    (void)directory_each_mapping(s, tell_mapped, &t); /* rebuilt meanwhile: the next look tells */
    for (uint32_t i = 0; i < table->rows; i++) {
        struct str id = catalogue_text(&table->row[i], CATALOGUE_ID);
        if (id.n && counters_noted_ending(s, text_hash(id))) {
            tell(&t, STR("in use"), id);
        }
    }
}

void endings_note(struct str id, int64_t ends_ms, int64_t now_ms)
{
    if (ending_is_near(ends_ms, now_ms)) {
        counters_note_ending(text_hash(region_base(id)));
    }
}
