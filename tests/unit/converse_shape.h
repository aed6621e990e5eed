/*
 * converse_shape.h - for tests: does a body fit the modelled shape of a Converse request? Members
 * required and unknown, unions with exactly one key, enums, patterns, lengths, ranges; all from
 * tables. And the rules that are prose in the model: whose turn it is, tool results, cache points.
 * Source: the service model of bedrock-runtime (service-2.json), operation Converse; the prose of
 * API_runtime_Message, API_runtime_DocumentBlock and the user guide's page on prompt caching.
 */
#ifndef TESTS_UNIT_CONVERSE_SHAPE_H
#define TESTS_UNIT_CONVERSE_SHAPE_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/json/scan.h"

enum shape_kind {
    SHAPE_STRING,
    SHAPE_BLOB, /* base64 */
    SHAPE_INTEGER,
    SHAPE_FLOAT,
    SHAPE_BOOLEAN,
    SHAPE_DOCUMENT, /* any JSON; min 1: an object */
    SHAPE_LIST,
    SHAPE_STRUCTURE,
    SHAPE_UNION
};

#define SHAPE_ANY 1e18 /* no maximum */

struct shape {
    enum shape_kind kind;
    double min, max;        /* of the number, the length in characters, or the elements */
    const char *characters; /* legal beside letters and digits; NULL: all */
    const char *values;     /* "a|b|c", or NULL */
    const struct shape *element;
    const struct shape_member *member; /* ended by a NULL name */
};

struct shape_member {
    const char *name;
    const struct shape *shape;
    bool required;
};

#define STRINGS(least, most)                                \
    {                                                       \
        .kind = SHAPE_STRING, .min = (least), .max = (most) \
    }
#define ENUMERATION(list)                                        \
    {                                                            \
        .kind = SHAPE_STRING, .max = SHAPE_ANY, .values = (list) \
    }
#define PATTERN(chars, most)                                                 \
    {                                                                        \
        .kind = SHAPE_STRING, .min = 1, .max = (most), .characters = (chars) \
    }
#define LIST(of, least, most)                                               \
    {                                                                       \
        .kind = SHAPE_LIST, .element = &(of), .min = (least), .max = (most) \
    }
