/*
 * mantle.h - Bedrock's other host, bedrock-mantle, which the mock plays at its own address: the count of
 * tokens in Anthropic's words. Its ids have no region and no version; its errors have Anthropic's shape.
 * Source: AWS user guide, endpoints; platform.claude.com/docs/en/api/messages-count-tokens
 */
#ifndef MOCK_MANTLE_H
#define MOCK_MANTLE_H

#include "tests/mock/mock.h"

#define MANTLE_COUNT "/anthropic/v1/messages/count_tokens"

/* The caller's signature is good. denied: he lacks the permission, which is one of its own. */
void mantle_count(struct mock *mock, const struct request *r, struct arena *arena, bool denied,
                  struct answer *out);

#endif
