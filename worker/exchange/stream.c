#include "worker/exchange/stream.h"

#include <assert.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/json/json.h"
#include "shm/memory/counters.h"
#include "worker/turn/answer.h"
#include "worker/turn/usage.h"
#include "worker/exchange/bedrock.h"
#include "worker/exchange/cure.h"
#include "worker/moves/lane.h"
#include "worker/exchange/native.h"
#include "worker/exchange/passing.h"
#include "worker/moves/queue.h"
#include "worker/moves/thinker.h"
#include "worker/exchange/responses_answer.h"

#define ERROR_BODY_MAX 65536    /* of an upstream error: more is not read */
#define ANSWER_MAX     26214400 /* of a whole answer: Bedrock's own limit is 25,000,000 */

/* --- the transfer's callbacks: they only note what happened; the step decides -------------- */

static void wake_later(struct loop *loop, void *owner)
{
    (void)loop;
    turn_wake(owner);
}

/* An exception that comes before a byte was forwarded is a refusal like a status; the events before
 * it have left their marks in the reply, so all is made anew. */
static enum attempt_end judge(struct exchange *x)
{
    const struct attempt *a = &x->attempt;
    uint64_t left_out = a->left_out;
    bool cured = attempt_is_cured(a);
    if (x->outcome.err.code == STATUS_OK) {
        return ATTEMPT_ANSWERED;
    }
    if (!x->outcome.told && bedrock_retry(x)) {
        bool other = a->left_out != left_out || attempt_is_cured(a) != cured ||
                     (a->native.here && a->native.refused) || (a->reply && a->reply->error.code[0]);
        return a->transfer.framed || other ? ATTEMPT_ANEW : ATTEMPT_AGAIN;
    }
    return a->transfer.refusal ? ATTEMPT_REFUSED : ATTEMPT_LOST;
}

static void conclude(struct exchange *x)
{
    struct transfer *t = &x->attempt.transfer;
    assert(t->end == ATTEMPT_RUNNING);
    t->end = judge(x);
}

/* A failure seen inside a transfer callback: the transfer may not be cancelled from in there. */
static void fail_later(struct exchange *x)
{
    assert(x->outcome.err.code != STATUS_OK);
    conclude(x);
    loop_defer(x->worker->loop, wake_later, x);
}

/* --- silence --------------------------------------------------------------------------------
 *
 * The status line waits for the model's first output, so that what fails before can be an HTTP
 * status, which clients understand better than an event. But load balancers end what is silent for a
 * minute. So a stream begins without an output, and has comments in it, from the first ping on that is
 * due after Bedrock's 200; where Bedrock has not answered at all, after bounds.commit_ms. */

#define SILENT_PING STR(": keepalive\n\n") /* legal before any event, of either dialect */

static void begin_stream(struct exchange *x);

static uint64_t silence_due_ms(const struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    const struct reply *r = x->attempt.reply;
    uint64_t every_ms = (uint64_t)x->worker->config->ping_seconds * 1000u;
    uint64_t commit_ms = x->worker->config->bounds.commit_ms;
    if (x->outcome.begun) {
        return http_out_last_ms(x->conn) + every_ms;
    }
    if (commit_ms < every_ms || (r && r->whole_upstream)) { /* whose 200 comes with its answer */
        commit_ms = every_ms;
    }
    uint64_t due_ms = x->asked.here_ms + commit_ms;
    uint64_t answered_ms = t->framed ? t->first_ns / 1000000u + every_ms : due_ms;
    return answered_ms < due_ms ? answered_ms : due_ms;
}

static void on_silence(struct loop *loop, void *owner);

static void watch_silence(struct exchange *x)
{
    if (x->asked.dialect == DIALECT_BEDROCK) { /* there is no frame that says nothing */
        return;
    }
    loop_timer_set(x->worker->loop, &x->timer_ping, silence_due_ms(x), on_silence, x);
}

static void on_silence(struct loop *loop, void *owner)
{
    struct exchange *x = owner;
    uint64_t now_ms = clock_mono_ms();
    const struct reply *r = x->attempt.reply; /* NULL between two attempts */
    bool over = r && r->stopped;
    if (!over && !http_out_full(x->conn) && silence_due_ms(x) <= now_ms) {
        if (!x->outcome.begun) {
            begin_stream(x);
        }
        http_out_write(x->conn, x->outcome.told ? x->attempt.relay->ping : SILENT_PING);
    }
    uint64_t due_ms = silence_due_ms(x); /* still now: nothing may be written */
    due_ms = due_ms > now_ms ? due_ms : now_ms + (uint64_t)x->worker->config->ping_seconds * 1000u;
    loop_timer_set(loop, &x->timer_ping, due_ms, on_silence, x);
}

