#include "tests/mock/dynamo_expr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void complain(struct expr *e, const char *fmt, ...)
{
    va_list args;
    if (e->why[0])
        return; /* the first trouble counts */
    va_start(args, fmt);
    vsnprintf(e->why, sizeof e->why, fmt, args);
    va_end(args);
}

void expr_begin(struct expr *e, const struct scan *scan, struct arena *arena)
{
    *e = (struct expr){.scan = scan, .arena = arena};
    e->names = SCAN_GET(scan, 0, "ExpressionAttributeNames");
    e->values = SCAN_GET(scan, 0, "ExpressionAttributeValues");
}

/* --- words --------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void advance(struct expr *e)
{
    struct str s = e->rest;
    size_t skip = 0, n = 1;
    while (skip < s.n && (s.p[skip] == ' ' || s.p[skip] == '\n'))
        skip++;
    s = text_sub(s, skip, s.n);
    if (s.n == 0) {
        e->rest = e->token = STR("");
        return;
    }
    if (s.p[0] == '#' || s.p[0] == ':' || is_word(s.p[0])) {
        while (n < s.n && is_word(s.p[n]))
            n++;
    } else if (text_starts(s, STR("<=")) || text_starts(s, STR(">=")) ||
               text_starts(s, STR("<>"))) {
        n = 2;
    }
    e->token = text_sub(s, 0, n);
    e->rest = text_sub(s, n, s.n);
}

static void start(struct expr *e, struct str text)
{
    e->rest = text;
    advance(e);
}

static bool accept(struct expr *e, const char *word)
{
    if (!text_ieq(e->token, text_from(word)))
        return false;
    advance(e);
    return true;
}

static void want(struct expr *e, const char *word)
{
    if (!accept(e, word))
        complain(e, "Invalid expression: Syntax error; token: \"%.*s\", expected %s",
                 STR_ARG(e->token), word);
}

static void use(struct expr *e, scan_ref r)
{
    if (e->used_n < EXPR_MARKS)
        e->used[e->used_n++] = r;
}

/* A few of the 573: those that are attributes of the tables at hand or easily become one. */
static bool is_reserved(struct str word)
{
    static const char *const words[] = {
        "add",  "count", "counter", "data",   "date",      "day",   "hash", "key",   "month",
        "name", "range", "role",    "status", "timestamp", "total", "ttl",  "usage", "user",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text_ieq(word, text_from(words[i])))
            return true;
    return false;
}

/* The attribute that a token names. */
static struct str path(struct expr *e)
{
    struct str word = e->token;
    advance(e);
    if (word.n && word.p[0] == '#') {
        scan_ref r = scan_get(e->scan, e->names, word);
        use(e, r);
        if (r == SCAN_ABSENT)
            complain(e,
                     "An expression attribute name used in the document path is not defined; "
                     "attribute name: %.*s",
                     STR_ARG(word));
        return scan_text(e->scan, r);
    }
    if (!word.n || !is_word(word.p[0]))
        complain(e, "Invalid expression: Syntax error; token: \"%.*s\"", STR_ARG(word));
    if (is_reserved(word))
        complain(e,
                 "Invalid expression: Attribute name is a reserved keyword; reserved keyword: "
                 "%.*s",
                 STR_ARG(word));
    return word;
}

/* Raw value of ":x" or of an attribute; p NULL: absent. */
static struct str operand(struct expr *e, const struct item *item)
{
    if (!e->token.n || e->token.p[0] != ':')
        return item_get(item, path(e));
    scan_ref r = scan_get(e->scan, e->values, e->token);
    use(e, r);
    if (r == SCAN_ABSENT)
        complain(e,
                 "An expression attribute value used in expression is not defined; attribute "
                 "value: %.*s",
                 STR_ARG(e->token));
    advance(e);
    return scan_raw(e->scan, r);
}

/* --- conditions ---------------------------------------------------------------------------- */

static bool condition_or(struct expr *e, const struct item *item);

static bool compare(struct expr *e, struct str a, struct str op, struct str b)
{
    struct value x, y;
    if (!value_read(a, e->arena, &x) || !value_read(b, e->arena, &y))
        return text_eq(op, STR("<>"));
    bool equal = value_equal(&x, &y);
    bool same_type = strcmp(x.type, y.type) == 0;
    int order = value_order(&x, &y);
    if (text_eq(op, STR("=")))
        return equal;
    if (text_eq(op, STR("<>")))
        return !equal;
    return same_type && ((op.p[0] == '<' && order < 0) || (op.p[0] == '>' && order > 0) ||
                         (op.n == 2 && order == 0));
}

static bool function(struct expr *e, const struct item *item, bool *result_out)
{
    struct str name = e->token;
    struct value x, y;
    if (accept(e, "attribute_exists") || accept(e, "attribute_not_exists")) {
        want(e, "(");
        bool there = item_get(item, path(e)).p != NULL;
        *result_out = text_ieq(name, STR("attribute_exists")) == there;
    } else if (accept(e, "begins_with")) {
        want(e, "(");
        struct str a = operand(e, item);
        want(e, ",");
        struct str b = operand(e, item);
        *result_out = value_read(a, e->arena, &x) && value_read(b, e->arena, &y) &&
                      text_starts(x.text, y.text);
    } else {
        return false;
    }
    want(e, ")");
    return true;
}

static bool comparison(struct expr *e, const struct item *item)
{
    struct str a = operand(e, item);
    if (accept(e, "BETWEEN")) {
        struct str low = operand(e, item);
        want(e, "AND");
        struct str high = operand(e, item);
        return compare(e, a, STR(">="), low) && compare(e, a, STR("<="), high);
    }
    struct str op = e->token;
    if (!op.n || !strchr("=<>", op.p[0]))
        complain(e, "Invalid expression: Syntax error; token: \"%.*s\"", STR_ARG(op));
    advance(e);
    struct str b = operand(e, item);
    return !e->why[0] && compare(e, a, op, b);
}

