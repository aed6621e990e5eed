/*
 * relay.h - one way back from Bedrock to a client: what stream.c needs to know of a dialect and
 * transport.
 *
 * There are splice_relay (InvokeModel -> Anthropic), converse_to_anthropic_relay,
 * converse_to_openai_relay, converse_to_responses_relay, for Bedrock's own OpenAI endpoints
 * native_chat_relay and native_output_relay, and for what passes as it is passed_invoke_relay,
 * passed_converse_relay and passed_count_relay. Each keeps its state in a struct that begins
 * with struct reply. Pure: bytes in, bytes out.
 */
#ifndef WORKER_DIALECT_RELAY_H
#define WORKER_DIALECT_RELAY_H

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"
#include "server/json/scan.h"
#include "worker/dialect/usage_record.h"

/* The model's own error, in an event or in place of a whole answer. */
struct reply_error {
    char code[40];  /* its name of it; "": there was none, or it has no name */
    char text[240]; /* its sentence, cut: it may tell whose account it is */
};

struct reply {               /* what the exchange reads at the end, whatever the dialect */
    struct str client_model; /* put into the answer in place of Bedrock's */
    struct usage usage;
    uint64_t thinking;         /* tokens of the output that were thought, where the model says so */
    uint64_t deltas;           /* pieces of the answer that have come: a token each at least */
    uint64_t first_latency_ms; /* Bedrock's own figure, 0 when absent */
    char stop_reason[40];      /* in Anthropic's words */
    char served[200];          /* the model that a prompt router chose, id or ARN; else "" */
    bool started;              /* something was forwarded that only a beginning answer has */
    bool stopped;              /* Bedrock said the answer is complete */
    bool failed;               /* the model's own error event was forwarded: no other may follow */
    bool input_whole;          /* the model's streams count the cached tokens as input, too */
    bool whole_upstream;       /* whole from Bedrock, given to the client as a stream's events */
    struct reply_error error;  /* why event or whole have failed, if it is that */
};

struct relay {
    const char *name;
    /* One event-stream event: appends what the client gets to out (may be nothing). type is
     * :event-type. */
    enum status (*event)(struct reply *r, struct str type, struct str payload, struct buf *out,
                         struct err *err);
    /* The upstream body ended cleanly: appends what was held back. UPSTREAM when the answer is not
     * complete. */
    enum status (*end)(struct reply *r, struct buf *out, struct err *err);
    /* A whole (not streamed) answer; when it came whole, all of the client's events (that of the
     * beginning only if event has not put it). */
    enum status (*whole)(struct reply *r, struct arena *arena, struct str body, struct buf *out,
                         struct err *err);
    bool raw;        /* what the client gets are the frames themselves; event and whole only read */
    struct str ping; /* what keeps an idle stream of this dialect alive */
};

/* What Bedrock sends is trusted to be large, not to be endless: 1 MB of JSON a frame, 25 MB an answer
 * (service-2.json). The index of a scan is at most 8 times that. */
extern const struct scan_limits relay_limits;
#define RELAY_EVENT_MAX \
    ((size_t)32 << 20) /* of the arena of one event; a stream may have millions */

/* A line break is only white space in JSON (never raw in a string), but would end a field of an event: a blank
 * in its place. */
void relay_join_lines(char *p, size_t n);
/* An end for a relay that holds nothing back: the answer was complete, or the model's own error event has
 * said that it is not. */
enum status relay_end(struct reply *r, struct buf *out, struct err *err);
/* Fills r->error. */
void relay_fail(struct reply *r, struct str code, struct str text);

#endif
