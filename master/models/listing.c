#include "master/models/listing.h"

#include <stdio.h>
#include <string.h>

#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_cell.h"
#include "shm/catalogue/prices.h"
#include "shm/catalogue/region.h"

#define ID_WIDTH 46

struct listing {
    struct buf *out;
    struct json_out w;
    struct str region;
    const char *file;
    size_t count;
};

/* --- which rows ---------------------------------------------------------------------------- */

static bool fits(const struct catalogue_row *row, struct str pattern)
{
    static const enum catalogue_column columns[] = {CATALOGUE_ID, CATALOGUE_NAME, CATALOGUE_NAMES};
    struct str base = region_base(pattern);
    size_t at;
    if (pattern.n == 0 || (region_prefix(pattern).n && catalogue_is_exact(row, pattern))) {
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        if (text_ifind(catalogue_text(row, columns[i]), base, &at)) {
            return true;
        }
    }
    return false;
}

/* It only begins the ids of models. */
static bool is_family(const struct catalogue_row *row)
{
    return catalogue_text(row, CATALOGUE_NAME).n == 0;
}

static const char *from(const struct listing *l, const struct catalogue_row *row)
{
    return row->from_file ? l->file : "built-in";
}

/* --- text ---------------------------------------------------------------------------------- */

static void put_right(struct buf *out, const struct catalogue_row *row, enum catalogue_column c,
                      int width)
{
    char text[32];
    struct buf cell;
    buf_init(&cell, sizeof text);
    catalogue_cell_put(&cell, catalogue_now(), row, c);
    text_copy(buf_str(&cell), text, sizeof text);
    buf_printf(out, " %*s", width, text[0] ? text : "-");
    buf_free(&cell);
}

static void put_text(struct listing *l, const struct catalogue_row *row)
{
    static const struct {
        enum catalogue_column column;
        const char *title;
        int width;
    } columns[] = {
        {CATALOGUE_CONTEXT, "CONTEXT", 8},
        {CATALOGUE_OUTPUT, "OUTPUT", 8},
        {CATALOGUE_IN, "IN", 8},
        {CATALOGUE_OUT, "OUT", 8},
        {CATALOGUE_CACHE_READ, "CACHE RD", 8},
        {CATALOGUE_CACHE_WRITE_5M, "CACHE WR", 8},
    };
    char id[256];
    if (l->count == 0) {
        buf_printf(l->out, "%-*s", ID_WIDTH, "MODEL");
        for (size_t i = 0; i < COUNT_OF(columns); i++) {
            buf_printf(l->out, " %*s", columns[i].width, columns[i].title);
        }
        BUF_LIT(l->out, "  STATUS                  FROM\n");
    }
    struct str status = catalogue_text(row, CATALOGUE_STATUS);
    snprintf(id, sizeof id, "%.*s%s", STR_ARG(catalogue_text(row, CATALOGUE_ID)),
             is_family(row) ? "*" : "");
    buf_printf(l->out, "%-*s", ID_WIDTH, id);
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        put_right(l->out, row, columns[i].column, columns[i].width);
    }
    size_t word = 0; /* what takes its place would make the line too long */
    for (size_t blanks = 0; word < status.n && (blanks += status.p[word] == ' ') < 2; word++) {
    }
    buf_printf(l->out, "  %-23.*s %s\n", (int)word, status.p, from(l, row));
}

/* --- TSV: as CATALOGUE_FILE has it --------------------------------------------------------- */

static void put_tsv(struct listing *l, const struct catalogue_row *row)
{
    const struct catalogue *t = catalogue_now();
    for (unsigned c = 0; l->count == 0 && c < CATALOGUE_COLUMN_COUNT; c++) {
        buf_printf(l->out, "%s%s", c ? "\t" : "", catalogue_table_columns[c]);
    }
    BUF_LIT(l->out, "\n");
    bool every = catalogue_text(row, CATALOGUE_ID).n == 0;
    for (unsigned c = 0; c < CATALOGUE_COLUMN_COUNT; c++) {
        size_t before = buf_len(l->out);
        if (c) {
            buf_put_char(l->out, '\t');
        }
        if (c == CATALOGUE_ID && every) {
            buf_put_char(l->out, '*');
        } else if (row->said & 1u << c) {
            catalogue_cell_put(l->out, t, row, (enum catalogue_column)c);
            if (buf_len(l->out) == before + (c > 0)) { /* said to be none */
                buf_put_char(l->out, '-');
            }
        }
    }
}