static bool condition_one(struct expr *e, const struct item *item)
{
    bool result;
    if (accept(e, "NOT"))
        return !condition_one(e, item);
    if (accept(e, "(")) {
        result = condition_or(e, item);
        want(e, ")");
        return result;
    }
    return function(e, item, &result) ? result : comparison(e, item);
}

static bool condition_and(struct expr *e, const struct item *item)
{
    bool result = condition_one(e, item);
    while (!e->why[0] && accept(e, "AND"))
        result = condition_one(e, item) && result;
    return result;
}

static bool condition_or(struct expr *e, const struct item *item)
{
    bool result = condition_and(e, item);
    while (!e->why[0] && accept(e, "OR"))
        result = condition_and(e, item) || result;
    return result;
}

static void finish(struct expr *e)
{
    if (e->token.n)
        complain(e, "Invalid expression: Syntax error; token: \"%.*s\"", STR_ARG(e->token));
}

bool expr_condition(struct expr *e, struct str text, const struct item *item)
{
    if (!text.n)
        return true;
    start(e, text);
    bool result = condition_or(e, item);
    finish(e);
    return result && !e->why[0];
}

/* --- updates ------------------------------------------------------------------------------- */

static struct str number_sum(struct expr *e, struct str a, struct str b, bool minus)
{
    struct value x, y;
    char sum[64];
    if (!value_read(a, e->arena, &x) || !value_read(b, e->arena, &y) || x.type[0] != 'N' ||
        y.type[0] != 'N' || !value_sum(x.text, y.text, minus, sum)) {
        complain(e,
                 "Invalid expression: Incorrect operand type for operator or function; "
                 "operator: %c",
                 minus ? '-' : '+');
        return a;
    }
    return text_from(arena_printf(e->arena, "{\"N\":\"%s\"}", sum));
}

static struct str set_operand(struct expr *e, const struct item *item)
{
    if (!accept(e, "if_not_exists"))
        return operand(e, item);
    want(e, "(");
    struct str there = item_get(item, path(e));
    want(e, ",");
    struct str other = operand(e, item);
    want(e, ")");
    return there.p ? there : other;
}

static void spare_key(struct expr *e, const struct table *t, struct str name)
{
    if (text_eq(name, text_from(t->hash)) || text_eq(name, text_from(t->range)))
        complain(e,
                 "One or more parameter values were invalid: Cannot update attribute %.*s. This "
                 "attribute is part of the key",
                 STR_ARG(name));
}

static void store_value(struct expr *e, const struct table *t, struct item *item, struct str name,
                        struct str raw)
{
    struct value v;
    spare_key(e, t, name);
    if (!value_read(raw, e->arena, &v))
        complain(e, "The provided expression refers to an attribute that does not exist in the "
                    "item");
    if (!e->why[0])
        item_set(item, name, raw);
}

/* before: the item as it was, which every operand sees. */
static void set_one(struct expr *e, const struct table *t, const struct item *before,
                    struct item *item)
{
    struct str name = path(e);
    want(e, "=");
    struct str raw = set_operand(e, before);
    bool plus = text_eq(e->token, STR("+")), minus = text_eq(e->token, STR("-"));
    if (plus || minus) {
        advance(e);
        raw = number_sum(e, raw, set_operand(e, before), minus);
    }
    store_value(e, t, item, name, raw);
}

static void add_one(struct expr *e, const struct table *t, const struct item *before,
                    struct item *item)
{
    struct str name = path(e);
    struct str raw = operand(e, before), there = item_get(before, name);
    store_value(e, t, item, name,
                number_sum(e, there.p ? there : STR("{\"N\":\"0\"}"), raw, false));
}

static void remove_one(struct expr *e, const struct table *t, struct item *item)
{
    struct str name = path(e);
    spare_key(e, t, name);
    if (!e->why[0])
        item_remove(item, name);
}

void expr_update(struct expr *e, struct str text, const struct table *t, struct item *item)
{
    struct item before = {.attr = NULL};
    item_copy(item, &before);
    start(e, text);
    while (e->token.n && !e->why[0]) {
        bool set = accept(e, "SET"), add = !set && accept(e, "ADD");
        if (!set && !add && !accept(e, "REMOVE")) {
            finish(e);
            break;
        }
        do {
            if (set)
                set_one(e, t, &before, item);
            else if (add)
                add_one(e, t, &before, item);
            else
                remove_one(e, t, item);
        } while (!e->why[0] && accept(e, ","));
    }
    item_free(&before);
}

/* --- projections and the rest -------------------------------------------------------------- */

size_t expr_projection(struct expr *e, struct str text, struct str *out, size_t max)
{
    size_t n = 0;
    if (!text.n)
        return 0;
    start(e, text);
    do {
        struct str name = path(e);
        if (n < max)
            out[n++] = name;
    } while (!e->why[0] && accept(e, ","));
    finish(e);
    return n;
}

static void check_used(struct expr *e, scan_ref marks, const char *what)
{
    for (scan_ref v = scan_first(e->scan, marks); v != SCAN_ABSENT;
         v = scan_next(e->scan, marks, v)) {
        bool used = false;
        for (size_t i = 0; i < e->used_n; i++)
            used = used || e->used[i] == v;
        if (!used)
            complain(e, "Value provided in %s unused in expressions: keys: {%.*s}", what,
                     STR_ARG(scan_text(e->scan, scan_key(e->scan, v))));
    }
}

void expr_end(struct expr *e)
{
    check_used(e, e->names, "ExpressionAttributeNames");
    check_used(e, e->values, "ExpressionAttributeValues");
}
