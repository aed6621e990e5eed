/*
 * bedrock_terms.h - the words in which an operator names what Bedrock is told of a request besides
 * its content: the guardrail, the project, and which metadata. Read by the settings and by the
 * columns of a key; spans point into what is read. Pure; any process.
 *
 * Patterns: GuardrailIdentifier, GuardrailVersion and ProjectIdentifier of botocore 1.44.8,
 * bedrock-runtime/2023-09-30/service-2.json.
 */
#ifndef SERVER_BASE_BEDROCK_TERMS_H
#define SERVER_BASE_BEDROCK_TERMS_H

#include "server/base/text.h"

struct bedrock_terms_guardrail {
    struct str id, version; /* empty: no guardrail */
    bool async;             /* streamed text does not wait for it */
};

/* ID:VERSION or ID:VERSION:async; ID may be an ARN, VERSION is a number or DRAFT. */
bool bedrock_terms_guardrail(struct str text, struct bedrock_terms_guardrail *out);
/* An id, an ARN, or "default". */
bool bedrock_terms_project(struct str text);

enum { BEDROCK_TERMS_USER = 1, BEDROCK_TERMS_KEY = 2, BEDROCK_TERMS_REQUEST = 4 };
/* A list of user, key and request; empty: none of them. */
bool bedrock_terms_metadata(struct str list, unsigned *out);

#endif