#define STRUCTURE(name, ...) SHAPE_OF(SHAPE_STRUCTURE, name, __VA_ARGS__)
#define UNION(name, ...)     SHAPE_OF(SHAPE_UNION, name, __VA_ARGS__)
#define SHAPE_OF(of, name, ...)                                                             \
    static const struct shape_member name##_members[] = {__VA_ARGS__, {NULL, NULL, false}}; \
    static const struct shape name = {.kind = (of), .member = name##_members}

static const struct shape shape_text = STRINGS(0, SHAPE_ANY),
                          shape_some_text = STRINGS(1, SHAPE_ANY), shape_effort = STRINGS(0, 16),
                          shape_path = STRINGS(1, 256), shape_tool_name = PATTERN("_-", 64),
                          shape_tool_id = PATTERN("_.:-", 64),
                          shape_document_name = PATTERN(" -()[]", 200),
                          shape_role = ENUMERATION("user|assistant|system"),
                          shape_image_format = ENUMERATION("png|jpeg|gif|webp"),
                          shape_document_format =
                              ENUMERATION("pdf|csv|doc|docx|xls|xlsx|html|txt|md"),
                          shape_result_status = ENUMERATION("success|error"),
                          shape_point_type = ENUMERATION("default"),
                          shape_point_ttl = ENUMERATION("5m|1h"),
                          shape_processing = ENUMERATION("sync|async"),
                          shape_tier = ENUMERATION("priority|default|flex|reserved"),
                          shape_format_type = ENUMERATION("json_schema"),
                          shape_blob = {.kind = SHAPE_BLOB, .min = 1, .max = SHAPE_ANY},
                          shape_index = {.kind = SHAPE_INTEGER, .min = 0, .max = SHAPE_ANY},
                          shape_tokens = {.kind = SHAPE_INTEGER, .min = 1, .max = 2147483647},
                          shape_unit = {.kind = SHAPE_FLOAT, .min = 0, .max = 1},
                          shape_boolean = {.kind = SHAPE_BOOLEAN},
                          shape_json = {.kind = SHAPE_DOCUMENT},
                          shape_json_object = {.kind = SHAPE_DOCUMENT, .min = 1};

/* --- blocks -------------------------------------------------------------------------------- */

STRUCTURE(shape_text_item, {"text", &shape_text, true});
static const struct shape shape_text_items = LIST(shape_text_item, 0, SHAPE_ANY);
STRUCTURE(shape_cited, {"enabled", &shape_boolean, true});
UNION(shape_image_source, {"bytes", &shape_blob, false});
STRUCTURE(shape_image, {"format", &shape_image_format, true},
          {"source", &shape_image_source, true});
UNION(shape_document_source, {"bytes", &shape_blob, false}, {"text", &shape_some_text, false},
      {"content", &shape_text_items, false});
STRUCTURE(shape_document, {"format", &shape_document_format, false},
          {"name", &shape_document_name, true}, {"source", &shape_document_source, true},
          {"context", &shape_text, false}, {"citations", &shape_cited, false});
STRUCTURE(shape_search_result, {"source", &shape_text, true}, {"title", &shape_text, true},
          {"content", &shape_text_items, true}, {"citations", &shape_cited, false});
STRUCTURE(shape_tool_use, {"toolUseId", &shape_tool_id, true}, {"name", &shape_tool_name, true},
          {"input", &shape_json_object, true});
UNION(shape_result_block, {"text", &shape_some_text, false}, {"image", &shape_image, false},
      {"document", &shape_document, false}, {"searchResult", &shape_search_result, false});
static const struct shape shape_result_blocks = LIST(shape_result_block, 1, SHAPE_ANY);
STRUCTURE(shape_tool_result, {"toolUseId", &shape_tool_id, true},
          {"content", &shape_result_blocks, true}, {"status", &shape_result_status, false});
STRUCTURE(shape_cache_point, {"type", &shape_point_type, true}, {"ttl", &shape_point_ttl, false});
STRUCTURE(shape_reasoning_text, {"text", &shape_text, true},
          {"signature", &shape_some_text, false});
UNION(shape_reasoning, {"reasoningText", &shape_reasoning_text, false},
      {"redactedContent", &shape_blob, false});
STRUCTURE(shape_span, {"documentIndex", &shape_index, true}, {"start", &shape_index, true},
          {"end", &shape_index, true});
STRUCTURE(shape_search_span, {"searchResultIndex", &shape_index, true},
          {"start", &shape_index, true}, {"end", &shape_index, true});
UNION(shape_location, {"documentChar", &shape_span, false}, {"documentPage", &shape_span, false},
      {"documentChunk", &shape_span, false}, {"searchResultLocation", &shape_search_span, false});
STRUCTURE(shape_citation, {"title", &shape_text, false}, {"source", &shape_text, false},
          {"sourceContent", &shape_text_items, false}, {"location", &shape_location, false});
static const struct shape shape_citations = LIST(shape_citation, 1, SHAPE_ANY);
STRUCTURE(shape_citations_content, {"content", &shape_text_items, false},
          {"citations", &shape_citations, false});
UNION(shape_block, {"text", &shape_some_text, false}, {"image", &shape_image, false},
      {"document", &shape_document, false}, {"toolUse", &shape_tool_use, false},
      {"toolResult", &shape_tool_result, false}, {"cachePoint", &shape_cache_point, false},
      {"reasoningContent", &shape_reasoning, false},
      {"citationsContent", &shape_citations_content, false},
      {"searchResult", &shape_search_result, false});

/* --- the request --------------------------------------------------------------------------- */

static const struct shape shape_blocks = LIST(shape_block, 1, SHAPE_ANY);
STRUCTURE(shape_message, {"role", &shape_role, true}, {"content", &shape_blocks, true});
static const struct shape shape_messages = LIST(shape_message, 1, SHAPE_ANY);
UNION(shape_system_block, {"text", &shape_some_text, false},
      {"cachePoint", &shape_cache_point, false});
static const struct shape shape_system = LIST(shape_system_block, 1, SHAPE_ANY),
                          shape_stops = LIST(shape_some_text, 0, 2500),
                          shape_paths = LIST(shape_path, 0, 10);
STRUCTURE(shape_inference, {"maxTokens", &shape_tokens, false}, {"temperature", &shape_unit, false},
          {"topP", &shape_unit, false}, {"stopSequences", &shape_stops, false});
STRUCTURE(shape_input_schema, {"json", &shape_json_object, true});
STRUCTURE(shape_tool_spec, {"name", &shape_tool_name, true},
          {"description", &shape_some_text, false}, {"inputSchema", &shape_input_schema, true},
          {"strict", &shape_boolean, false});
UNION(shape_tool, {"toolSpec", &shape_tool_spec, false}, {"cachePoint", &shape_cache_point, false});
static const struct shape shape_tools = LIST(shape_tool, 1, SHAPE_ANY);
STRUCTURE(shape_nothing, {NULL, NULL, false});
STRUCTURE(shape_one_tool, {"name", &shape_tool_name, true});
UNION(shape_tool_choice, {"auto", &shape_nothing, false}, {"any", &shape_nothing, false},
      {"tool", &shape_one_tool, false});
STRUCTURE(shape_tool_config, {"tools", &shape_tools, true},
          {"toolChoice", &shape_tool_choice, false});
STRUCTURE(shape_json_schema, {"schema", &shape_some_text, true}, {"name", &shape_text, false},
          {"description", &shape_text, false});
UNION(shape_format_structure, {"jsonSchema", &shape_json_schema, false});
STRUCTURE(shape_text_format, {"type", &shape_format_type, true},
          {"structure", &shape_format_structure, true});
STRUCTURE(shape_output_config, {"textFormat", &shape_text_format, false},
          {"effort", &shape_effort, false});
STRUCTURE(shape_service_tier, {"type", &shape_tier, true});
STRUCTURE(shape_guardrail, {"guardrailIdentifier", &shape_some_text, true},
          {"guardrailVersion", &shape_some_text, true},
          {"streamProcessingMode", &shape_processing, false});
STRUCTURE(shape_request, {"toolConfig", &shape_tool_config, false},
          {"system", &shape_system, false}, {"messages", &shape_messages, true},
          {"inferenceConfig", &shape_inference, false},
          {"additionalModelResponseFieldPaths", &shape_paths, false},
          {"additionalModelRequestFields", &shape_json_object, false},
          {"outputConfig", &shape_output_config, false},
          {"serviceTier", &shape_service_tier, false}, {"guardrailConfig", &shape_guardrail, false},
          {"projectIdentifier", &shape_some_text, false},
          {"requestMetadata", &shape_json_object, false});

/* --- the check ----------------------------------------------------------------------------- */

struct shape_check {
    const struct scan *s;
    char why[400]; /* path and reason of the first defect */
    char path[200];
};

__attribute__((format(printf, 2, 3))) static bool shape_fail(struct shape_check *c, const char *fmt,
                                                             ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(c->why, sizeof c->why, "%s: %s", c->path[0] ? c->path : "body", text);
    return false;
}

static bool shape_check_value(struct shape_check *c, const struct shape *shape, scan_ref v);

static bool shape_check_below(struct shape_check *c, const struct shape *shape, scan_ref v,
                              struct str name)
{
    size_t n = strlen(c->path);
    snprintf(c->path + n, sizeof c->path - n, ".%.*s", (int)(name.n < 40 ? name.n : 40), name.p);
    bool good = shape_check_value(c, shape, v);
    c->path[n] = '\0';
    return good;
}

static bool shape_is_one_of(struct str text, const char *values)
{
    struct str rest = text_from(values), one;
    while (text_split(&rest, '|', &one))
        if (text_eq(one, text))
            return true;
    return false;
}

static size_t shape_characters(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

static bool shape_is_legal(char c, const char *others)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c));
}

