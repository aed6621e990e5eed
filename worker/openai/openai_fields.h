/*
 * openai_fields.h - fields that Chat Completions and Responses have in common, read and refused in
 * OpenAI's words: part of chat.c, responses.c and their native_*.c. Pure.
 *
 * Wordings follow OpenAI's own where one is known: "Missing required parameter: 'x'." and the like.
 */
#ifndef WORKER_OPENAI_OPENAI_FIELDS_H
#define WORKER_OPENAI_OPENAI_FIELDS_H

#include "server/json/scan.h"

/* It is there, and not null. */
bool openai_fields_has(const struct scan *s, scan_ref r);
/* The name is one of a list that ends with NULL. */
bool openai_fields_in(struct str name, const char *const *list);
/* Absent, or no member beside those of such a list. */
bool openai_fields_only(const struct scan *s, scan_ref object, const char *const *list);
enum status openai_fields_missing(struct err *err, const char *name);
enum status openai_fields_wrong(struct err *err, const char *name, const char *expected);
enum status openai_fields_empty(struct err *err, const char *name);

/* INVALID when one of the keys of the body stands twice. */
MUST_CHECK enum status openai_fields_once(const struct scan *s, const char *const *keys, size_t n,
                                          struct err *err);
MUST_CHECK enum status openai_fields_model(const struct scan *s, struct str *out, struct err *err);
/* The first of the names that is there; 0: none is. */
MUST_CHECK enum status openai_fields_tokens(const struct scan *s, const char *const *names,
                                            size_t n, int64_t *out, struct err *err);
/* temperature and top_p */
MUST_CHECK enum status openai_fields_numbers(const struct scan *s, struct err *err);

#endif
