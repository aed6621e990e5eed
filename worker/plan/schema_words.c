#include "worker/plan/schema_words.h"

#define POINTER_STEPS 64

static bool is_one_of(const struct scan *s, scan_ref r, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (scan_text_is(s, r, text_from(words[i]))) {
            return true;
        }
    }
    return false;
}

enum schema_holds schema_words_holds(const struct scan *s, scan_ref key)
{
    static const char *const one[] = {"additionalItems",
                                      "additionalProperties",
                                      "allOf",
                                      "anyOf",
                                      "contains",
                                      "else",
                                      "if",
                                      "items",
                                      "not",
                                      "oneOf",
                                      "prefixItems",
                                      "propertyNames",
                                      "then",
                                      "unevaluatedItems",
                                      "unevaluatedProperties"};
    static const char *const named[] = {"$defs", "definitions", "dependentSchemas",
                                        "patternProperties", "properties"};
    if (is_one_of(s, key, one, COUNT_OF(one))) {
        return SCHEMA_HOLDS_ONE;
    }
    return is_one_of(s, key, named, COUNT_OF(named)) ? SCHEMA_HOLDS_NAMED : SCHEMA_HOLDS_DATA;
}

bool schema_words_is_union(const struct scan *s, scan_ref key)
{
    static const char *const unions[] = {"allOf", "anyOf", "oneOf"};
    return is_one_of(s, key, unions, COUNT_OF(unions));
}

bool schema_words_is_defs(const struct scan *s, scan_ref key)
{
    return SCAN_IS(s, key, "$defs") || SCAN_IS(s, key, "definitions");
}

/* (?=  (?!  (?<=  (?<! */
static bool looks_around(const struct scan *s, scan_ref pattern)
{
    struct str rest = scan_type(s, pattern) == SCAN_STRING ? scan_raw(s, pattern) : STR("");
    size_t at;
    while (text_find(rest, STR("(?"), &at)) {
        rest = text_sub(rest, at + 2, rest.n);
        struct str sign = text_starts(rest, STR("<")) ? text_sub(rest, 1, rest.n) : rest;
        if (text_starts(sign, STR("=")) || text_starts(sign, STR("!"))) {
            return true;
        }
    }
    return false;
}

static bool is_known_format(const struct scan *s, scan_ref format)
{
    static const char *const known[] = {"date-time", "time", "date", "duration", "email",
                                        "hostname",  "uri",  "ipv4", "ipv6",     "uuid"};
    return is_one_of(s, format, known, COUNT_OF(known));
}

bool schema_words_is_limit(const struct scan *s, scan_ref key, scan_ref value, uint32_t rules)
{
    static const char *const limits[] = {"exclusiveMaximum", "exclusiveMinimum", "maxItems",
                                         "maxLength",        "maximum",          "minLength",
                                         "minimum",          "multipleOf"};
    double least;
    if (SCAN_IS(s, key, "pattern")) {
        return (rules & (SCHEMA_NO_LOOK | SCHEMA_SUBSET)) && looks_around(s, value);
    }
    if (!(rules & SCHEMA_SUBSET)) {
        return false;
    }
    if (SCAN_IS(s, key, "minItems")) { /* 0 and 1 are taken */
        return scan_f64(s, value, &least) && least > 1;
    }
    if (SCAN_IS(s, key, "format")) {
        return !is_known_format(s, value);
    }
    return is_one_of(s, key, limits, COUNT_OF(limits));
}

bool schema_words_is_object(const struct scan *s, scan_ref schema)
{
    scan_ref type = SCAN_GET(s, schema, "type");
    if (scan_type(s, type) != SCAN_ARRAY) {
        return SCAN_IS(s, type, "object") ||
               (scan_type(s, type) == SCAN_NONE &&
                scan_type(s, SCAN_GET(s, schema, "properties")) == SCAN_OBJECT);
    }
    for (scan_ref v = scan_first(s, type); v != SCAN_ABSENT; v = scan_next(s, type, v)) {
        if (SCAN_IS(s, v, "object")) {
            return true;
        }
    }
    return false;
}

/* One step of RFC 6901; an element of a list by its number. A name with '~' or '%' is not found. */
static scan_ref step(const struct scan *s, scan_ref at, struct str name)
{
    uint64_t number;
    if (scan_type(s, at) != SCAN_ARRAY) {
        return scan_get(s, at, name);
    }
    if (!text_u64(name, &number) || number >= scan_size(s, at)) {
        return SCAN_ABSENT;
    }
    scan_ref v = scan_first(s, at);
    while (number-- > 0) {
        v = scan_next(s, at, v);
    }
    return v;
}

scan_ref schema_words_find(const struct scan *s, scan_ref root, struct str pointer)
{
    struct str name;
    scan_ref at = root;
    if (text_eq(pointer, STR("#"))) {
        return root;
    }
    if (!text_starts(pointer, STR("#/"))) {
        return SCAN_ABSENT;
    }
    pointer = text_sub(pointer, 2, pointer.n);
    for (unsigned i = 0; i < POINTER_STEPS && text_split(&pointer, '/', &name); i++) {
        at = step(s, at, name);
    }
    return scan_type(s, at) == SCAN_OBJECT ? at : SCAN_ABSENT;
}
