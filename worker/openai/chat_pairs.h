/*
 * chat_pairs.h - every tool call of a chat request must be answered by a message of role "tool"
 * that follows it, and every such message must answer one. Part of chat.c's checks, with OpenAI's
 * wordings: Bedrock refuses the rest, in words that no OpenAI client knows. Pure.
 */
#ifndef WORKER_OPENAI_CHAT_PAIRS_H
#define WORKER_OPENAI_CHAT_PAIRS_H

#include "server/json/scan.h"

/* messages: an array of messages whose roles have been checked. */
MUST_CHECK enum status chat_pairs_check(const struct scan *s, scan_ref messages, struct err *err);

#endif