static void note_headers(void *owner, struct fetch *f, int status)
{
    struct exchange *x = owner;
    struct transfer *t = &x->attempt.transfer;
    struct str value;
    t->first_ns = clock_now_ns();
    if (fetch_header(f, STR("x-amzn-requestid"), &value)) {
        text_copy(value, t->id, sizeof t->id);
    }
    bool typed =
        fetch_header(f, STR("content-type"), &value) &&
        text_istarts(value, x->attempt.native.here ? STR("text/event-stream")
                                                   : STR("application/vnd.amazon.eventstream"));
    t->framed = status == 200 && typed && bedrock_asks_stream(x);
    buf_free(&t->held_back);
    buf_init(&t->held_back, status == 200 ? ANSWER_MAX : ERROR_BODY_MAX);
    eventstream_free(&t->frames);
    eventstream_init(&t->frames, x->worker->config->bounds.frame_bytes);
    sse_free(&t->events);
    sse_init(&t->events, x->worker->config->bounds.frame_bytes);
    if (x->asked.dialect == DIALECT_BEDROCK) {
        passing_keep(x, f);
    }
    if (t->framed && !x->outcome.begun) {
        watch_silence(x);
    }
}

static void begin_stream(struct exchange *x)
{
    counters_add(COUNTER_STREAMS, 1);
    answer_begin(x, 200);
    http_out_header(x->conn, STR("x-accel-buffering"),
                    STR("no")); /* nginx in front: do not hold events */
    if (x->asked.dialect == DIALECT_BEDROCK) {
        passing_put(x);
        http_out_stream(x->conn, STR("application/vnd.amazon.eventstream"));
        return;
    }
    http_out_header(x->conn, STR("cache-control"), STR("no-cache"));
    http_out_stream(x->conn, STR("text/event-stream; charset=utf-8"));
    watch_silence(x);
}

static void tell(struct exchange *x, struct str bytes)
{
    x->outcome.told = true;
    if (!x->outcome.begun) {
        begin_stream(x);
    }
    http_out_write(x->conn, bytes);
}

static enum status put_event(struct exchange *x, const struct eventstream_frame *frame,
                             struct buf *out)
{
    const struct relay *relay = x->attempt.relay;
    thinker_note_event(x, frame->payload);
    enum status st =
        relay->event(x->attempt.reply, frame->type, frame->payload, out, &x->outcome.err);
    if (st == STATUS_OK && relay->raw) {
        buf_put_str(out, frame->raw);
    }
    return st;
}

/* No other attempt will need it, and a stream is long. */
static void drop_body(struct exchange *x)
{
    if (x->attempt.transfer.fetch && !fetch_needs_body(x->attempt.transfer.fetch)) {
        buf_free(&x->attempt.body);
    }
}

/* What comes before the first output of the model is held back. */
static enum status relay_first(struct exchange *x, const struct eventstream_frame *frame)
{
    struct transfer *t = &x->attempt.transfer;
    enum status st = put_event(x, frame, &t->held_back);
    if (st == STATUS_OK && buf_len(&t->held_back) > 0) {
        cure_prove(x);
        native_prove(x);
        lane_good(x);
        queue_answered(x); /* not at the 200: an exception may be its first frame */
        tell(x, buf_str(&t->held_back));
        buf_free(&t->held_back);
        drop_body(x);
    }
    return st;
}

static enum status relay_next(struct exchange *x, const struct eventstream_frame *frame)
{
    struct buf *out = http_out_chunk_begin(x->conn);
    enum status st = put_event(x, frame, out);
    http_out_chunk_end(x->conn);
    return st;
}

static bool relay_event(struct exchange *x, const struct eventstream_frame *frame)
{
    if (frame->kind != EVENTSTREAM_EVENT) {
        x->attempt.transfer.complaint = bedrock_exception(x, frame);
        if (x->attempt.relay->raw && x->outcome.told) {
            passing_put_exception(x, frame);
            x->attempt.transfer.ended = true;
        }
        return false;
    }
    enum status st = x->outcome.told ? relay_next(x, frame) : relay_first(x, frame);
    usage_progress(x);
    if (st != STATUS_OK && !bedrock_own_error(x)) {
        counters_add(COUNTER_FAILED_ANSWER, 1);
    }
    return st == STATUS_OK;
}

static enum eventstream_next next_frame(struct exchange *x, struct str *bytes,
                                        struct eventstream_frame *frame)
{
    struct transfer *t = &x->attempt.transfer;
    return x->attempt.native.here ? sse_next(&t->events, bytes, frame, &x->outcome.err)
                                  : eventstream_next(&t->frames, bytes, frame, &x->outcome.err);
}

