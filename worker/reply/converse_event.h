/*
 * converse_event.h - reads one ConverseStream event, or a whole Converse answer, into small tagged
 * structs that both dialects write from. Pure; worker.
 *
 * Text is never decoded: a struct str called "escaped" here is what stood between the quotes of a
 * JSON string that the scan has found valid, so it may be put between other quotes, also joined,
 * byte for byte. Everything points into the payload and the arena given.
 * Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
#ifndef WORKER_CONVERSE_CONVERSE_EVENT_H
#define WORKER_CONVERSE_CONVERSE_EVENT_H

#include "server/json/scan.h"
#include "worker/dialect/usage_record.h"

enum converse_event_kind {
    CONVERSE_UNKNOWN, /* newer than this program: ignored */
    CONVERSE_MESSAGE_START,
    CONVERSE_BLOCK_START,
    CONVERSE_BLOCK_DELTA,
    CONVERSE_BLOCK_STOP,
    CONVERSE_MESSAGE_STOP,
    CONVERSE_METADATA
};

enum converse_part_kind {
    CONVERSE_PART_NONE, /* nothing a client can be told: results, server tools, unknown */
    CONVERSE_PART_TEXT, /* or the words for a picture or a sound, which no dialect has */
    CONVERSE_PART_TOOL,
    CONVERSE_PART_THINKING,
    CONVERSE_PART_REDACTED,
    CONVERSE_PART_CITATION /* in deltas only; a whole block of cited text is CONVERSE_PART_TEXT */
};

/* A whole block, the start of one, or a piece of one. Spans that are not there have p NULL. */
struct converse_part {
    enum converse_part_kind kind;
    const struct scan *scan;
    struct str
        text; /* escaped: text, thinking, the base64 of redacted thinking, a piece of tool input */
    struct str signature; /* escaped */
    struct str tool_id;   /* escaped */
    struct str tool_name; /* plain, as Bedrock knows it */
    struct str input;     /* whole blocks: the JSON value of a tool's input, Bedrock's bytes */
    scan_ref citations;   /* one citation, or the list of a whole block, of scan; or SCAN_ABSENT */
};

/* What comes with the end of an answer: in a stream the first three in messageStop, the others in
 * metadata. */
struct converse_ending {
    struct str stop_reason;   /* plain */
    struct str stop_sequence; /* escaped */
    uint64_t thinking;        /* tokens of the output, where the model says so */
    struct usage usage;
    struct str service_tier; /* plain */
    struct str served;       /* the model that a prompt router chose; plain */
};

struct converse_event {
    enum converse_event_kind kind;
    int64_t index; /* contentBlockIndex, where the kind has one */
    struct scan scan;
    struct converse_part part;
    struct converse_ending ending;
};

struct converse_answer {
    struct scan scan;
    scan_ref content; /* array of blocks for converse_event_block */
    struct converse_ending ending;
};

/* A stop reason of Bedrock in the words of both dialects. */
struct converse_stop {
    const char *bedrock;
    const char *anthropic; /* NULL: no answer but an error (malformed output) */
    const char *openai;
};

/* type is :event-type. UPSTREAM when the payload is no JSON object or lacks what its
 * kind requires. */
MUST_CHECK enum status converse_event_read(struct converse_event *e, struct arena *arena,
                                           struct str type, struct str payload, struct err *err);
/* UPSTREAM when body is no answer of Converse. */
MUST_CHECK enum status converse_event_answer(struct converse_answer *a, struct arena *arena,
                                             struct str body, struct err *err);
/* INTERNAL when the arena is used up, UPSTREAM for a tool call without name or id. */
MUST_CHECK enum status converse_event_block(const struct scan *s, scan_ref block,
                                            struct converse_part *part_out, struct err *err);
/* Unknown reasons end the turn. tools: the answer has tool calls, whatever the reason says of them. */
const struct converse_stop *converse_event_stop(struct str reason, bool tools);

#endif
