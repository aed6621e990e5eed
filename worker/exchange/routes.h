/*
 * routes.h - the table of what is served: method, path, dialect, whether a key is needed, who
 * answers. Worker; the table is also printed by `llm-api-converter docs routes`.
 */
#ifndef WORKER_EXCHANGE_ROUTES_H
#define WORKER_EXCHANGE_ROUTES_H

#include "worker/turn/route.h"

/* In the table's order; NULL behind the last. Any process. */
const struct route *routes_row(size_t i);
const char *routes_caller(const struct route *r); /* who may call: anybody, key, master key */

/* The row for a path, or NULL. *allowed_out: methods of all rows with that path. */
const struct route *routes_find(const struct config *c, struct str path, enum http_method method,
                                unsigned *allowed_out);
enum dialect routes_dialect(const struct route *r, const struct http_request *request);
/* Error shape for a path that has no row: OpenAI's where it begins as one of its routes does. */
enum dialect routes_dialect_near(const struct config *c, struct str path);

#endif
