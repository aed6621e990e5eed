/*
 * dynamo_attempt.h - one attempt of a DynamoDB call: signed, sent, its answer judged.
 *
 * A client has several at once; what they share is struct dynamo_link, the client's, which outlives
 * them. The answer may hold clear keys and is wiped.
 */
#ifndef SERVER_DYNAMO_DYNAMO_ATTEMPT_H
#define SERVER_DYNAMO_DYNAMO_ATTEMPT_H

#include "server/dynamo/dynamo_creds.h"
#include "server/dynamo/dynamo_error.h"
#include "server/dynamo/dynamo_sign.h"
#include "server/dynamo/dynamo_wait.h"
#include "server/json/json.h"

#define DYNAMO_ANSWER_MAX (8u << 20) /* a page holds 1 MB of items; JSON and escapes add to it */

struct dynamo_link {
    struct dynamo_wait wait;
    struct fetch_client *fetch;
    struct dynamo_sign sign;
    struct dynamo_creds creds;
    uint32_t timeout_ms;
    unsigned flying; /* attempts that have not ended */
    bool uncertain;  /* one of this call may have been carried out without our hearing of it */
};

/* One request on its way, and its answer. */
struct dynamo_attempt {
    struct dynamo_link *link;
    struct fetch *fetch; /* NULL: it has ended, or never began */
    struct arena *arena; /* of the signed request */
    int http;
    struct err end;
    struct buf reply;
    bool has_crc, has_date, sent;
    uint32_t crc, hint_ms;
    int64_t date_ms;
    char type[128];
};

void dynamo_attempt_init(struct dynamo_attempt *a, struct dynamo_link *link);
/* Signs and sends. DYNAMO_OK: it flies; else it has ended as this. */
MUST_CHECK enum dynamo_result dynamo_attempt_start(struct dynamo_attempt *a, const char *operation,
                                                   struct str body, struct err *err);
/* What became of it: its answer is read and forgotten. answer_out NULL: nothing of it is wanted.
 * Still flying: it is broken off. */
MUST_CHECK enum dynamo_result dynamo_attempt_end(struct dynamo_attempt *a,
                                                 struct cJSON **answer_out, struct err *err);
void dynamo_attempt_free(struct dynamo_attempt *a);

#endif