static bool shape_check_string(struct shape_check *c, const struct shape *shape, scan_ref v)
{
    if (scan_type(c->s, v) != SCAN_STRING)
        return shape_fail(c, "no string");
    struct str text = scan_text(c->s, v);
    double n = (double)shape_characters(text);
    if (n < shape->min || n > shape->max)
        return shape_fail(c, "%g characters", n);
    if (shape->values && !shape_is_one_of(text, shape->values))
        return shape_fail(c, "is none of %s", shape->values);
    for (size_t i = 0; shape->characters && i < text.n; i++)
        if (!shape_is_legal(text.p[i], shape->characters))
            return shape_fail(c, "character 0x%02x", (unsigned char)text.p[i]);
    return true;
}

static bool shape_check_blob(struct shape_check *c, scan_ref v)
{
    struct str text = scan_text(c->s, v);
    size_t body = text.n;
    if (text.n == 0 || text.n % 4 != 0)
        return shape_fail(c, "no base64: %zu characters", text.n);
    while (body > text.n - 2 && text.p[body - 1] == '=')
        body--;
    for (size_t i = 0; i < body; i++)
        if (!shape_is_legal(text.p[i], "+/"))
            return shape_fail(c, "no base64: character 0x%02x", (unsigned char)text.p[i]);
    return true;
}