static void relay_frames(struct exchange *x, struct str bytes)
{
    struct eventstream_frame frame;
    for (;;) {
        switch (next_frame(x, &bytes, &frame)) {
        case EVENTSTREAM_MORE:
            return;
        case EVENTSTREAM_BAD:
            counters_add(COUNTER_FAILED_FRAME, 1);
            fail_later(x);
            return;
        case EVENTSTREAM_FRAME:
            if (!relay_event(x, &frame)) {
                fail_later(x);
                return;
            }
        }
    }
}

static bool take_data(void *owner, struct fetch *f, struct str bytes)
{
    (void)f;
    struct exchange *x = owner;
    struct transfer *t = &x->attempt.transfer;
    if (t->end != ATTEMPT_RUNNING) { /* failed: the rest is of no use */
        return true;
    }
    if (!t->framed) {
        buf_put_str(&t->held_back, bytes);
        return true;
    }
    if (x->outcome.begun && http_out_full(x->conn)) {
        return false; /* back-pressure: these bytes come again after stream_drained */
    }
    relay_frames(x, bytes);
    return true;
}

static void finish_whole(struct exchange *x);
static void finish_error(struct exchange *x, struct fetch *f);

/* A body that ended is not yet an answer that is complete: the relay knows. */
static void finish_framed(struct exchange *x)
{
    const struct transfer *t = &x->attempt.transfer;
    if (eventstream_partial(&t->frames) || sse_partial(&t->events)) {
        err_set(&x->outcome.err, STATUS_UPSTREAM, "the model's stream was cut inside an event");
    } else if (!x->outcome.told) {
        err_set(&x->outcome.err, STATUS_UPSTREAM,
                "the model's stream ended before its first event");
    } else {
        x->attempt.transfer.ended = true;
        struct buf *out = http_out_chunk_begin(x->conn);
        enum status st = x->attempt.relay->end(x->attempt.reply, out, &x->outcome.err);
        http_out_chunk_end(x->conn);
        (void)st; /* x->outcome.err says it */
    }
    if (x->outcome.err.code != STATUS_OK) {
        counters_add(COUNTER_FAILED_CUT, 1);
    } else if (x->attempt.reply->failed) {
        counters_add(COUNTER_FAILED_ERROR_EVENT, 1);
    }
}

static void lose_transfer(struct exchange *x, const struct fetch *f, const struct err *err)
{
    static const enum counter by_trouble[] = {
        [FETCH_TROUBLE_OTHER] = COUNTER_FAILED_OTHER,
        [FETCH_TROUBLE_CONNECT] = COUNTER_FAILED_CONNECT,
        [FETCH_TROUBLE_TLS] = COUNTER_FAILED_TLS,
        [FETCH_TROUBLE_TIMEOUT] = COUNTER_FAILED_TIMEOUT,
        [FETCH_TROUBLE_CUT] = COUNTER_FAILED_CUT,
        [FETCH_TROUBLE_ANSWER] = COUNTER_FAILED_ANSWER,
    };
    size_t at;
    counters_add(by_trouble[fetch_trouble(f)], 1);
    x->outcome.err = *err;
    log_line(LOG_WARN, "upstream", "%.*s: %s (attempt %u)", STR_ARG(x->asked.id), err->text,
             x->attempt.number);
    if (text_find(text_from(err->text), STR(" (curl "), &at)) { /* says nothing to people */
        x->outcome.err.text[at] = '\0';
    }
}

static void note_done(void *owner, struct fetch *f, enum status status, const struct err *err)
{
    struct exchange *x = owner;
    struct transfer *t = &x->attempt.transfer;
    if (t->end == ATTEMPT_RUNNING) {
        if (status != STATUS_OK) {
            lose_transfer(x, f, err);
        } else if (t->framed) {
            finish_framed(x);
        } else if (fetch_status(f) == 200) {
            finish_whole(x);
        } else {
            finish_error(x, f);
        }
        conclude(x);
    }
    t->fetch = NULL; /* gone when this returns */
    turn_wake(x);
}

const struct fetch_ops stream_ops = {.headers = note_headers, .data = take_data, .done = note_done};

/* --- whole answers ------------------------------------------------------------------------- */

static void put_whole(struct exchange *x, struct str bytes)
{
    if (x->asked.stream) {
        tell(x, bytes);
    } else if (x->asked.dialect == DIALECT_BEDROCK) {
        passing_answer(x, bytes);
    } else {
        answer_json(x, 200, bytes);
    }
}

