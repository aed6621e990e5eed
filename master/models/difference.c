#include "master/models/difference.h"

#include <string.h>

#include "server/json/json.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_cell.h"
#include "shm/catalogue/catalogue_read.h"

#define CELL_MAX 16384

struct difference {
    const struct catalogue *old, *new;
    struct buf *out;
    struct json_out w;
    bool json;
    size_t rows; /* that differ */
    struct buf was, is;
};

/* Where the figures are from is no figure. */
static bool differs(struct difference *d, const struct catalogue_row *was,
                    const struct catalogue_row *is, enum catalogue_column c)
{
    buf_clear(&d->was);
    buf_clear(&d->is);
    if (was) {
        catalogue_cell_put(&d->was, d->old, was, c);
    }
    catalogue_cell_put(&d->is, d->new, is, c);
    if (!was && !(is->said & 1u << c)) { /* what a new row inherits is no news */
        return false;
    }
    return c != CATALOGUE_SOURCE && !text_eq(buf_str(&d->was), buf_str(&d->is));
}

static void json_cell(struct difference *d, struct str was, struct str is, const char *column)
{
    json_object(&d->w);
    JSON_KEY(&d->w, "column");
    json_str(&d->w, text_from(column));
    JSON_KEY(&d->w, "from");
    json_str(&d->w, was);
    JSON_KEY(&d->w, "to");
    json_str(&d->w, is);
    json_object_end(&d->w);
}

static void json_row(struct difference *d, struct str id, bool new)
{
    json_object(&d->w);
    JSON_KEY(&d->w, "id");
    json_str(&d->w, id);
    JSON_KEY(&d->w, "new");
    json_bool(&d->w, new);
    JSON_KEY(&d->w, "changes");
    json_array(&d->w);
}

static void text_cell(struct difference *d, struct str id, struct str was, struct str is,
                      const char *column, bool new)
{
    struct str none = STR("-");
    was = was.n ? was : none;
    is = is.n ? is : none;
    buf_printf(d->out, "%s %.*s  %s ", new ? "+" : "~", STR_ARG(id), column);
    if (!new) {
        buf_put_str(d->out, was);
        BUF_LIT(d->out, " -> ");
    }
    buf_put_str(d->out, is);
    buf_put_char(d->out, '\n');
}

static void compare(struct difference *d, const struct catalogue_row *was,
                    const struct catalogue_row *is)
{
    struct str id = catalogue_table_text(d->new, is, CATALOGUE_ID);
    id = id.n ? id : STR("*");
    bool begun = false;
    for (unsigned i = CATALOGUE_ID + 1; i < CATALOGUE_COLUMN_COUNT; i++) {
        enum catalogue_column c = (enum catalogue_column)i;
        if (!differs(d, was, is, c)) {
            continue;
        }
        if (d->json && !begun) {
            json_row(d, id, !was);
        }
        begun = true;
        if (d->json) {
            json_cell(d, buf_str(&d->was), buf_str(&d->is), catalogue_table_columns[c]);
        } else {
            text_cell(d, id, buf_str(&d->was), buf_str(&d->is), catalogue_table_columns[c], !was);
        }
    }
    if (d->json && begun) {
        json_array_end(&d->w);
        json_object_end(&d->w);
    }
    d->rows += begun;
}

/* Both are sorted, and nothing of the old one is missing in the new one. */
static void walk(struct difference *d)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < d->new->rows; i++) {
        const struct catalogue_row *is = &d->new->row[i];
        struct str id = catalogue_table_text(d->new, is, CATALOGUE_ID);
        const struct catalogue_row *was = at < d->old->rows ? &d->old->row[at] : NULL;
        bool same = was && text_eq(catalogue_table_text(d->old, was, CATALOGUE_ID), id);
        compare(d, same ? was : NULL, is);
        at += same;
    }
}

enum status difference_put(struct str rows, const char *file, bool json, struct buf *out,
                           struct err *err)
{
    struct catalogue *room = catalogue_room();
    struct difference d = {.old = catalogue_now(), .new = room, .out = out, .json = json};
    *room = *d.old;
    if (catalogue_read(room, rows, file, err) != STATUS_OK ||
        catalogue_read_end(room, file, err) != STATUS_OK) {
        return err->code;
    }
    buf_init(&d.was, CELL_MAX);
    buf_init(&d.is, CELL_MAX);
    json_begin(&d.w, out);
    if (json) {
        json_array(&d.w);
    }
    walk(&d);
    if (json) {
        json_array_end(&d.w);
        buf_put_char(out, '\n');
    } else if (d.rows == 0) {
        BUF_LIT(out, "nothing would change\n");
    } else {
        buf_printf(out, "%zu rows would change\n", d.rows);
    }
    buf_free(&d.was);
    buf_free(&d.is);
    return STATUS_OK;
}
