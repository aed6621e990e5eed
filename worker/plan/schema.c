#include "worker/plan/schema.h"

#include "server/json/json.h"

#define REFS_MAX  16    /* $refs within each other that are put in place */
#define DEPTH_MAX 400   /* schemas within each other, what $refs name included */
#define JOIN_MAX  512   /* properties that a union may join to its root */
#define GROW_MAX  65536 /* bytes that a small schema may grow by */

struct job {
    const struct scan *s;
    scan_ref root;
    uint32_t rules;
    struct json_out w;
    scan_ref open[REFS_MAX]; /* what the $refs on the way here name */
    unsigned refs, depth;
    size_t most; /* bytes: what grows beyond has no end */
    bool typed;  /* the root's type is written */
    bool lost, endless;
};

static void put_schema(struct job *j, scan_ref schema);

static bool is_written(struct job *j)
{
    j->endless = j->endless || buf_len(j->w.b) > j->most;
    return buf_ok(j->w.b) && !j->endless;
}

/* As it stands: no memory is needed for its escapes. */
static void put_key(struct job *j, scan_ref key)
{
    json_raw(&j->w, scan_raw(j->s, key));
    buf_put_char(j->w.b, ':');
    j->w.comma = false;
}

/* --- words --------------------------------------------------------------------------------- */

/* " (minimum: 1, maxLength: 5)", as inside a JSON string; nothing when no limit goes. */
static void put_limits(struct job *j, scan_ref schema, bool behind)
{
    const struct scan *s = j->s;
    const char *sign = behind ? " (" : "(";
    for (scan_ref v = scan_first(s, schema); v != SCAN_ABSENT; v = scan_next(s, schema, v)) {
        scan_ref key = scan_key(s, v);
        if (!schema_words_is_limit(s, key, v, j->rules)) {
            continue;
        }
        struct str name = scan_raw(s, key);
        buf_put_str(j->w.b, text_from(sign));
        buf_put(j->w.b, name.p + 1, name.n - 2);
        BUF_LIT(j->w.b, ": ");
        json_escape(j->w.b, scan_raw(s, v));
        sign = ", ";
        j->lost = true;
    }
    if (sign[0] == ',') {
        buf_put_char(j->w.b, ')');
    }
}

static bool has_limits(const struct job *j, scan_ref schema)
{
    const struct scan *s = j->s;
    for (scan_ref v = scan_first(s, schema); v != SCAN_ABSENT; v = scan_next(s, schema, v)) {
        if (schema_words_is_limit(s, scan_key(s, v), v, j->rules)) {
            return true;
        }
    }
    return false;
}

/* of: the schema whose limits are told. */
static void put_description(struct job *j, scan_ref of, scan_ref text)
{
    struct str raw = scan_type(j->s, text) == SCAN_STRING ? scan_raw(j->s, text) : STR("\"\"");
    JSON_KEY(&j->w, "description");
    json_raw(&j->w, text_sub(raw, 0, raw.n - 1)); /* opens the string */
    put_limits(j, of, raw.n > 2);
    buf_put_char(j->w.b, '"');
}

/* --- what a $ref names --------------------------------------------------------------------- */

static void put_members(struct job *j, scan_ref schema, scan_ref hidden_by);

/* The members of what it names stand where it stood; those that stand beside it win. A schema within
 * itself has no end: there anything goes. */
static void put_named(struct job *j, scan_ref schema, scan_ref ref)
{
    scan_ref named = schema_words_find(j->s, j->root, scan_text(j->s, ref));
    for (unsigned i = 0; i < j->refs && named != SCAN_ABSENT; i++) {
        named = j->open[i] == named ? SCAN_ABSENT : named;
    }
    if (named == SCAN_ABSENT || j->refs == REFS_MAX || named == schema) {
        j->lost = true;
        return;
    }
    j->open[j->refs++] = named;
    put_members(j, named, schema);
    j->refs--;
}

/* --- unions at the root -------------------------------------------------------------------- */

struct joined {
    scan_ref value[JOIN_MAX];
    unsigned n;
    bool full;
};