static bool shape_check_number(struct shape_check *c, const struct shape *shape, scan_ref v)
{
    double number;
    if (!scan_f64(c->s, v, &number))
        return shape_fail(c, "no number");
    if (shape->kind == SHAPE_INTEGER && number != floor(number))
        return shape_fail(c, "no integer");
    if (number < shape->min || number > shape->max)
        return shape_fail(c, "%g is out of range", number);
    return true;
}

static bool shape_check_list(struct shape_check *c, const struct shape *shape, scan_ref list)
{
    char name[24];
    unsigned at = 0;
    if (scan_type(c->s, list) != SCAN_ARRAY)
        return shape_fail(c, "no list");
    double n = scan_size(c->s, list);
    if (n < shape->min || n > shape->max)
        return shape_fail(c, "%g elements", n);
    for (scan_ref v = scan_first(c->s, list); v != SCAN_ABSENT; v = scan_next(c->s, list, v)) {
        snprintf(name, sizeof name, "%u", at++);
        if (!shape_check_below(c, shape->element, v, text_from(name)))
            return false;
    }
    return true;
}

static const struct shape_member *shape_find(const struct shape *shape, struct str name)
{
    for (const struct shape_member *m = shape->member; m->name; m++)
        if (text_eq(text_from(m->name), name))
            return m;
    return NULL;
}

static bool shape_check_object(struct shape_check *c, const struct shape *shape, scan_ref v)
{
    const struct scan *s = c->s;
    if (scan_type(s, v) != SCAN_OBJECT)
        return shape_fail(c, "no object");
    if (shape->kind == SHAPE_UNION && scan_size(s, v) != 1)
        return shape_fail(c, "a union with %u members", scan_size(s, v));
    for (const struct shape_member *m = shape->member; m->name; m++)
        if (m->required && scan_get(s, v, text_from(m->name)) == SCAN_ABSENT)
            return shape_fail(c, "lacks %s", m->name);
    for (scan_ref x = scan_first(s, v); x != SCAN_ABSENT; x = scan_next(s, v, x)) {
        struct str key = scan_text(s, scan_key(s, x));
        const struct shape_member *m = shape_find(shape, key);
        if (!m)
            return shape_fail(c, "unknown member %.*s", (int)(key.n < 40 ? key.n : 40), key.p);
        if (scan_has_duplicate(s, v, key))
            return shape_fail(c, "%s twice", m->name);
        if (!shape_check_below(c, m->shape, x, key))
            return false;
    }
    return true;
}

static bool shape_check_value(struct shape_check *c, const struct shape *shape, scan_ref v)
{
    bool ignored;
    switch (shape->kind) {
    case SHAPE_STRING:
        return shape_check_string(c, shape, v);
    case SHAPE_BLOB:
        return shape_check_blob(c, v);
    case SHAPE_INTEGER:
    case SHAPE_FLOAT:
        return shape_check_number(c, shape, v);
    case SHAPE_BOOLEAN:
        return scan_bool(c->s, v, &ignored) || shape_fail(c, "no boolean");
    case SHAPE_DOCUMENT:
        return shape->min == 0 || scan_type(c->s, v) == SCAN_OBJECT || shape_fail(c, "no object");
    case SHAPE_LIST:
        return shape_check_list(c, shape, v);
    case SHAPE_STRUCTURE:
    case SHAPE_UNION:
        return shape_check_object(c, shape, v);
    }
    return shape_fail(c, "no such kind of shape");
}

/* True when the body fits; else why tells what does not. */
__attribute__((unused)) static bool converse_shape_check(const struct scan *body, char *why,
                                                         size_t size)
{
    struct shape_check c = {.s = body};
    bool good = shape_check_value(&c, &shape_request, 0);
    snprintf(why, size, "%s", c.why);
    return good;
}

#endif
