#include "shm/catalogue/catalogue.h"

#include <assert.h>
#include <string.h>

#include "server/base/buf.h"
#include "shm/catalogue/catalogue_builtin.h"
#include "shm/catalogue/catalogue_read.h"
#include "shm/catalogue/region.h"

/* Of this process: the one in force, and room for the next. Made by the master before fork, so the
 * pages are everybody's until a process takes another edition over. Pages that no row needs are
 * never touched. */
static struct catalogue tables[2];
static unsigned now_at;
static bool loaded;
static uint32_t edition;

/* --- which table --------------------------------------------------------------------------- */

struct catalogue *catalogue_room(void)
{
    return &tables[!now_at];
}

void catalogue_adopt(void)
{
    now_at = !now_at;
    loaded = true;
    edition++;
}

uint32_t catalogue_edition(void)
{
    (void)catalogue_now();
    return edition;
}

const struct catalogue *catalogue_now(void)
{
    if (!loaded) {
        struct err err;
        enum status st = catalogue_load(NULL, &err);
        assert(st == STATUS_OK); /* ours; the unit test reads it, too */
    }
    return &tables[now_at];
}

static enum status read_over(struct catalogue *t, const char *file, struct err *err)
{
    struct buf text;
    buf_init(&text, CATALOGUE_FILE_MAX);
    enum status st = catalogue_read_file(file, &text, err);
    if (st == STATUS_OK) {
        st = catalogue_read(t, buf_str(&text), file, err);
    }
    buf_free(&text);
    return st;
}

enum status catalogue_load(const char *file, struct err *err)
{
    struct catalogue *t = catalogue_room();
    struct str text = {catalogue_builtin, catalogue_builtin_size};
    catalogue_read_begin(t);
    enum status st = catalogue_read(t, text, NULL, err);
    if (st == STATUS_OK && file && file[0]) {
        st = read_over(t, file, err);
    }
    if (st == STATUS_OK) {
        st = catalogue_read_end(t, file, err);
    }
    if (st == STATUS_OK) {
        catalogue_adopt();
    }
    return st;
}

/* --- looking ------------------------------------------------------------------------------- */

static int order(struct str a, struct str b)
{
    int d = a.n && b.n ? memcmp(a.p, b.p, a.n < b.n ? a.n : b.n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

struct str catalogue_text(const struct catalogue_row *row, enum catalogue_column column)
{
    const struct catalogue *t =
        row >= tables[0].row && row < tables[0].row + CATALOGUE_ROWS_MAX ? &tables[0] : &tables[1];
    return catalogue_table_text(t, row, column);
}

uint32_t catalogue_number(const struct catalogue_row *row, enum catalogue_column column)
{
    return row->cell[column];
}

/* An ARN's model may stand before its last part (custom-model/anthropic.claude-3-haiku.../x). */
static struct str model_text(struct str id)
{
    size_t at;
    if (!text_starts(id, STR("arn:"))) {
        return region_base(id);
    }
    if (text_find(id, STR("anthropic.claude-"), &at)) {
        return text_sub(id, at, id.n);
    }
    return text_find(id, STR("claude"), &at) ? STR("anthropic.claude-") : region_base(id);
}

/* The last row that is not behind the id; of that the longest beginning: whatever lies between a
 * beginning and the id begins so, too. */
const struct catalogue_row *catalogue_find(struct str bedrock_id)
{
    const struct catalogue *t = catalogue_now();
    struct str id = model_text(bedrock_id);
    uint32_t from = 0, to = t->rows;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (order(id, text_from(t->pool + t->row[middle].cell[CATALOGUE_ID])) < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    while (from && !text_starts(id, text_from(t->pool + t->row[from - 1].cell[CATALOGUE_ID]))) {
        from = t->row[from - 1].parent;
    }
    assert(from > 0); /* each id begins as `*` does: with nothing */
    return &t->row[from - 1];
}

const struct catalogue_row *catalogue_named(struct str name)
{
    const struct catalogue *t = catalogue_now();
    uint32_t from = 0, to = t->names;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        const struct catalogue_name *n = &t->name[middle];
        int d = order(name, (struct str){t->pool + n->at, n->n});
        if (d == 0) {
            return &t->row[n->row];
        }
        to = d < 0 ? middle : to;
        from = d < 0 ? from : middle + 1;
    }
    return NULL;
}

uint32_t catalogue_names(void)
{
    return catalogue_now()->names;
}

struct str catalogue_name(uint32_t i, const struct catalogue_row **row_out)
{
    const struct catalogue *t = catalogue_now();
    assert(i < t->names);
    *row_out = &t->row[t->name[i].row];
    return (struct str){t->pool + t->name[i].at, t->name[i].n};
}

bool catalogue_is_exact(const struct catalogue_row *row, struct str id)
{
    return text_eq(region_base(id), catalogue_text(row, CATALOGUE_ID));
}

void catalogue_status(const struct catalogue_row *row, struct catalogue_status *out)
{
    struct str rest = catalogue_text(row, CATALOGUE_STATUS), word = {NULL, 0};
    *out = (struct catalogue_status){.state = CATALOGUE_ACTIVE};
    if (rest.n && text_split(&rest, ' ', &word)) {
        out->state = text_eq(word, STR("retired"))  ? CATALOGUE_RETIRED
                     : text_eq(word, STR("legacy")) ? CATALOGUE_LEGACY
                                                    : CATALOGUE_ACTIVE;
    }
    if (rest.n && text_split(&rest, ' ', &word)) {
        out->date = word;
        out->use = rest;
    }
}