static void join_from(struct job *j, scan_ref schema, struct joined *all)
{
    const struct scan *s = j->s;
    scan_ref ref = SCAN_GET(s, schema, "$ref");
    if (ref != SCAN_ABSENT) {
        schema = schema_words_find(s, j->root, scan_text(s, ref));
    }
    scan_ref list = SCAN_GET(s, schema, "properties");
    for (scan_ref v = scan_type(s, list) == SCAN_OBJECT ? scan_first(s, list) : SCAN_ABSENT;
         v != SCAN_ABSENT; v = scan_next(s, list, v)) {
        all->full = all->full || all->n == JOIN_MAX;
        if (!all->full) {
            all->value[all->n++] = v;
        }
    }
}

static bool same_name(const struct scan *s, scan_ref a, scan_ref b)
{
    return text_eq(scan_raw(s, scan_key(s, a)), scan_raw(s, scan_key(s, b)));
}

/* The i-th property, with what others of its name say. */
static void put_joined(struct job *j, const struct joined *all, unsigned i)
{
    const struct scan *s = j->s;
    bool differs = false, again = false;
    for (unsigned k = 0; k < i; k++) {
        again = again || same_name(s, all->value[k], all->value[i]);
    }
    for (unsigned k = i + 1; k < all->n; k++) {
        differs = differs || (same_name(s, all->value[k], all->value[i]) &&
                              !text_eq(scan_raw(s, all->value[k]), scan_raw(s, all->value[i])));
    }
    if (again) {
        return;
    }
    put_key(j, scan_key(s, all->value[i]));
    if (!differs) {
        put_schema(j, all->value[i]);
        return;
    }
    json_object(&j->w);
    JSON_KEY(&j->w, "anyOf");
    json_array(&j->w);
    for (unsigned k = i; k < all->n; k++) {
        if (same_name(s, all->value[k], all->value[i])) {
            put_schema(j, all->value[k]);
        }
    }
    json_array_end(&j->w);
    json_object_end(&j->w);
}

/* "properties" of the root and of all branches; which branch asks for which is no longer said. */
static void put_union(struct job *j)
{
    static const char *const unions[] = {"allOf", "anyOf", "oneOf"};
    const struct scan *s = j->s;
    struct joined all = {.n = 0};
    join_from(j, j->root, &all);
    for (size_t i = 0; i < COUNT_OF(unions); i++) {
        scan_ref list = scan_get(s, j->root, text_from(unions[i]));
        for (scan_ref v = scan_type(s, list) == SCAN_ARRAY ? scan_first(s, list) : SCAN_ABSENT;
             v != SCAN_ABSENT; v = scan_next(s, list, v)) {
            join_from(j, v, &all);
        }
    }
    j->lost = true;
    JSON_KEY(&j->w, "properties");
    json_object(&j->w);
    for (unsigned i = 0; i < all.n && is_written(j); i++) {
        put_joined(j, &all, i);
    }
    json_object_end(&j->w);
}

static bool has_union(const struct scan *s, scan_ref schema)
{
    for (scan_ref v = scan_first(s, schema); v != SCAN_ABSENT; v = scan_next(s, schema, v)) {
        if (schema_words_is_union(s, scan_key(s, v))) {
            return true;
        }
    }
    return false;
}

/* --- the walk ------------------------------------------------------------------------------ */

static void put_list(struct job *j, scan_ref list)
{
    json_array(&j->w);
    for (scan_ref v = scan_first(j->s, list); v != SCAN_ABSENT; v = scan_next(j->s, list, v)) {
        put_schema(j, v);
    }
    json_array_end(&j->w);
}

static void put_names(struct job *j, scan_ref object)
{
    if (scan_type(j->s, object) != SCAN_OBJECT) {
        json_raw(&j->w, scan_raw(j->s, object));
        return;
    }
    json_object(&j->w);
    for (scan_ref v = scan_first(j->s, object); v != SCAN_ABSENT; v = scan_next(j->s, object, v)) {
        put_key(j, scan_key(j->s, v));
        put_schema(j, v);
    }
    json_object_end(&j->w);
}

