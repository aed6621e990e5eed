#include "tests/mock/dynamo_store.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "server/base/crc32.h"
#include "server/json/scan.h"

/* --- tables -------------------------------------------------------------------------------- */

struct table *store_table(struct store *s, struct str name)
{
    for (struct table *t = s->tables; t; t = t->next)
        if (text_eq(name, text_from(t->name)))
            return t;
    return NULL;
}

struct table *store_create(struct store *s, struct str name)
{
    struct table *t = heap_new(sizeof *t);
    assert(t);
    text_copy(name, t->name, sizeof t->name);
    t->next = s->tables;
    s->tables = t;
    return t;
}

void store_free(struct store *s)
{
    for (struct table *t = s->tables, *next; t; t = next) {
        next = t->next;
        for (size_t i = 0; i < t->n; i++)
            item_free(&t->item[i]);
        heap_drop(t->item);
        finder_free(&t->finder);
        heap_drop(t);
    }
    s->tables = NULL;
}

/* --- items --------------------------------------------------------------------------------- */

static char *keep(struct str s)
{
    char *p = heap_new(s.n + 1);
    assert(p);
    return text_copy(s, p, s.n + 1);
}

static struct attr *find_attr(const struct item *i, struct str name)
{
    for (size_t k = 0; k < i->n; k++)
        if (text_eq(name, text_from(i->attr[k].name)))
            return &i->attr[k];
    return NULL;
}

struct str item_get(const struct item *i, struct str name)
{
    const struct attr *a = find_attr(i, name);
    return a ? text_from(a->raw) : (struct str){NULL, 0};
}

void item_set(struct item *i, struct str name, struct str raw)
{
    struct attr *a = find_attr(i, name);
    char *kept = keep(raw); /* first: raw may be the old one */
    if (a) {
        heap_drop(a->raw);
        a->raw = kept;
        return;
    }
    if (i->n == i->cap) {
        i->cap = i->cap ? 2 * i->cap : 8;
        i->attr = heap_grow(i->attr, i->cap * sizeof *i->attr);
        assert(i->attr);
    }
    i->attr[i->n++] = (struct attr){keep(name), kept};
}

void item_remove(struct item *i, struct str name)
{
    struct attr *a = find_attr(i, name);
    if (!a)
        return;
    heap_drop(a->name);
    heap_drop(a->raw);
    *a = i->attr[--i->n];
}

void item_copy(const struct item *from, struct item *to)
{
    for (size_t k = 0; k < from->n; k++)
        item_set(to, text_from(from->attr[k].name), text_from(from->attr[k].raw));
}

void item_free(struct item *i)
{
    for (size_t k = 0; k < i->n; k++) {
        heap_drop(i->attr[k].name);
        heap_drop(i->attr[k].raw);
    }
    heap_drop(i->attr);
    *i = (struct item){.attr = NULL};
}

/* Without the JSON around a value: {"S":""} has 8 characters. */
size_t item_size(const struct item *i)
{
    size_t sum = 0;
    for (size_t k = 0; k < i->n; k++)
        sum += strlen(i->attr[k].name) + strlen(i->attr[k].raw) - 7;
    return sum;
}

static bool is_plain(struct str raw)
{
    return text_starts(raw, STR("{\"S\":\"")) && !memchr(raw.p, '\\', raw.n);
}

/* Plain texts, which most are, differ when their bytes do. */
static bool same_attr(const struct item *a, const struct item *b, const char *name,
                      struct arena *scratch)
{
    struct value x, y;
    struct str ra = item_get(a, text_from(name)), rb = item_get(b, text_from(name));
    if (text_eq(ra, rb))
        return true;
    if (is_plain(ra) && is_plain(rb))
        return false;
    return value_read(ra, scratch, &x) && value_read(rb, scratch, &y) && value_equal(&x, &y);
}

/* Of the decoded texts: JSON can write one key in many ways. */
static uint32_t key_hash(const struct table *t, const struct item *i, struct arena *scratch)
{
    struct value hash, range;
    value_read(item_get(i, text_from(t->hash)), scratch, &hash);
    value_read(item_get(i, text_from(t->range)), scratch, &range);
    return crc32_add(crc32_add(0, hash.text.p, hash.text.n), range.text.p, range.text.n);
}

static bool same_key(const struct table *t, const struct item *a, const struct item *b,
                     struct arena *scratch)
{
    return (!t->range[0] || same_attr(a, b, t->range, scratch)) &&
           same_attr(a, b, t->hash, scratch);
}

static struct item *find_hashed(struct table *t, uint32_t hash, const struct item *key,
                                struct arena *scratch)
{
    const struct finder *f = &t->finder;
    for (size_t r = finder_first(f, hash); r != FINDER_NONE; r = finder_next(f, r))
        if (same_key(t, &t->item[r], key, scratch))
            return &t->item[r];
    return NULL;
}