/* --- JSON: everything, resolved ------------------------------------------------------------ */

static void json_money(struct json_out *w, const char *key, uint32_t micro)
{
    char room[32];
    struct buf text;
    buf_init(&text, sizeof room);
    catalogue_cell_put_money(&text, micro);
    json_key(w, text_from(key));
    json_raw(w, buf_str(&text));
    buf_free(&text);
}

static void json_column(struct listing *l, const struct catalogue_row *row, enum catalogue_column c)
{
    struct buf cell;
    buf_init(&cell, 16384);
    catalogue_cell_put(&cell, catalogue_now(), row, c);
    json_key(&l->w, text_from(catalogue_table_columns[c]));
    if (!catalogue_cell_is_figure(c)) {
        json_str(&l->w, buf_str(&cell));
    } else if (buf_len(&cell)) {
        json_raw(&l->w, buf_str(&cell));
    } else {
        json_null(&l->w);
    }
    buf_free(&cell);
}

/* What a request pays there, caches that no cell has included. */
static void json_place(struct listing *l, const char *place, struct str id, struct str region)
{
    struct prices_tariff t;
    if (prices_find(id, region, &t) == PRICES_UNKNOWN) {
        return;
    }
    json_key(&l->w, text_from(place));
    json_object(&l->w);
    json_money(&l->w, "input", t.rates.input);
    json_money(&l->w, "output", t.rates.output);
    json_money(&l->w, "cache_read", t.rates.cache_read);
    json_money(&l->w, "cache_write_5m", t.rates.write_5m);
    json_money(&l->w, "cache_write_1h", t.rates.write_1h);
    json_object_end(&l->w);
}

static void json_places(struct listing *l, const struct catalogue_row *row)
{
    struct str id = catalogue_text(row, CATALOGUE_ID), prefix;
    JSON_KEY(&l->w, "prices");
    json_object(&l->w);
    for (size_t i = 0; (prefix = region_prefix_at(i)).n; i++) {
        char full[256], place[16];
        snprintf(full, sizeof full, "%.*s.%.*s", STR_ARG(prefix), STR_ARG(id));
        json_place(l, text_copy(prefix, place, sizeof place), text_from(full), l->region);
    }
    json_place(l, "bare", id, l->region);
    json_object_end(&l->w);
}

static void json_tiers(struct listing *l, const struct catalogue_row *row)
{
    struct prices_tariff t;
    JSON_KEY(&l->w, "tier_factors");
    json_object(&l->w);
    if (prices_find(catalogue_text(row, CATALOGUE_ID), l->region, &t) != PRICES_UNKNOWN) {
        for (enum tier tier = 0; tier < TIER_COUNT; tier++) {
            json_key(&l->w, tier_word(tier));
            json_array(&l->w);
            json_f64(&l->w, t.factor_in[tier] / 1000.0);
            json_f64(&l->w, t.factor_out[tier] / 1000.0);
            json_array_end(&l->w);
        }
    }
    json_object_end(&l->w);
}

static void put_json(struct listing *l, const struct catalogue_row *row)
{
    json_object(&l->w);
    for (unsigned c = 0; c < CATALOGUE_COLUMN_COUNT; c++) {
        json_column(l, row, (enum catalogue_column)c);
    }
    JSON_KEY(&l->w, "begins_ids");
    json_bool(&l->w, is_family(row));
    JSON_KEY(&l->w, "from");
    json_str(&l->w, text_from(from(l, row)));
    json_places(l, row);
    json_tiers(l, row);
    json_object_end(&l->w);
}

/* --- all rows ------------------------------------------------------------------------------ */

size_t listing_put(struct str pattern, enum listing_form form, struct str region, const char *file,
                   struct buf *out)
{
    static void (*const put[])(struct listing * l, const struct catalogue_row *row) = {
        [LISTING_TEXT] = put_text, [LISTING_TSV] = put_tsv, [LISTING_JSON] = put_json};
    struct listing l = {.out = out, .region = region, .file = file};
    const struct catalogue *t = catalogue_now();
    json_begin(&l.w, out);
    if (form == LISTING_JSON) {
        json_array(&l.w);
    }
    for (uint32_t i = 0; i < t->rows; i++) {
        if (fits(&t->row[i], pattern)) {
            put[form](&l, &t->row[i]);
            l.count++;
        }
    }
    if (form == LISTING_JSON) {
        json_array_end(&l.w);
    }
    if (form != LISTING_TEXT) {
        buf_put_char(out, '\n');
    }
    return l.count;
}
