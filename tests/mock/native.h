/*
 * native.h - Bedrock's own Chat Completions, as litellm found it on 9 Oct 2026: models of OpenAI's make by
 * their profiles us. and global. only, and Grok; tool calls are counted anew in each answer ("call_0");
 * some parameters are refused. Answers and errors have OpenAI's shape, streams are server-sent events.
 */
#ifndef MOCK_NATIVE_H
#define MOCK_NATIVE_H

#include "tests/mock/mock.h"

#define NATIVE_CHAT "/openai/v1/chat/completions"

/* The caller's signature is good. */
void native_chat(struct mock *mock, const struct request *r, struct arena *arena,
                 const struct faults *faults, struct answer *out);

#endif
