/*
 * terms.h - guardrail, project and request metadata of a call, wherever it says them: headers of
 * InvokeModel, members of Converse. Patterns and limits are written down from botocore 1.44.8's model
 * of the runtime, without a look at the gateway's. Pure.
 */
#ifndef MOCK_TERMS_H
#define MOCK_TERMS_H

#include "tests/mock/reader.h"
#include "tests/mock/speaker.h"

/* False: why says what Bedrock would. Else ask->guarded. */
bool terms_read(const struct request *r, const struct scan *body, bool invoke, struct ask *ask,
                char why[WHY_SIZE]);

#endif
