#include "worker/model/endings.h"

#include <stdio.h>

#include "server/base/clock.h"
#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/region.h"
#include "shm/memory/counters.h"
#include "shm/memory/directory.h"

#define NEAR_DAYS 90
#define DAY_MS    86400000ll

struct telling {
    int64_t now_ms;
    void (*fn)(void *ctx, const char *text);
    void *ctx;
};

/* --- one model ----------------------------------------------------------------------------- */

/* Since 1 January 1970. Asked on each request that is answered, so no calendar of the C library: a year
 * begins in March here, which puts the leap day at its end. */
static int64_t day_number(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + in_year - 719468;
}

static bool days_left(struct str date, int64_t now_ms, int64_t *days_out)
{
    uint64_t year, month, day;
    if (date.n != 10 || !text_u64(text_sub(date, 0, 4), &year) ||
        !text_u64(text_sub(date, 5, 2), &month) || !text_u64(text_sub(date, 8, 2), &day)) {
        return false;
    }
    int64_t end_ms = day_number((int64_t)year, (int64_t)month, (int64_t)day) * DAY_MS;
    *days_out = (end_ms - now_ms + DAY_MS - 1) / DAY_MS;
    return *days_out <= NEAR_DAYS;
}

static void describe(struct str id, const struct catalogue_status *s, int64_t days,
                     char text_out[ENDINGS_TEXT_MAX])
{
    char when[40] = "";
    if (days > 0) {
        snprintf(when, sizeof when, ", in %lld day%s", (long long)days, days == 1 ? "" : "s");
    }
    snprintf(text_out, ENDINGS_TEXT_MAX, "%.*s %s on %.*s%s%s%.*s", (int)(id.n < 160 ? id.n : 160),
             id.p, days > 0 ? "ends" : "ended", STR_ARG(s->date), when, s->use.n ? "; use " : "",
             (int)(s->use.n < 100 ? s->use.n : 0), s->use.p);
}

bool endings_is_near(struct str id, int64_t now_ms, char text_out[ENDINGS_TEXT_MAX])
{
    const struct catalogue_row *row = catalogue_find(id);
    struct catalogue_status status;
    int64_t days;
    if (!row || !catalogue_is_exact(row, id)) {
        return false;
    }
    catalogue_status(row, &status);
    if (status.state == CATALOGUE_ACTIVE || !days_left(status.date, now_ms, &days)) {
        return false;
    }
    if (text_out) {
        describe(region_base(id), &status, days, text_out);
    }
    return true;
}

/* what: who names it. An ARN has an account in it: only its model's id is told. */
static void tell(const struct telling *t, struct str what, struct str id)
{
    char text[ENDINGS_TEXT_MAX], line[ENDINGS_TEXT_MAX + 256];
    if (endings_is_near(id, t->now_ms, text)) {
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
        if (rows[i].value[0]) {
            tell(&t, text_from(rows[i].name), id_of(text_from(rows[i].value)));
        }
    }
    tell_mapping(&t, c->model_mapping);
}

/* --- a running server ---------------------------------------------------------------------- */

static void tell_mapped(void *ctx, const struct directory_mapping *m)
{
    char what[256];
    snprintf(what, sizeof what, "mapping of %.200s", m->from);
    tell(ctx, text_from(what), id_of(text_from(m->as[0] ? m->as : m->to)));
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

void endings_note(struct str id, int64_t now_ms)
{
    if (endings_is_near(id, now_ms, NULL)) {
        counters_note_ending(text_hash(region_base(id)));
    }
}