struct item *table_find(struct table *t, const struct item *key, struct arena *scratch)
{
    return find_hashed(t, key_hash(t, key, scratch), key, scratch);
}

static struct item *add_last(struct table *t, uint32_t hash)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 16;
        t->item = heap_grow(t->item, t->cap * sizeof *t->item);
        assert(t->item);
    }
    finder_add(&t->finder, hash);
    return &t->item[t->n++];
}

struct item *table_put(struct table *t, struct item *item, struct arena *scratch)
{
    uint32_t hash = key_hash(t, item, scratch);
    struct item *place = find_hashed(t, hash, item, scratch);
    if (place)
        item_free(place);
    else
        place = add_last(t, hash);
    *place = *item;
    *item = (struct item){.attr = NULL};
    return place;
}

void table_remove(struct table *t, struct item *i)
{
    finder_remove(&t->finder, (size_t)(i - t->item));
    item_free(i);
    *i = t->item[--t->n];
}

/* --- values -------------------------------------------------------------------------------- */

static bool known_type(struct str type)
{
    static const char *const types[] = {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (text_eq(type, text_from(types[i])))
            return true;
    return false;
}

bool value_read(struct str raw, struct arena *scratch, struct value *out)
{
    static const struct scan_limits limits = {16, 10000, 1000, 64};
    struct scan s;
    bool flag;
    *out = (struct value){.type = ""};
    if (is_plain(raw) && text_ends(raw, STR("\"}"))) { /* nearly all of them */
        out->type[0] = 'S';
        out->text = text_sub(raw, 6, raw.n - 8);
        return true;
    }
    if (!raw.p || scan_parse(&s, scratch, raw, &limits, NULL) != STATUS_OK ||
        scan_type(&s, 0) != SCAN_OBJECT || scan_size(&s, 0) != 1)
        return false;
    scan_ref inner = scan_first(&s, 0);
    struct str type = scan_text(&s, scan_key(&s, inner));
    text_copy(type, out->type, sizeof out->type);
    if (scan_bool(&s, inner, &flag))
        out->text = flag ? STR("true") : STR("false");
    else if (scan_type(&s, inner) == SCAN_STRING)
        out->text = scan_text(&s, inner);
    bool needs_text = text_eq(type, STR("S")) || text_eq(type, STR("N"));
    return known_type(type) && (!needs_text || scan_type(&s, inner) == SCAN_STRING);
}

/* --- decimals: 12 digits behind the point, in 128 bits ------------------------------------- */

#define POINT 12

static bool decimal_read(struct str s, __int128 *out)
{
    bool minus = s.n && s.p[0] == '-';
    int behind = -1;
    *out = 0;
    for (size_t i = minus; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && behind < 0) {
            behind = 0;
        } else if (c < '0' || c > '9' || behind == POINT || s.n > 30) {
            return false;
        } else {
            *out = *out * 10 + (c - '0');
            behind += behind >= 0;
        }
    }
    for (int i = behind < 0 ? 0 : behind; i < POINT; i++)
        *out *= 10;
    *out = minus ? -*out : *out;
    return s.n > (size_t)minus;
}

static void decimal_write(__int128 v, char out[64])
{
    char digits[48];
    size_t n = 0, at = 0;
    if (v < 0)
        out[at++] = '-';
    for (v = v < 0 ? -v : v; v > 0 || n <= POINT; v /= 10)
        digits[n++] = (char)('0' + (int)(v % 10));
    size_t zeros = 0;
    while (zeros < POINT && digits[zeros] == '0')
        zeros++;
    while (n > zeros) {
        if (n == POINT)
            out[at++] = '.';
        out[at++] = digits[--n];
    }
    out[at] = '\0';
}

bool value_equal(const struct value *a, const struct value *b)
{
    return strcmp(a->type, b->type) == 0 && value_order(a, b) == 0;
}

int value_order(const struct value *a, const struct value *b)
{
    __int128 x, y;
    if (strcmp(a->type, "N") == 0 && decimal_read(a->text, &x) && decimal_read(b->text, &y))
        return (x > y) - (x < y);
    size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
    int order = n ? memcmp(a->text.p, b->text.p, n) : 0;
    return order ? (order > 0) - (order < 0) : (a->text.n > b->text.n) - (a->text.n < b->text.n);
}

bool value_sum(struct str a, struct str b, bool minus, char out[64])
{
    __int128 x, y;
    if (!decimal_read(a, &x) || !decimal_read(b, &y))
        return false;
    decimal_write(minus ? x - y : x + y, out);
    return true;
}