static void put_value(struct job *j, scan_ref key, scan_ref v)
{
    switch (schema_words_holds(j->s, key)) {
    case SCHEMA_HOLDS_ONE:
        if (scan_type(j->s, v) == SCAN_ARRAY) {
            put_list(j, v);
        } else {
            put_schema(j, v);
        }
        break;
    case SCHEMA_HOLDS_NAMED:
        put_names(j, v);
        break;
    case SCHEMA_HOLDS_DATA:
        json_raw(&j->w, scan_raw(j->s, v));
    }
}

/* What is said about the root elsewhere, or goes. */
static bool is_left_out(const struct job *j, scan_ref schema, scan_ref key, scan_ref v)
{
    const struct scan *s = j->s;
    bool root = schema == j->root && j->refs == 0;
    if (root && (j->rules & SCHEMA_ROOT) && SCAN_IS(s, key, "type") &&
        !schema_has_root(s, schema)) {
        return true;
    }
    if (root && (j->rules & SCHEMA_NO_UNION) && has_union(s, schema) &&
        (schema_words_is_union(s, key) || SCAN_IS(s, key, "properties"))) {
        return true;
    }
    return ((j->rules & SCHEMA_FLAT) && schema_words_is_defs(s, key)) ||
           schema_words_is_limit(s, key, v, j->rules);
}

static bool is_hidden(const struct job *j, scan_ref key, scan_ref by)
{
    if (by == SCAN_ABSENT || SCAN_IS(j->s, key, "$ref")) {
        return false;
    }
    return (by == j->root && j->typed && SCAN_IS(j->s, key, "type")) ||
           scan_get(j->s, by, scan_text(j->s, key)) != SCAN_ABSENT;
}

/* hidden_by: a schema whose own members stand for these; SCAN_ABSENT: none. */
static void put_members(struct job *j, scan_ref schema, scan_ref hidden_by)
{
    const struct scan *s = j->s;
    for (scan_ref v = scan_first(s, schema); v != SCAN_ABSENT && is_written(j);
         v = scan_next(s, schema, v)) {
        scan_ref key = scan_key(s, v);
        if (is_hidden(j, key, hidden_by) || is_left_out(j, schema, key, v)) {
            continue;
        }
        if ((j->rules & SCHEMA_FLAT) && SCAN_IS(s, key, "$ref")) {
            put_named(j, schema, v);
        } else if (SCAN_IS(s, key, "description") && has_limits(j, schema)) {
            put_description(j, schema, v);
        } else {
            if ((j->rules & SCHEMA_SUBSET) && SCAN_IS(s, key, "oneOf")) {
                JSON_KEY(&j->w, "anyOf");
            } else {
                put_key(j, key);
            }
            put_value(j, key, v);
        }
    }
}

static void put_schema(struct job *j, scan_ref schema)
{
    const struct scan *s = j->s;
    bool root = schema == j->root && j->refs == 0;
    j->endless = j->endless || j->depth == DEPTH_MAX;
    if (scan_type(s, schema) != SCAN_OBJECT || !is_written(j)) {
        json_raw(&j->w, scan_type(s, schema) != SCAN_OBJECT ? scan_raw(s, schema) : STR("{}"));
        return;
    }
    j->depth++;
    json_object(&j->w);
    if (root && (j->rules & SCHEMA_ROOT) && !schema_has_root(s, schema)) {
        JSON_KEY(&j->w, "type");
        json_str(&j->w, STR("object"));
        j->typed = true;
    }
    if ((j->rules & SCHEMA_CLOSED) && schema_words_is_object(s, schema) &&
        SCAN_GET(s, schema, "additionalProperties") == SCAN_ABSENT) {
        JSON_KEY(&j->w, "additionalProperties");
        json_bool(&j->w, false);
    }
    if (root && (j->rules & SCHEMA_NO_UNION) && has_union(s, schema)) {
        put_union(j);
    }
    put_members(j, schema, SCAN_ABSENT);
    if (SCAN_GET(s, schema, "description") == SCAN_ABSENT && has_limits(j, schema)) {
        put_description(j, schema, SCAN_ABSENT);
    }
    json_object_end(&j->w);
    j->depth--;
}

/* --- what no grammar can be made of -------------------------------------------------------- */

#define VISITS_MAX 20000 /* schemas looked at: $refs may name the same one over and over */

