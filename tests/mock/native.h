/*
 * native.h - Bedrock's own Chat Completions (native.c) and Responses (native_responses.c, what it reads in
 * native_ask.c), as litellm found them by 9 Oct 2026 and AWS's user guide has them: models of OpenAI's make by
 * their profiles us. and global. only, Grok, and gpt-oss, whose thoughts stand in tags; tool calls are counted anew in each answer ("call_0");
 * some parameters, tools and items are refused. Answers and errors have OpenAI's shape, streams are server-sent events.
 */
#ifndef MOCK_NATIVE_H
#define MOCK_NATIVE_H

#include "tests/mock/mock.h"

#define NATIVE_CHAT      "/openai/v1/chat/completions"
#define NATIVE_RESPONSES "/openai/v1/responses"

/* The caller's signature is good. */
void native_chat(struct mock *mock, const struct request *r, struct arena *arena,
                 const struct faults *faults, struct answer *out);
void native_responses(struct mock *mock, const struct request *r, struct arena *arena,
                      const struct faults *faults, struct answer *out);

/* --- shared by the two --- */

extern const struct scan_limits native_limits;
bool native_is_gpt(struct str model); /* of a profile that it has */
/* An error in OpenAI's shape. */
void native_refuse(struct mock *mock, struct answer *out, int status, const char *text);
/* A stream, in chunks of piece bytes. */
void native_put_chunks(struct answer *out, struct str body, size_t piece);

/* --- Responses --- */

struct native_wants { /* what a request says of its answer */
    const struct scan *scan;
    bool stream;
    bool summary, encrypted; /* of thoughts */
};

/* Reads and validates. False: why says what Bedrock would. */
bool native_ask_read(const struct scan *s, struct ask *ask, struct native_wants *out,
                     char why[WHY_SIZE]);
/* The tool's kind: "function", "custom", "tool_search"; space_out: its namespace, or empty. */
struct str native_ask_kind(const struct scan *s, struct str name, struct str *space_out);

/* How a thought is sealed there: what begins otherwise it cannot read. */
#define NATIVE_SEAL "gAAAAABmock-"

#endif
