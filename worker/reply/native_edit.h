/*
 * native_edit.h - what is mended in the answers of both of Bedrock's own OpenAI endpoints, Chat Completions
 * (native_reply.c) and Responses (native_output.c). Pure; worker.
 */
#ifndef WORKER_REPLY_NATIVE_EDIT_H
#define WORKER_REPLY_NATIVE_EDIT_H

#include "worker/dialect/edits.h"
#include "worker/dialect/relay.h"

#define NATIVE_EDIT_CALLS   128 /* of one answer; ids of more stay as they are */
#define NATIVE_EDIT_ID_SIZE 40

/* An event, or a whole answer; halves of characters in it are mended (surrogates.h). */
MUST_CHECK enum status native_edit_read(struct scan *s, struct arena *arena, struct str text,
                                        struct err *err);

struct native_edit_ids { /* zero: none is there yet */
    char id[NATIVE_EDIT_CALLS][NATIVE_EDIT_ID_SIZE];
};

/* "call_0", "call_1" ...: an id that only counts within one answer. */
bool native_edit_only_counts(struct str id);
/* That of a call, the same each time, as a JSON string; at: below NATIVE_EDIT_CALLS. */
struct str native_edit_id(struct native_edit_ids *ids, uint64_t at);
/* text as JSON, in the arena; p NULL: no memory. */
struct str native_edit_json(struct arena *arena, struct str text);
/* text in place of a value that is there. */
void native_edit_put(struct edits *e, scan_ref value, struct str text);
/* Fills r->error of an error object, whose code may be a number, a word, or only its type. Gives the code. */
struct str native_edit_error(struct reply *r, const struct scan *s, scan_ref error);
/* After native_edit_error: CONTEXT, INVALID: what was wrong is the client's, and says nothing of who was asked;
 * else UPSTREAM. */
enum status native_edit_fault(const struct reply *r, const struct scan *s, scan_ref error);
/* 0: there is no such count. */
uint64_t native_edit_count(const struct scan *s, scan_ref object, const char *name);

#endif