static enum status tell_whole(struct exchange *x)
{
    struct transfer *t = &x->attempt.transfer;
    if (!buf_ok(&t->held_back)) {
        return err_set(&x->outcome.err, STATUS_UPSTREAM, "the model's answer is larger than 25 MB");
    }
    if (bedrock_asks_stream(x)) {
        return err_set(&x->outcome.err, STATUS_UPSTREAM,
                       "Bedrock answered a streamed request with something else");
    }
    struct buf out;
    buf_init(&out, ANSWER_MAX);
    enum status st = x->attempt.relay->whole(x->attempt.reply, x->arena, buf_str(&t->held_back),
                                             &out, &x->outcome.err);
    st = st == STATUS_OK ? answer_whole(x, &out) : st; /* half of a document is none */
    if (!x->attempt.reply->usage.seen) {
        x->attempt.reply->deltas = usage_guess(buf_len(&t->held_back));
    }
    if (st == STATUS_OK) {
        cure_prove(x);
        native_prove(x);
        if (!x->attempt.mantle.here) { /* another host, and its own troubles */
            lane_good(x);
        }
        queue_answered(x);
        thinker_note_whole(x, buf_str(&t->held_back));
        put_whole(x, buf_str(&out));
    }
    buf_free(&out);
    return st;
}

static void finish_whole(struct exchange *x)
{
    if (tell_whole(x) != STATUS_OK && !bedrock_own_error(x)) {
        counters_add(COUNTER_FAILED_ANSWER, 1);
    }
}

static void finish_error(struct exchange *x, struct fetch *f)
{
    struct transfer *t = &x->attempt.transfer;
    struct str type = {NULL, 0};
    fetch_header(f, STR("x-amzn-errortype"), &type);
    t->complaint = bedrock_error(x, fetch_status(f), type, buf_str(&t->held_back));
}

/* --- the step ------------------------------------------------------------------------------ */

void stream_watch(struct exchange *x)
{
    if (x->asked.stream && !x->outcome.begun) {
        watch_silence(x);
    }
}

enum verdict stream_step(struct exchange *x)
{
    switch (x->attempt.transfer.end) {
    case ATTEMPT_RUNNING:
        stream_watch(x);
        return VERDICT_WAIT;
    case ATTEMPT_ANSWERED:
        if (x->asked.stream) {
            http_out_end(x->conn);
        }
        return VERDICT_DONE;
    case ATTEMPT_AGAIN:
        return VERDICT_RETRY;
    case ATTEMPT_ANEW:
        usage_keep(x);
        attempt_drop(&x->attempt); /* with what is left of the stream */
        return VERDICT_RETRY;
    case ATTEMPT_REFUSED:
    case ATTEMPT_LOST:
        break;
    }
    return VERDICT_FAIL;
}

void stream_drained(struct exchange *x)
{
    struct transfer *t = &x->attempt.transfer;
    if (t->fetch) {
        fetch_resume(t->fetch);
    }
}

/* Anthropic: clients act on the event. Chat: a data line with an error object and no [DONE]. */
static void put_error_line(const struct exchange *x, const struct err *err, struct buf *out)
{
    if (x->asked.dialect == DIALECT_ANTHROPIC) {
        BUF_LIT(out, "event: error\n");
    }
    BUF_LIT(out, "data: ");
    answer_error_body(x->asked.dialect, err, x->asked.id, out);
    BUF_LIT(out, "\n\n");
}

static void put_error(struct exchange *x, const struct err *err)
{
    struct buf *out = http_out_chunk_begin(x->conn);
    if (x->asked.dialect == DIALECT_RESPONSES) {
        responses_answer_fail(x, err, out);
    } else {
        put_error_line(x, err, out);
    }
    http_out_chunk_end(x->conn);
}

void stream_break(struct exchange *x)
{
    const struct reply *r = x->attempt.reply; /* NULL between two attempts */
    if (r && r->stopped) {
        x->outcome.err = (struct err){.code = STATUS_OK};
    } else {
        counters_add(COUNTER_STREAMS_BROKEN, 1);
        if (x->asked.dialect != DIALECT_BEDROCK && (!r || !r->failed)) {
            put_error(x, &x->outcome.err);
        }
    }
    if (!x->outcome.told && x->outcome.err.code != STATUS_OK) {
        x->outcome.status = err_http(x->outcome.err.code, x->asked.dialect);
    }
    if (x->asked.dialect == DIALECT_BEDROCK && x->outcome.err.code != STATUS_OK &&
        !x->attempt.transfer.ended) {
        http_out_cut(x->conn); /* as Bedrock's own was */
        return;
    }
    http_out_end(x->conn);
}
