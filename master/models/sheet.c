#include "master/models/sheet.h"

#include <stdlib.h>
#include <string.h>

#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_cell.h"
#include "shm/catalogue/region.h"
#include "worker/model/models.h"

#define MICRO    1000000u
#define THOUSAND 1000u

/* --- gathering ----------------------------------------------------------------------------- */

struct sheet_offer *sheet_add(struct sheet *s, struct str id, struct str region)
{
    struct str prefix = region_prefix(id), base = region_base(id);
    struct str where = prefix.n ? prefix : region;
    size_t dot;
    struct sheet_offer *o = &s->offer[s->n];
    if (s->n == SHEET_OFFERS_MAX || base.n >= sizeof o->id || where.n >= sizeof o->where ||
        text_starts(id, STR("arn:")) || !text_find(base, STR("."), &dot) ||
        !models_is_legal(base)) {
        return NULL;
    }
    memset(o, 0xff, sizeof *o); /* CATALOGUE_NONE everywhere */
    text_copy(base, o->id, sizeof o->id);
    text_copy(where, o->where, sizeof o->where);
    o->name[0] = o->status[0] = '\0';
    s->n++;
    return o;
}

uint32_t sheet_money(double dollars, double tokens)
{
    double micro = dollars / tokens * MICRO * MICRO;
    return micro >= 0 && micro < CATALOGUE_NONE - 1.0 ? (uint32_t)(micro + 0.5) : CATALOGUE_NONE;
}

uint32_t sheet_price(const struct cJSON *of, const char *key, double tokens)
{
    double dollars;
    return json_number(json_get(of, key), &dollars) ? sheet_money(dollars, tokens) : CATALOGUE_NONE;
}

uint32_t sheet_number(const struct cJSON *of, const char *key)
{
    int64_t v;
    return json_get_i64(of, key, &v) && v > 0 && v < CATALOGUE_NONE ? (uint32_t)v : CATALOGUE_NONE;
}

/* The place whose price is the list price comes first: global., us-east-1, the bare id, us. */
static int rank(const struct sheet_offer *o)
{
    static const char *const order[] = {"global", "us-east-1", "", "us"};
    int i = 0;
    while (i < (int)COUNT_OF(order) && strcmp(o->where, order[i]) != 0) {
        i++;
    }
    return i + text_starts(text_from(o->where), STR("us-gov")); /* another partition's */
}

/* Prefixes before regions, since a region's price may be that of its prefix. */
static int compare(const void *a, const void *b)
{
    const struct sheet_offer *x = a, *y = b;
    int d = strcmp(x->id, y->id);
    d = d ? d : (x->in == CATALOGUE_NONE) - (y->in == CATALOGUE_NONE);
    d = d ? d : rank(x) - rank(y);
    d = d ? d : region_is_prefix(text_from(y->where)) - region_is_prefix(text_from(x->where));
    return d ? d : strcmp(x->where, y->where);
}

/* --- regions ------------------------------------------------------------------------------- */

/* v * by / of, rounded half up: as prices.c does. */
static uint64_t scale(uint64_t v, uint64_t by, uint64_t of)
{
    return of ? (v * by + of / 2) / of : v;
}

/* A price against the list price as a cell says it: "1.1" where one factor with three decimals
 * gives both figures, else "0.74/2.22". */
static void put_ratio(struct buf *out, const struct sheet_offer *list, const struct sheet_offer *o)
{
    uint64_t factor = scale(o->in, THOUSAND, list->in);
    if (list->in && scale(list->in, factor, THOUSAND) == o->in &&
        scale(list->out, factor, THOUSAND) == o->out) {
        catalogue_cell_put_money(out, factor * THOUSAND);
        return;
    }
    catalogue_cell_put_money(out, o->in);
    buf_put_char(out, '/');
    catalogue_cell_put_money(out, o->out);
}

/* What the cell as far as it is written says of a place: prices.c, find_regional. */
static bool find_part(struct str cell, struct str where, struct catalogue_part *out)
{
    while (catalogue_cell_part(&cell, out)) {
        if (text_eq(out->where, where)) {
            return true;
        }
    }
    return false;
}

static bool is_said(struct str cell, const struct sheet_offer *list, const struct sheet_offer *o)
{
    struct catalogue_part p = {.a = MICRO, .b = MICRO};
    struct str where = text_from(o->where), none = {NULL, 0};
    bool prefix = region_is_prefix(where);
    struct str geography = prefix ? none : region_geography(where);
    bool found = (prefix && find_part(cell, where, &p)) ||
                 (!prefix && find_part(cell, STR("bare"), &p)) ||
                 (geography.n && find_part(cell, geography, &p)) || find_part(cell, none, &p);
    if (!found) {
        p = (struct catalogue_part){.a = MICRO, .b = MICRO};
    }
    uint64_t in = p.pair ? p.a : scale(list->in, p.a, MICRO);
    uint64_t out = p.pair ? p.b : scale(list->out, p.a, MICRO);
    return in == o->in && out == o->out;
}

/* AWS's price list has a tenth more for a bare id in a region than for `global.`, LiteLLM's table
 * the price of `global.` (BerriAI/litellm#42679): of Claude it is not believed. */
static bool is_doubtful(const struct sheet_offer *list, const struct sheet_offer *o)
{
    return o->where[0] == '\0' && strcmp(list->where, "global") == 0 &&
           text_starts(text_from(o->id), STR("anthropic."));
}

