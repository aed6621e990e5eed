/*
 * lanes.h - ways to Bedrock (a region, or a region of another account), and how each of them is for
 * each model: one word a lane and model in shared memory, exact over all workers.
 *
 *   word   | tag 21 | slot 4 | until 24 | in a row 6 | why 4 | probed 1 | 0 4 |      0: free
 *
 *   open        no word, or too few failures in a row
 *   closed      until then nobody asks it
 *   half open   from then on one request at a time tries it; an answer frees the word, a refusal closes
 *               the lane for longer. Who tries takes a lease, which is a closing of its own: if that
 *               process dies, the next one tries when the lease is over.
 *
 * The table is small and lossy: what finds no room takes the place of what ends first, and a lane
 * without a word is asked. A word is changed by compare-and-swap alone, so a process may die between
 * any two instructions. until: ticks of the monotonic clock, which all processes of a host share; they
 * begin anew after 12 days, long after a sweep has freed what is over (lanes_sweep).
 *
 * A lane is known here by its slot, which goes with its name (lane_names.h) and not with its place in
 * BEDROCK_LANES: a reload gives none what is known of another.
 *
 * Workers write; any process reads. now_ms: the caller's monotonic clock.
 */
#ifndef SHM_MEMORY_LANES_H
#define SHM_MEMORY_LANES_H

#include "shm/memory/segment_layout.h"

#define LANES_MAX   8 /* of BEDROCK_LANES: a bit each in a mask */
#define LANES_HOME  0
#define LANES_SLOTS 16 /* of those before a reload, and those after it; 4 bits of a word */

/* X(NAME, "word", ms of the first closing, ms at most, failures in a row that close, ms of a lease):
 * why a lane is not asked. A throttle is told at once, so a probe that was not refused in its lease
 * has been admitted; no answer at all takes longer. */
#define LANES_WHYS(X)                                     \
    X(THROTTLED, "throttled", 1000, 8000, 1, 3000)        \
    X(FAILED, "failed", 1000, 8000, 2, 8000)              \
    X(QUOTA, "day_quota", 600000, 3600000, 1, 10000)      \
    X(DENIED, "access_denied", 300000, 3600000, 1, 10000) \
    X(ABSENT, "not_offered_here", 300000, 3600000, 1, 10000)

enum lanes_why {
    LANES_FINE, /* it is not closed */
#define LANES_ENUM(name, word, first, most, row, lease) LANES_##name,
    LANES_WHYS(LANES_ENUM)
#undef LANES_ENUM
        LANES_WHY_COUNT
};
const char *lanes_word(enum lanes_why why); /* "open" for FINE */

#define LANES_WORDS        4096
#define LANES_RETRY_MS_MAX 3600000u /* of a Retry-After */

/* X(NAME, "prometheus_name", "help"), of each lane */
#define LANES_COUNTS(X)                                                                          \
    X(SENT, "lane_requests_total", "Requests sent to Bedrock by lane, retries included")         \
    X(THROTTLES, "lane_throttles_total", "Throttles and used up quotas")                         \
    X(FAILURES, "lane_failures_total", "Faults of the service, and connections that failed")     \
    X(REFUSALS, "lane_refusals_total", "Models without access, or not offered there")            \
    X(PROBES, "lane_probes_total", "Requests that tried a closed lane")                          \
    X(MOVES, "lane_moves_total", "Requests that came from another lane, which had refused them") \
    X(CACHE_KEPT, "lane_cache_read_tokens_kept_total",                                           \
      "Cache-read tokens of conversations that had moved there, and stayed")

enum lanes_count {
#define LANES_ENUM(name, prom, help) LANES_##name,
    LANES_COUNTS(LANES_ENUM)
#undef LANES_ENUM
        LANES_COUNT_COUNT
};

struct lanes_area {
    _Atomic uint64_t busy_until_ms; /* no word says anything later; raised by whoever keeps one */
    uint64_t salt;                  /* random; the master's, before any fork */
    uint64_t reserved[2];
    _Atomic uint64_t name[LANES_SLOTS]; /* whose slot it is; 0: nobody's. Master: lane_names.h */
    _Atomic uint64_t word[LANES_WORDS];
    _Atomic uint64_t count[LANES_SLOTS][8]; /* any worker adds */
};
_Static_assert(sizeof(struct lanes_area) == 8 * (LANES_WORDS + 4 + 9 * LANES_SLOTS), "no padding");
_Static_assert(LANES_COUNT_COUNT <= 8, "their room");

/* A model's name in the table; id: as Bedrock is asked for it. */
uint64_t lanes_model(const struct segment *s, struct str id);

/* Does any word say anything? Cheap: asked on every request. */
bool lanes_any(const struct segment *s, uint64_t now_ms);

enum lanes_verdict {
    LANES_OPEN,
    LANES_PROBE, /* the caller is the one that tries it: it says good, bad or leave */
    LANES_CLOSED
};
/* *lease_out: a probe's, to give it back with; 0 where it is none. */
enum lanes_verdict lanes_ask(struct segment *s, unsigned slot, uint64_t model, uint64_t now_ms,
                             uint64_t *lease_out);
/* The lane has answered. An answer to what was sent before the lane was closed opens nothing. */
void lanes_good(struct segment *s, unsigned slot, uint64_t model, bool probe, uint64_t now_ms);
/* It has not. retry_ms: Bedrock's Retry-After, 0: none. Refusals of what was sent before the lane was
 * closed do not add to those in a row. */
void lanes_bad(struct segment *s, unsigned slot, uint64_t model, enum lanes_why why,
               uint64_t retry_ms, bool probe, uint64_t now_ms);
/* A probe that ended without an answer: the next request may try. Nothing where its lease was over and
 * another one tries. */
void lanes_leave(struct segment *s, unsigned slot, uint64_t model, uint64_t lease, uint64_t now_ms);
/* Frees what has long been over; refresher, now and then: at least once in ten days. */
void lanes_sweep(struct segment *s, uint64_t now_ms);
/* Nothing is known of this slot any more. */
void lanes_forget(struct segment *s, unsigned slot);

struct lanes_state {
    enum lanes_why why; /* FINE: it is open */
    bool half_open;     /* one may try it */
    bool probed;        /* one does */
    unsigned in_a_row;
    uint64_t until_ms; /* 0 where it is not closed */
};
void lanes_look(const struct segment *s, unsigned slot, uint64_t model, uint64_t now_ms,
                struct lanes_state *out);
/* Are all of these slots (a bit each) closed for the model? *until_ms_out: when the first of them may
 * be tried. False for none, and while one is open or half open. */
bool lanes_all_closed(const struct segment *s, unsigned slots, uint64_t model, uint64_t now_ms,
                      uint64_t *until_ms_out);
/* Of how many models the lane is closed, and why mostly; for metrics and `top`. */
uint32_t lanes_closed_models(const struct segment *s, unsigned slot, uint64_t now_ms,
                             enum lanes_why *why_out);

const char *lanes_count_word(enum lanes_count what); /* "requests" */
void lanes_add(struct segment *s, unsigned slot, enum lanes_count what, uint64_t n);
/* 0 for LANES_SLOTS, which is none. */
uint64_t lanes_sum(const struct segment *s, unsigned slot, enum lanes_count what);

size_t lanes_area_size(void);
void lanes_init(struct segment *s); /* master, once, before fork */

#endif
