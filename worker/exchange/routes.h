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

/* The path that was meant, a part of what is given: without slashes too many at its ends and without
 * the prefix said twice ("/v1/v1/messages/"). For all that follows. */
struct str routes_understood(const struct config *c, struct str path);
/* It came by the door of Claude Code's Mantle mode, which routes_understood has taken off. */
bool routes_is_mantle(const struct config *c, struct str path);
/* The row for a path, or NULL; the most asked for stand first. *allowed_out: methods of all rows with
 * that path, where it is NULL. */
const struct route *routes_find(const struct config *c, struct str path, enum http_method method,
                                unsigned *allowed_out);
enum dialect routes_dialect(const struct route *r, const struct http_request *request);
/* The row whose path the given one ends with, the longest: "/chat/completions" of the slip
 * "/openai/v1/chat/completions"; NULL: none. */
const struct route *routes_meant(struct str path);
/* Error shape for a path that has no row: OpenAI's where it begins or ends as one of its routes
 * does. */
enum dialect routes_dialect_near(const struct config *c, struct str path);
/* NO_ROUTE: what has no row, or one that only says so, and the path that was meant where that can be
 * told: to a newcomer a wrong base URL must not look like a wrong key. */
enum status routes_absent(const struct config *c, struct str method, struct str path,
                          struct err *err);

#endif
