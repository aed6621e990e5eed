/*
 * attempt.h - one attempt to get an answer out of Bedrock: the body that CONVERT makes of what was
 * asked, and the transfer that is under way with it.
 *
 *   attempt    CONVERT begins it; dropped whole when another body is needed, and at the end
 *   transfer   SEND begins it; the same body may be sent again, and nothing of the last one stays
 *
 * From one attempt to the next go its number, what it has been granted and has waited for, and the
 * set of what is left out because Bedrock refused it: nothing else of an attempt outlives it. What a
 * model has refused says nothing of the next one in a chain. Worker only.
 */
#ifndef WORKER_TURN_ATTEMPT_H
#define WORKER_TURN_ATTEMPT_H

#include "server/aws/eventstream.h"
#include "server/base/sha256.h"
#include "server/net/fetch.h"
#include "worker/dialect/relay.h"
#include "worker/plan/plan.h"
#include "worker/reply/sse.h"
#include "worker/turn/complaint.h"

/* X(NAME, meaning): how a transfer stands. Set by its callbacks in stream.c, acted upon by the
 * step. But for RUNNING and ANSWERED outcome.err says why. */
#define ATTEMPT_ENDS(X)                                   \
    X(RUNNING, "bytes may come")                          \
    X(ANSWERED, "the answer is complete")                 \
    X(REFUSED, "Bedrock said no, and that is the answer") \
    X(LOST, "no answer, or none that can be read")        \
    X(AGAIN, "the same body is worth sending once more")  \
    X(ANEW, "another attempt is right, from CONVERT on")

enum attempt_end {
#define ATTEMPT_ENUM(name, meaning) ATTEMPT_##name,
    ATTEMPT_ENDS(ATTEMPT_ENUM)
#undef ATTEMPT_ENUM
};

/* DIALECT_BEDROCK: the content type, and X-Amzn-Bedrock-* of an answer. */
#define ATTEMPT_PASSED 10

struct transfer {
    struct fetch *fetch;
    uint64_t sent_ns, first_ns;
    int64_t skew_ms; /* what its signature added to our clock */
    char id[72];     /* x-amzn-requestid: for the log */
    bool framed;     /* the answer is an event stream */
    struct eventstream frames;
    struct sse events;    /* in their place: of an attempt that is native */
    struct buf held_back; /* a whole answer, an error body, the events before the first output */
    const char *theirs;   /* AWS's name of the refusal, where its client may know it; NULL: none */
    bool ended;           /* its body ended by itself, between two frames */
    int refusal; /* HTTP status of it, an exception's own in a stream; 0: no answer, or a bad one */
    enum complaint complaint; /* what it was refused for */
    struct cure cure;         /* what of the request that was, and could be done without */
    uint64_t told_ms;         /* its words say to come again after so long; 0: they do not */
    enum attempt_end end;
};

struct attempt_lane {        /* where Bedrock is asked: worker/moves/lane.h */
    uint8_t now;             /* the lane of this transfer */
    uint8_t able;            /* a bit each that may be asked for the model; 0: not looked for yet */
    uint8_t refused;         /* those that have refused it for a reason of their own */
    uint8_t failed;          /* those whose health has heard of a fault of this request's */
    uint8_t said;            /* those that said that the model is not to be had there, */
    uint8_t why[8];          /* and which of the words (lanes.h); 0: known to all by now */
    uint8_t moves;           /* from lane to lane, of this request */
    uint8_t origin;          /* of whose account the thoughts in it are, if there are any */
    bool picked;             /* now is decided */
    bool moved;              /* it has left a lane, or its conversation had */
    bool stuck;              /* its conversation has left home */
    bool bound_known, bound; /* it has thoughts in it, which no other account can read */
    uint64_t lease;          /* this transfer tries a closed lane for all; 0: it does not */
    uint64_t said_of;        /* of which body */
    uint64_t thought;        /* the mark of its last one that is known (thoughts.h); 0: none is */
    uint64_t model, conversation; /* their names in shared memory; conversation 0: not made yet */
};

struct attempt {
    /* what goes on to the next one */
    unsigned number;        /* of the transfers so far, all attempts together */
    unsigned elsewhere;     /* how many of them other models have had */
    uint64_t left_out;      /* PLAN_BIT()s: fields that Bedrock refused */
    bool clock_learnt;      /* the clock was wrong: one transfer more was granted for that */
    uint64_t keys_until_ms; /* it waits so long for signing keys of its date; 0: never waited */
    struct cure cure;       /* what the request does without since Bedrock refused it */
    bool proved;            /* an answer has come without it */
    struct err refused;     /* that refusal */
    uint8_t refused_sha256[SHA256_SIZE]; /* of its body */

    uint32_t pause_ms; /* before the next transfer */
    struct attempt_lane lane;

    struct buf body;
    struct {
        char hex[2 * SHA256_SIZE];
        bool known;
    } sha256;                /* of the body */
    struct str tier;         /* Bedrock's header; empty: none */
    struct plan_terms terms; /* Bedrock's headers, or members of the body */
    struct {
        bool here;   /* this attempt goes to Bedrock's own Chat Completions, or Responses */
        int refused; /* with which status they did; 0: not. Goes on to the next one */
    } native;
    struct {              /* Bedrock's other host counts what CountTokens does not */
        bool here;        /* this attempt goes there */
        struct str betas; /* its anthropic-beta header; empty: none */
    } mantle;
    bool tier_named;          /* a service tier other than the default is asked for */
    struct buf changes;       /* for x-converter-changes */
    struct cures_sent sent;   /* what Bedrock may refuse of the body */
    struct learned_key shape; /* by which a cure is remembered */
    const struct relay *relay;
    struct str passed[ATTEMPT_PASSED]; /* values of headers that go on to the client: passing.c */
    struct reply *reply;               /* what the relay has seen; never NULL from CONVERT on */

    struct transfer transfer;
};

void attempt_begin(struct attempt *a); /* after none, or after one that was dropped */
/* All that it holds; a transfer is cancelled (never from inside its own callback). What goes on to
 * the next one stays. */
void attempt_drop(struct attempt *a);
/* The same, and another model is to answer: it has its own number of transfers, and its own refusals. */
void attempt_move(struct attempt *a);
bool attempt_is_made(const struct attempt *a); /* it has a body that can be sent */

/* The last transfer's marks are gone, the next one runs. */
void attempt_begin_transfer(struct attempt *a);

void attempt_leave_out(struct attempt *a, enum plan_field what);
bool attempt_leaves_out(const struct attempt *a, enum plan_field what);
bool attempt_is_cured(const struct attempt *a); /* once a request */
/* Transfers beyond the first that Bedrock's own word asked for: with its time, without what it
 * refused, or on another lane; and those that other models have had. A retry is none of them. */
unsigned attempt_granted(const struct attempt *a);

#endif