struct visit {
    const struct scan *s;
    scan_ref root;
    scan_ref open[REFS_MAX];
    unsigned refs, depth, visits;
};

static bool is_finite(struct visit *v, scan_ref schema);

static bool is_named_finite(struct visit *v, scan_ref ref)
{
    scan_ref named = schema_words_find(v->s, v->root, scan_text(v->s, ref));
    for (unsigned i = 0; i < v->refs; i++) {
        if (v->open[i] == named) {
            return false;
        }
    }
    if (named == SCAN_ABSENT || v->refs == REFS_MAX) {
        return false;
    }
    v->open[v->refs++] = named;
    bool finite = is_finite(v, named);
    v->refs--;
    return finite;
}

static bool are_finite(struct visit *v, scan_ref container)
{
    bool finite = true;
    for (scan_ref m = scan_first(v->s, container); m != SCAN_ABSENT && finite;
         m = scan_next(v->s, container, m)) {
        finite = is_finite(v, m);
    }
    return finite;
}

static bool is_member_finite(struct visit *v, scan_ref key, scan_ref value)
{
    const struct scan *s = v->s;
    enum schema_holds holds = schema_words_holds(s, key);
    if (SCAN_IS(s, key, "$ref")) {
        return is_named_finite(v, value);
    }
    if (SCAN_IS(s, key, "additionalProperties")) {
        return scan_type(s, value) == SCAN_FALSE;
    }
    if (holds == SCHEMA_HOLDS_ONE && scan_type(s, value) == SCAN_OBJECT) {
        return is_finite(v, value);
    }
    return holds == SCHEMA_HOLDS_DATA || are_finite(v, value);
}

static bool is_finite(struct visit *v, scan_ref schema)
{
    const struct scan *s = v->s;
    bool finite = ++v->visits < VISITS_MAX && v->depth < DEPTH_MAX;
    if (scan_type(s, schema) != SCAN_OBJECT) {
        return finite;
    }
    v->depth++;
    for (scan_ref m = scan_first(s, schema); m != SCAN_ABSENT && finite;
         m = scan_next(s, schema, m)) {
        finite = is_member_finite(v, scan_key(s, m), m);
    }
    v->depth--;
    return finite;
}

bool schema_is_finite(const struct scan *s, scan_ref schema)
{
    struct visit v = {.s = s, .root = schema};
    return is_finite(&v, schema);
}

/* --- entry --------------------------------------------------------------------------------- */

bool schema_has_root(const struct scan *s, scan_ref schema)
{
    return scan_type(s, SCAN_GET(s, schema, "type")) == SCAN_STRING;
}

/* A look that finds nothing costs less than a copy. */
static bool may_need(const struct scan *s, scan_ref schema, uint32_t rules)
{
    size_t at;
    return (rules & (SCHEMA_CLOSED | SCHEMA_SUBSET)) ||
           ((rules & SCHEMA_ROOT) && !schema_has_root(s, schema)) ||
           ((rules & SCHEMA_NO_UNION) && has_union(s, schema)) ||
           ((rules & SCHEMA_FLAT) && (SCAN_GET(s, schema, "$defs") != SCAN_ABSENT ||
                                      SCAN_GET(s, schema, "definitions") != SCAN_ABSENT)) ||
           ((rules & SCHEMA_NO_LOOK) && text_find(scan_raw(s, schema), STR("(?"), &at));
}

bool schema_rewrite(struct arena *arena, const struct scan *s, scan_ref schema, uint32_t rules,
                    struct schema_text *out)
{
    struct str raw = scan_raw(s, schema);
    struct job j = {.s = s, .root = schema, .rules = rules, .most = 8 * raw.n + GROW_MAX};
    struct buf b;
    bool room;
    *out = (struct schema_text){.json = raw};
    if (!may_need(s, schema, rules)) {
        return true;
    }
    buf_init(&b, 2 * j.most); /* one piece is shorter than j.most */
    json_begin(&j.w, &b);
    put_schema(&j, schema);
    if (is_written(&j)) {
        *out = (struct schema_text){arena_dup(arena, buf_str(&b)), true, j.lost};
    }
    room = buf_ok(&b) && out->json.p;
    buf_free(&b);
    return room;
}
