/*
 * json.h - writing JSON straight into a buf, and reading small trusted documents with cJSON.
 *
 * The writer puts commas itself; it never builds a tree. Reading by cJSON is for bounded documents
 * only (DynamoDB answers, credential documents, error bodies, events that must be understood);
 * client and model JSON goes through scan.h. cJSON stays behind this header. Any process.
 */
#ifndef SERVER_JSON_JSON_H
#define SERVER_JSON_JSON_H

#include "server/base/buf.h"
#include "server/base/err.h"

/* --- writing --- */

struct json_out {
    struct buf *b;
    bool comma; /* a comma is due before the next key or value */
};

void json_begin(struct json_out *w, struct buf *b);
void json_object(struct json_out *w); /* {  */
void json_object_end(struct json_out *w);
void json_array(struct json_out *w); /* [  */
void json_array_end(struct json_out *w);
void json_key(struct json_out *w, struct str key);
#define JSON_KEY(w, literal) json_key((w), STR(literal))
void json_str(struct json_out *w, struct str s); /* quoted; invalid UTF-8 becomes U+FFFD */
void json_i64(struct json_out *w, int64_t v);
/* The shortest form that reads back equal; null if not finite. */
void json_f64(struct json_out *w, double v);
void json_bool(struct json_out *w, bool v);
void json_null(struct json_out *w);
void json_raw(struct json_out *w, struct str json); /* already JSON: copied as it is */
/* The escaped form of s without quotes, for callers that open and close a string in pieces; a piece
 * must not end inside a UTF-8 character. */
void json_escape(struct buf *b, struct str s);

/* --- reading (cJSON) --- */

struct cJSON;
/* Strict (scan.h decides what is JSON), at most 64 deep; NULL with err on failure. json_free it. */
struct cJSON *json_parse(struct str text, struct err *err);
void json_free(struct cJSON *doc);
/* Case-sensitive. A missing member or another type gives the empty answer. */
struct cJSON *json_get(const struct cJSON *object, const char *key);
/* Empty span if no string. cJSON keeps C strings: a "\u0000" ends the text. */
struct str json_text(const struct cJSON *v);
struct str json_get_text(const struct cJSON *object, const char *key);
bool json_number(const struct cJSON *v, double *out);
/* Whole, below 2^53. */
bool json_get_i64(const struct cJSON *object, const char *key, int64_t *out);
bool json_get_bool(const struct cJSON *object, const char *key, bool *out);
bool json_is_object(const struct cJSON *v);
bool json_is_array(const struct cJSON *v);
bool json_is_null(const struct cJSON *v);
struct cJSON *json_child(const struct cJSON *container); /* first member or element */
struct cJSON *json_next(const struct cJSON *v);
struct str json_name(const struct cJSON *member);

#endif
