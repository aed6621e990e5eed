#include "master/docs/models_page.h"

#include "server/config/config_docs.h"
#include "shm/catalogue/catalogue.h"
#include "shm/catalogue/catalogue_cell.h"

#define CELL_MAX 16384

/* The columns of the page: one or more of the table's, with a slash between them. */
static const struct column {
    const char *title;
    enum catalogue_column cells[3];
    size_t n;
    bool code;
} columns[] = {
    {"Model", {CATALOGUE_ID}, 1, true},
    {"Name", {CATALOGUE_NAME}, 1, false},
    {"Clients call it", {CATALOGUE_NAMES}, 1, true},
    {"Context / output", {CATALOGUE_CONTEXT, CATALOGUE_OUTPUT}, 2, false},
    {"$ in / out", {CATALOGUE_IN, CATALOGUE_OUT}, 2, false},
    {"cache read / write 5m / 1h",
     {CATALOGUE_CACHE_READ, CATALOGUE_CACHE_WRITE_5M, CATALOGUE_CACHE_WRITE_1H},
     3,
     false},
    {"Status", {CATALOGUE_STATUS}, 1, false},
};

/* The next row of a model, not one that only begins ids; NULL behind the last. */
static const struct catalogue_row *next(uint32_t *at)
{
    const struct catalogue *t = catalogue_now();
    while (*at < t->rows && catalogue_text(&t->row[*at], CATALOGUE_NAME).n == 0) {
        ++*at;
    }
    return *at < t->rows ? &t->row[(*at)++] : NULL;
}

static void put_text(struct buf *out, struct str text, bool code)
{
    char plain[CELL_MAX];
    struct str rest = text, piece;
    const char *comma = "";
    if (!code) {
        config_docs_cell(out, text_copy(text, plain, sizeof plain));
        return;
    }
    while (rest.n && text_split(&rest, ',', &piece)) {
        buf_printf(out, "%s`%.*s`", comma, STR_ARG(piece));
        comma = ", ";
    }
}

static void put_cell(struct buf *out, const struct catalogue_row *row, const struct column *c)
{
    struct buf text;
    bool any = false;
    buf_init(&text, CELL_MAX);
    for (size_t i = 0; i < c->n; i++) {
        size_t before = buf_len(&text);
        catalogue_cell_put(&text, catalogue_now(), row, c->cells[i]);
        any = any || buf_len(&text) > before;
        if (buf_len(&text) == before && c->n > 1) {
            buf_put_char(&text, '-');
        }
        buf_put_str(&text, i + 1 < c->n ? STR(" / ") : STR(""));
    }
    BUF_LIT(out, " ");
    if (any) {
        put_text(out, buf_str(&text), c->code);
    }
    BUF_LIT(out, " |");
    buf_free(&text);
}

void models_page_markdown(struct buf *out)
{
    const struct catalogue_row *row;
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        buf_printf(out, "%s %s |", i ? "" : "|", columns[i].title);
    }
    BUF_LIT(out, "\n|");
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        BUF_LIT(out, "---|");
    }
    for (uint32_t at = 0; (row = next(&at)) != NULL;) {
        BUF_LIT(out, "\n|");
        for (size_t i = 0; i < COUNT_OF(columns); i++) {
            put_cell(out, row, &columns[i]);
        }
    }
    BUF_LIT(out, "\n");
}

void models_page_json(struct json_out *w)
{
    static const enum catalogue_column shown[] = {CATALOGUE_ID,     CATALOGUE_NAME,
                                                  CATALOGUE_NAMES,  CATALOGUE_CONTEXT,
                                                  CATALOGUE_OUTPUT, CATALOGUE_STATUS};
    const struct catalogue_row *row;
    json_array(w);
    for (uint32_t at = 0; (row = next(&at)) != NULL;) {
        json_object(w);
        for (size_t i = 0; i < COUNT_OF(shown); i++) {
            struct buf text;
            buf_init(&text, CELL_MAX);
            catalogue_cell_put(&text, catalogue_now(), row, shown[i]);
            json_key(w, text_from(catalogue_table_columns[shown[i]]));
            json_str(w, buf_str(&text));
            buf_free(&text);
        }
        json_object_end(w);
    }
    json_array_end(w);
}
