#include "tests/mock/refusals.h"

#include <stdio.h>
#include <string.h>

#include "server/base/arena.h"
#include "server/base/buf.h"

#define ROWS_MAX 64
#define FILE_MAX ((size_t)65536)

struct refusal {
    struct str name, model, when, sentence;
};

struct refusals {
    struct buf text;
    struct refusal row[ROWS_MAX];
    size_t n;
};

/* --- the file --- */

static bool read_row(struct refusals *r, struct str line)
{
    struct refusal *row = &r->row[r->n];
    if (r->n == ROWS_MAX || !text_split(&line, '\t', &row->name) ||
        !text_split(&line, '\t', &row->model) || !text_split(&line, '\t', &row->when) ||
        row->when.n == 0 || line.n == 0)
        return false;
    row->sentence = line;
    r->n++;
    return true;
}

static bool read_file(struct refusals *r, const char *path)
{
    FILE *f = fopen(path, "re");
    char *room = buf_reserve(&r->text, FILE_MAX);
    size_t n = f && room ? fread(room, 1, FILE_MAX, f) : 0;
    buf_commit(&r->text, n);
    if (f)
        fclose(f);
    return n > 0 && n < FILE_MAX;
}

struct refusals *refusals_read(const char *path)
{
    struct refusals *r = heap_new(sizeof *r);
    if (!r)
        return NULL;
    buf_init(&r->text, FILE_MAX);
    bool good = read_file(r, path);
    struct str rest = buf_str(&r->text), line;
    while (good && text_split(&rest, '\n', &line))
        good = line.n == 0 || line.p[0] == '#' || read_row(r, line);
    if (good)
        return r;
    fprintf(stderr, "mock-bedrock: %s: row %zu is no refusal\n", path, r->n + 1);
    refusals_drop(r);
    return NULL;
}

void refusals_drop(struct refusals *r)
{
    if (r) {
        buf_free(&r->text);
        heap_drop(r);
    }
}

/* --- conditions --- */

struct search { /* the end of a path */
    const struct scan *body;
    struct str text;
    bool compares, is_number;
    int64_t above, found;
};

static bool fits(struct search *x, scan_ref value)
{
    if (x->is_number)
        return scan_i64(x->body, value, &x->found) && x->found > x->above;
    return !x->compares || scan_text_is(x->body, value, x->text);
}

/* path: keys parted by '.', '*' for every member. One level a turn; depth by the file. */
static bool walk(struct search *x, scan_ref at, struct str path)
{
    struct str key;
    if (at == SCAN_ABSENT)
        return false;
    if (!text_split(&path, '.', &key))
        return fits(x, at);
    if (!text_eq(key, STR("*")))
        return scan_type(x->body, at) == SCAN_OBJECT && walk(x, scan_get(x->body, at, key), path);
    for (scan_ref v = scan_first(x->body, at); v != SCAN_ABSENT; v = scan_next(x->body, at, v))
        if (walk(x, v, path))
            return true;
    return false;
}

static bool meets(const struct scan *body, struct str when, int64_t *found_out)
{
    struct search x = {.body = body};
    size_t at;
    uint64_t number;
    if (text_find(when, STR("="), &at)) {
        x.compares = true;
        x.text = text_sub(when, at + 1, when.n);
        when = text_sub(when, 0, at);
    } else if (text_find(when, STR(">"), &at) &&
               text_u64(text_sub(when, at + 1, when.n), &number)) {
        x.is_number = true;
        x.above = (int64_t)number;
        when = text_sub(when, 0, at);
    }
    bool met = walk(&x, 0, when);
    *found_out = x.found;
    return met;
}

bool refusals_find(const struct refusals *r, struct str model, const struct scan *body, char *out,
                   size_t size)
{
    size_t at;
    int64_t found;
    for (size_t i = 0; r && i < r->n; i++) {
        const struct refusal *row = &r->row[i];
        if (!text_find(model, row->model, &at) || !meets(body, row->when, &found))
            continue;
        if (text_find(row->sentence, STR("$N"), &at))
            snprintf(out, size, "%.*s%lld%.*s", (int)at, row->sentence.p, (long long)found,
                     (int)(row->sentence.n - at - 2), row->sentence.p + at + 2);
        else
            snprintf(out, size, "%.*s", STR_ARG(row->sentence));
        return true;
    }
    return false;
}