/* A region of GovCloud whose price no profile's is there for: the profile costs the same. */
static const char *label(struct str cell, const struct sheet_offer *o)
{
    struct catalogue_part p;
    struct str gov = STR("us-gov");
    bool first = text_eq(region_geography(text_from(o->where)), gov) && !find_part(cell, gov, &p);
    return first ? "us-gov" : o->where[0] ? o->where : "bare";
}

static void put_regional(struct buf *out, const struct sheet_offer *list, size_t n)
{
    struct buf cell;
    const struct sheet_offer *us = NULL;
    buf_init(&cell, 4096);
    for (size_t i = 1; i < n; i++) {
        us = strcmp(list[i].where, "us") == 0 ? &list[i] : us;
    }
    if (us && strcmp(list->where, "global") == 0 && us->in != CATALOGUE_NONE &&
        !is_said(buf_str(&cell), list, us)) {
        put_ratio(&cell, list, us);
        if (memchr(buf_data(&cell), '/', buf_len(&cell))) { /* for everywhere: a factor only */
            buf_clear(&cell);
        }
    }
    for (size_t i = 1; i < n; i++) {
        const struct sheet_offer *o = &list[i];
        bool again = strcmp(o->where, list[i - 1].where) == 0; /* the first one counts */
        if (again || o->in == CATALOGUE_NONE || o->out == CATALOGUE_NONE || is_doubtful(list, o) ||
            is_said(buf_str(&cell), list, o)) {
            continue;
        }
        const char *comma = buf_len(&cell) ? "," : "";
        buf_printf(&cell, "%s%s=", comma, label(buf_str(&cell), o));
        put_ratio(&cell, list, o);
    }
    buf_put_str(out, buf_str(&cell));
    buf_free(&cell);
}

/* --- the other cells ----------------------------------------------------------------------- */

static void put_tiers(struct buf *out, const struct sheet_offer *o)
{
    const char *comma = "";
    for (enum tier t = 0; t < TIER_COUNT; t++) {
        if (o->tier_in[t] == CATALOGUE_NONE || o->tier_out[t] == CATALOGUE_NONE || !o->in ||
            !o->out) {
            continue;
        }
        uint64_t in = scale(o->tier_in[t], THOUSAND, o->in);
        uint64_t by_out = scale(o->tier_out[t], THOUSAND, o->out);
        buf_printf(out, "%s%.*s=", comma, STR_ARG(tier_word(t)));
        catalogue_cell_put_money(out, in * THOUSAND);
        if (by_out != in) {
            buf_put_char(out, '/');
            catalogue_cell_put_money(out, by_out * THOUSAND);
        }
        comma = ",";
    }
}

static void put_money(struct buf *out, uint32_t micro)
{
    if (micro != CATALOGUE_NONE) {
        catalogue_cell_put_money(out, micro);
    }
    buf_put_char(out, '\t');
}

static void put_number(struct buf *out, uint32_t v)
{
    if (v != CATALOGUE_NONE) {
        buf_put_u64(out, v);
    }
    buf_put_char(out, '\t');
}

static void put_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) { /* a cell has no control characters */
        buf_put_char(out, (unsigned char)s.p[i] < ' ' ? ' ' : s.p[i]);
    }
    buf_put_char(out, '\t');
}

/* Some tables have no names. The table in force keeps its own; a new row needs one, or it would
 * only begin the ids of others. */
static void put_name(struct buf *out, const struct sheet_offer *o)
{
    struct str id = text_from(o->id);
    const struct catalogue_row *row = catalogue_find(id);
    bool known = row && catalogue_is_exact(row, id) && catalogue_text(row, CATALOGUE_NAME).n;
    put_text(out, o->name[0] ? text_from(o->name) : known ? (struct str){NULL, 0} : id);
}

/* n offers of one model, that with the list price first. */
static void put_row(struct buf *out, const struct sheet_offer *list, size_t n, const char *source)
{
    put_text(out, text_from(list->id));
    put_name(out, list);
    put_text(out, text_from(list->status));
    put_number(out, list->context);
    put_number(out, list->output);
    bool priced = list->in != CATALOGUE_NONE && list->out != CATALOGUE_NONE;
    const uint32_t money[] = {list->in, list->out, list->cache_read, list->write_5m,
                              list->write_1h};
    for (size_t i = 0; i < COUNT_OF(money); i++) {
        put_money(out, priced ? money[i] : CATALOGUE_NONE);
    }
    if (priced) {
        put_regional(out, list, n);
    }
    buf_put_char(out, '\t');
    bool dear = priced && list->long_from != CATALOGUE_NONE;
    put_number(out, dear ? list->long_from : CATALOGUE_NONE);
    put_money(out, dear ? list->long_in : CATALOGUE_NONE);
    put_money(out, dear ? list->long_out : CATALOGUE_NONE);
    if (priced) {
        put_tiers(out, list);
    }
    buf_printf(out, "\t%s\n", source);
}

void sheet_put(struct sheet *s, struct buf *out)
{
    size_t same;
    qsort(s->offer, s->n, sizeof *s->offer, compare);
    BUF_LIT(out, "id\tname\tstatus\tcontext\toutput\tin\tout\tcache_read\tcache_write_5m\t"
                 "cache_write_1h\tregional\tlong_from\tlong_in\tlong_out\ttiers\tsource\n");
    for (size_t i = 0; i < s->n; i += same) {
        same = 1;
        while (i + same < s->n && strcmp(s->offer[i].id, s->offer[i + same].id) == 0) {
            same++;
        }
        put_row(out, &s->offer[i], same, s->source);
    }
}
