#include "shm/catalogue/catalogue_read.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm/catalogue/catalogue_cell.h"
#include "shm/catalogue/region.h"

#define EVERY     STR("*") /* as an id: of all that no other row fits */
#define NOT       STR("-") /* as a cell: none */
#define LONG_UNIT 1000u    /* prices.c keeps thousands */

struct reading {
    struct catalogue *t;
    const char *file; /* NULL: built in */
    unsigned line;
    uint32_t columns; /* of the file, in their order */
    uint8_t column[CATALOGUE_COLUMN_COUNT];
    struct str cell[CATALOGUE_COLUMN_COUNT]; /* of this line, by enum catalogue_column */
    unsigned place[CATALOGUE_COLUMN_COUNT];  /* its number in the file, from 1 */
};

static enum status bad(const struct reading *r, unsigned place, struct err *err, const char *what)
{
    return err_set(err, STATUS_INVALID, "%.100s:%u:%u %s", r->file ? r->file : "built-in", r->line,
                   place, what);
}

static const char *text_at(const struct catalogue *t, uint32_t at)
{
    return t->pool + at;
}

/* Ends also for a device that never does: with more than out takes. */
enum status catalogue_read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && buf_ok(out)) {
        char part[16384];
        got = read(fd, part, sizeof part);
        if (got > 0) {
            buf_put(out, part, (size_t)got);
        } else if (got < 0 && errno == EINTR) {
            got = 1;
        }
    }
    if (got < 0) {
        err_set(err, STATUS_INVALID, "%.150s: %m", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return got < 0        ? STATUS_INVALID
           : !buf_ok(out) ? err_set(err, STATUS_INVALID, "%.150s: too large", path)
                          : STATUS_OK;
}

/* --- putting rows in ----------------------------------------------------------------------- */

void catalogue_read_begin(struct catalogue *t)
{
    t->rows = t->names = t->reserved = 0;
    t->pool[0] = '\0';
    t->pool_used = 1; /* 0 is the empty text */
}

/* 0: the pool is full. */
static uint32_t keep(struct catalogue *t, struct str text)
{
    uint32_t at = t->pool_used;
    if (text.n + 1 > CATALOGUE_POOL_MAX - at) {
        return 0;
    }
    memcpy(t->pool + at, text.p, text.n);
    t->pool[at + text.n] = '\0';
    t->pool_used = at + (uint32_t)text.n + 1;
    return at;
}

static int order(struct str a, const char *other)
{
    struct str b = text_from(other);
    int d = a.n && b.n ? memcmp(a.p, b.p, a.n < b.n ? a.n : b.n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

/* Where the id is, or belongs. Tables are sorted, so the end is looked at first. */
static uint32_t place_of(const struct catalogue *t, struct str id, bool *there)
{
    uint32_t from = 0, to = t->rows;
    *there = false;
    if (to && order(id, text_at(t, t->row[to - 1].cell[CATALOGUE_ID])) > 0) {
        return to;
    }
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int d = order(id, text_at(t, t->row[middle].cell[CATALOGUE_ID]));
        if (d == 0) {
            *there = true;
            return middle;
        }
        to = d < 0 ? middle : to;
        from = d < 0 ? from : middle + 1;
    }
    return from;
}

static struct catalogue_row *make_row(struct catalogue *t, uint32_t at)
{
    struct catalogue_row *row = &t->row[at];
    memmove(row + 1, row, (t->rows - at) * sizeof *row);
    *row = (struct catalogue_row){0};
    t->rows++;
    return row;
}

static uint32_t none_of(enum catalogue_column column)
{
    return catalogue_cell_is_figure(column) ? CATALOGUE_NONE : 0;
}

static enum status put_cell(struct reading *r, struct catalogue_row *row,
                            enum catalogue_column column, struct err *err)
{
    struct str text = r->cell[column];
    bool is_text = false;
    struct err why;
    if (text.n == 0) {
        return STATUS_OK;
    }
    row->said |= 1u << column;
    row->from_file |= r->file != NULL;
    row->cell[column] = none_of(column);
    if (text_eq(text, NOT)) {
        return STATUS_OK;
    }
    if (catalogue_cell_read(column, text, &row->cell[column], &is_text, &why) != STATUS_OK) {
        char what[160];
        snprintf(what, sizeof what, "%s: %.120s", catalogue_table_columns[column], why.text);
        return bad(r, r->place[column], err, what);
    }
    row->cell[column] = is_text ? keep(r->t, text) : row->cell[column];
    return is_text && !row->cell[column]
               ? bad(r, r->place[column], err, "the tables are too large together")
               : STATUS_OK;
}

/* Prices that nobody would ask for: a row with a price of its own inherits no border from a family. */
static enum status check_long(struct reading *r, const struct catalogue_row *row, struct err *err)
{
    static const enum catalogue_column prices[] = {CATALOGUE_LONG_IN, CATALOGUE_LONG_OUT};
    bool priced = row->cell[CATALOGUE_IN] != CATALOGUE_NONE && row->said & 1u << CATALOGUE_IN;
    bool border =
        row->said & 1u << CATALOGUE_LONG_FROM && row->cell[CATALOGUE_LONG_FROM] != CATALOGUE_NONE;
    uint32_t from = row->cell[CATALOGUE_LONG_FROM];
    if (border && (from % LONG_UNIT || from == 0 || from / LONG_UNIT > UINT16_MAX)) {
        return bad(r, r->place[CATALOGUE_LONG_FROM], err,
                   "long_from: whole thousands are needed, up to 65535000");
    }
    for (size_t i = 0; i < COUNT_OF(prices) && priced && !border; i++) {
        struct str text = r->cell[prices[i]];
        if (text.n > 0 && !text_eq(text, NOT)) {
            return bad(r, r->place[prices[i]], err, "a price above long_from, which is not said");
        }
    }
    return STATUS_OK;
}

static enum status put_row(struct reading *r, struct err *err)
{
    struct str id = r->cell[CATALOGUE_ID];
    bool there, every = text_eq(id, EVERY);
    if (id.n == 0 || region_prefix(id).n > 0 || !(every || catalogue_cell_is_id(id))) {
        return bad(r, r->place[CATALOGUE_ID], err,
                   id.n == 0                 ? "id: it is needed"
                   : region_prefix(id).n > 0 ? "id: without the prefix of a region"
                                             : "id: letters, digits and ._:/- only");
    }
    id = every ? (struct str){id.p, 0} : id;
    uint32_t at = place_of(r->t, id, &there);
    if (!there && r->t->rows == CATALOGUE_ROWS_MAX) {
        return bad(r, 1, err, "too many rows");
    }
    struct catalogue_row *row = there ? &r->t->row[at] : make_row(r->t, at);
    if (!there && id.n && !(row->cell[CATALOGUE_ID] = keep(r->t, id))) {
        return bad(r, 1, err, "the tables are too large together");
    }
    row->said |= 1u << CATALOGUE_ID;
    if (r->cell[CATALOGUE_NAMES]
            .n) { /* until the end: names can be told from each other only there */
        row->parent = (uint16_t)(r->file && r->line < UINT16_MAX ? r->line : 0);
        row->reserved = (uint8_t)r->place[CATALOGUE_NAMES];
    }
    for (unsigned c = CATALOGUE_ID + 1; c < CATALOGUE_COLUMN_COUNT; c++) {
        if (put_cell(r, row, (enum catalogue_column)c, err) != STATUS_OK) {
            return err->code;
        }
    }
    return check_long(r, row, err);
}

/* --- lines --------------------------------------------------------------------------------- */

static enum status read_head(struct reading *r, struct str line, struct err *err)
{
    struct str word;
    uint32_t seen = 0;
    for (unsigned place = 1; line.n && text_split(&line, '\t', &word); place++) {
        unsigned c = 0;
        while (c < CATALOGUE_COLUMN_COUNT &&
               !text_eq(word, text_from(catalogue_table_columns[c]))) {
            c++;
        }
        if (c == CATALOGUE_COLUMN_COUNT || seen & 1u << c) {
            return bad(r, place, err, "the first line must name columns, each once");
        }
        seen |= 1u << c;
        r->column[r->columns++] = (uint8_t)c;
        r->place[c] = place;
    }
    return seen & 1u << CATALOGUE_ID ? STATUS_OK
                                     : bad(r, 1, err, "the first line must name the column id");
}

static enum status read_line(struct reading *r, struct str line, struct err *err)
{
    struct str cell;
    memset(r->cell, 0, sizeof r->cell);
    for (uint32_t i = 0; line.n && text_split(&line, '\t', &cell); i++) {
        if (i == r->columns) {
            return bad(r, i + 1, err, "more cells than columns");
        }
        for (size_t k = 0; k < cell.n; k++) {
            if ((unsigned char)cell.p[k] < ' ') {
                return bad(r, i + 1, err, "a control character");
            }
        }
        r->cell[r->column[i]] = text_trim(cell);
    }
    return put_row(r, err);
}

enum status catalogue_read(struct catalogue *t, struct str text, const char *file, struct err *err)
{
    struct reading r = {.t = t, .file = file};
    struct str line;
    enum status st = STATUS_OK;
    if (!text_is_utf8(text)) {
        r.line = 1;
        return bad(&r, 1, err, "not UTF-8 text");
    }
    for (uint32_t i = 0; i < t->rows; i++) {
        t->row[i].parent = t->row[i].reserved = 0; /* of no line of this text */
    }
    while (st == STATUS_OK && text.n && text_split(&text, '\n', &line)) {
        r.line++;
        line.n -= line.n > 0 && line.p[line.n - 1] == '\r';
        if (line.n > 0 && line.p[0] != '#') {
            st = r.columns ? read_line(&r, line, err) : read_head(&r, line, err);
        }
    }
    if (st == STATUS_OK && r.columns == 0) {
        r.line += r.line == 0;
        st = bad(&r, 1, err, "there is no line that names the columns");
    }
    return st;
}

/* --- what no row fills --------------------------------------------------------------------- */

#define PRICE_FIRST CATALOGUE_IN
#define PRICE_LAST  CATALOGUE_TIERS

static void inherit(struct catalogue *t, struct catalogue_row *row)
{
    const struct catalogue_row *from = row->parent ? &t->row[row->parent - 1] : NULL;
    bool priced = row->said & 1u << CATALOGUE_IN;
    for (unsigned c = CATALOGUE_ID + 1; c < CATALOGUE_COLUMN_COUNT; c++) {
        bool own = row->said & 1u << c, price = c >= PRICE_FIRST && c <= PRICE_LAST;
        bool person = c == CATALOGUE_NAMES || c == CATALOGUE_NAME || c == CATALOGUE_STATUS;
        if (!own) {
            row->cell[c] = from && !person && !(price && priced)
                               ? from->cell[c]
                               : none_of((enum catalogue_column)c);
        }
    }
}

static void find_parent(struct catalogue *t, uint32_t i)
{
    struct str id = text_from(text_at(t, t->row[i].cell[CATALOGUE_ID]));
    uint32_t p = i; /* of row p - 1 */
    while (p && !text_starts(id, text_from(text_at(t, t->row[p - 1].cell[CATALOGUE_ID])))) {
        p = t->row[p - 1].parent;
    }
    t->row[i].parent = (uint16_t)p;
}

static const struct catalogue *sorted; /* for compare: qsort has no context */

static int compare(const void *a, const void *b)
{
    const struct catalogue_name *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int d = memcmp(text_at(sorted, x->at), text_at(sorted, y->at), n);
    return d ? d : (x->n > y->n) - (x->n < y->n);
}

static bool add_names(struct catalogue *t, uint32_t row)
{
    uint32_t at = t->row[row].cell[CATALOGUE_NAMES];
    struct str rest = text_from(text_at(t, at)), name;
    while (rest.n && text_split(&rest, ',', &name)) {
        if (name.n == 0 || t->names == CATALOGUE_NAMES_MAX) {
            return false;
        }
        t->name[t->names++] = (struct catalogue_name){
            .at = (uint32_t)(name.p - t->pool), .n = (uint16_t)name.n, .row = (uint16_t)row};
    }
    return true;
}

/* Of two rows the file's, whose line is known, and of two of the file the lower. */
static enum status bad_names(const struct catalogue *t, const char *file, uint32_t row,
                             uint32_t other, const char *what, struct err *err)
{
    const struct catalogue_row *at = &t->row[row];
    at = t->row[other].parent > at->parent ? &t->row[other] : at;
    struct reading r = {.file = at->parent ? file : NULL, .line = at->parent};
    return bad(&r, at->reserved, err, what);
}

static enum status sort_names(struct catalogue *t, const char *file, struct err *err)
{
    char what[160];
    t->names = 0;
    for (uint32_t i = 0; i < t->rows; i++) {
        if (!add_names(t, i)) {
            snprintf(what, sizeof what, "names: an empty one, or more than %u",
                     CATALOGUE_NAMES_MAX);
            return bad_names(t, file, i, i, what, err);
        }
    }
    sorted = t;
    qsort(t->name, t->names, sizeof *t->name, compare);
    for (uint32_t i = 1; i < t->names; i++) {
        const struct catalogue_name *n = &t->name[i];
        if (compare(n - 1, n) == 0) {
            snprintf(what, sizeof what, "names: the name %.*s stands in two rows",
                     n->n < 100 ? n->n : 100, text_at(t, n->at));
            return bad_names(t, file, n[-1].row, n->row, what, err);
        }
    }
    return STATUS_OK;
}

enum status catalogue_read_end(struct catalogue *t, const char *file, struct err *err)
{
    enum status st = sort_names(t, file, err);
    for (uint32_t i = 0; i < t->rows && st == STATUS_OK; i++) {
        t->row[i].reserved = 0;
        find_parent(t, i);
        inherit(t, &t->row[i]);
    }
    return st;
}
