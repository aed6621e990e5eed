/*
 * speaker.h - one dialect of the runtime API: how it reads a request and how it says a reply.
 * Two exist: invoke_speaker (Anthropic body) and converse_speaker. Both are pure.
 */
#ifndef MOCK_SPEAKER_H
#define MOCK_SPEAKER_H

#include "server/json/json.h"
#include "server/json/scan.h"
#include "tests/mock/ask.h"

enum moment_kind {
    MOMENT_START,
    MOMENT_BLOCK_START,
    MOMENT_DELTA,
    MOMENT_SIGNATURE,
    MOMENT_BLOCK_STOP,
    MOMENT_STOP,
    MOMENT_END
};

struct moment { /* one step of a streamed reply */
    enum moment_kind kind;
    const struct reply *reply;
    size_t block;
    struct str piece;       /* of a delta */
    uint32_t output_tokens; /* said so far */
};

struct rules { /* what --allow-field and --allow-beta add to the built-in lists */
    struct str field[16], beta[16];
    size_t field_n, beta_n;
};

#define WHY_SIZE 256

struct speaker {
    /* Validates and understands. False: why says what Bedrock would. */
    bool (*read)(const struct scan *body, const struct rules *rules, struct ask *out,
                 char why[WHY_SIZE]);
    void (*answer)(const struct reply *reply, struct buf *body);
    /* Appends the payload of this moment; returns the event type, or empty when the dialect has no
     * event for it. */
    struct str (*event)(const struct moment *m, struct buf *payload);
};

extern const struct speaker invoke_speaker, converse_speaker;

/* --- shared by the readers --- */

bool speaker_refuse(char why[WHY_SIZE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Every member of object must be in list (NULL-terminated); else "<where><member>: Extra inputs are
 * not permitted". */
bool speaker_only(const struct scan *s, scan_ref object, const char *const *list, const char *where,
                  char why[WHY_SIZE]);

/* --- shared by the writers --- */

void speaker_put(struct json_out *w, struct str key, struct str value);
void speaker_count(struct json_out *w, struct str key, uint32_t value);
/* Converse: additionalModelResponseFields, as far as their paths were named. */
void speaker_fields(struct json_out *w, const struct reply *r);
void speaker_text(struct json_out *w, const struct block *b); /* its whole text as a JSON string */

#endif
