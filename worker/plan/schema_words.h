/*
 * schema_words.h - the keywords of JSON Schema: which hold schemas, which hold data, and which of
 * them a rule takes out. Pure; worker.
 */
#ifndef WORKER_PLAN_SCHEMA_WORDS_H
#define WORKER_PLAN_SCHEMA_WORDS_H

#include "server/json/scan.h"

enum {                           /* rules: bits */
       SCHEMA_ROOT = 1 << 0,     /* "type":"object" at its root */
       SCHEMA_NO_UNION = 1 << 1, /* no anyOf, oneOf, allOf at its root: their properties join it */
       SCHEMA_FLAT = 1 << 2,     /* no $defs, definitions: what a $ref names is put in its place */
       SCHEMA_NO_LOOK = 1 << 3,  /* no pattern that looks around */
       SCHEMA_CLOSED = 1 << 4,   /* additionalProperties:false in every object that says nothing */
       SCHEMA_SUBSET = 1 << 5    /* no limits on values; formats that are known; anyOf for oneOf */
};

enum schema_holds {
    SCHEMA_HOLDS_DATA, /* or a word this program does not know */
    SCHEMA_HOLDS_ONE,  /* a schema, or a list of them */
    SCHEMA_HOLDS_NAMED /* an object: names of the client's, each with a schema */
};

enum schema_holds schema_words_holds(const struct scan *s, scan_ref key);
/* A limit that goes by these rules and is told in words. */
bool schema_words_is_limit(const struct scan *s, scan_ref key, scan_ref value, uint32_t rules);
bool schema_words_is_union(const struct scan *s, scan_ref key);
bool schema_words_is_defs(const struct scan *s, scan_ref key);
/* Is it a schema of objects, "nullable" ones too? */
bool schema_words_is_object(const struct scan *s, scan_ref schema);
/* What "#/..." of a $ref names in the schema at root, or SCAN_ABSENT. */
scan_ref schema_words_find(const struct scan *s, scan_ref root, struct str pointer);

#endif
