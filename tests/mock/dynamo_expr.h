/*
 * dynamo_expr.h - DynamoDB's expressions, as much as a gateway uses: conditions with comparisons,
 * attribute_exists, attribute_not_exists, begins_with, BETWEEN, AND, OR, NOT and parentheses;
 * updates with SET (sums, if_not_exists), ADD of numbers and REMOVE; projections. Top-level
 * attributes only.
 *
 * Strict where AWS is: a reserved word must hide behind a '#', every name and value that is given
 * must be used, a key attribute cannot be changed.
 */
#ifndef MOCK_DYNAMO_EXPR_H
#define MOCK_DYNAMO_EXPR_H

#include "server/json/scan.h"
#include "tests/mock/dynamo_store.h"

#define EXPR_MARKS 64

struct expr { /* one request's */
    const struct scan *scan;
    struct arena *arena;
    scan_ref names, values;    /* ExpressionAttributeNames and -Values, or SCAN_ABSENT */
    scan_ref used[EXPR_MARKS]; /* of both */
    size_t used_n;
    char why[200]; /* "": no trouble yet; else what a ValidationException says */
    struct str rest, token;
};

void expr_begin(struct expr *e, const struct scan *scan, struct arena *arena);
/* text empty: true. */
bool expr_condition(struct expr *e, struct str text, const struct item *item);
void expr_update(struct expr *e, struct str text, const struct table *t, struct item *item);
/* Names into out; returns how many. */
size_t expr_projection(struct expr *e, struct str text, struct str *out, size_t max);
void expr_end(struct expr *e); /* complains about what was not used */

#endif
