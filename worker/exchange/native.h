/*
 * native.h - requests that go to Bedrock's own Chat Completions or Responses (worker/openai/native_chat.h,
 * native_responses.h): which do, and what happens when Bedrock refuses one there. It is then asked by Converse, within the same
 * request; that the model or the account has no such route is remembered. Worker.
 */
#ifndef WORKER_EXCHANGE_NATIVE_H
#define WORKER_EXCHANGE_NATIVE_H

#include "worker/turn/turn.h"

/* CONVERT, attempt.body is empty and terms are there: makes body, relay and reply of a request that goes there. False: it does not, and
 * nothing was touched, or err (not OK) says why it cannot be. */
bool native_convert(struct exchange *x, struct err *err);
/* Of a request that goes there: behind that of the endpoint. */
struct str native_path(const struct exchange *x);
/* Refused before anything was told: true, it is to be made anew, for Converse. */
bool native_refused(struct exchange *x);
/* Converse has answered instead. */
void native_prove(struct exchange *x);

#endif
