#include "tests/mock/stream.h"

#include <stdio.h>
#include <string.h>

#include "server/base/clock.h"
#include "tests/mock/frame.h"

#define DELTA_BYTES     12 /* about three tokens, as real streams have them */
#define PAYLOAD_MAX     ((size_t)64 * 1024 * 1024)
#define DISTURBED_DELTA 2 /* the delta before which "stall" and "unknown-event" happen */

struct stream {
    const struct speaker *speaker;
    struct faults faults;
    struct reply reply; /* its spans point into store */
    enum moment_kind next;
    size_t block;
    size_t offset;   /* in the block's text, or repeats done */
    uint32_t deltas; /* made so far */
    uint64_t bytes;  /* made so far */
    bool disturbed;  /* the one-time disturbance is behind us */
    char store[];
};

static struct str keep(struct str s, char **at)
{
    if (!s.p)
        return s;
    memcpy(*at, s.p, s.n);
    struct str kept = {*at, s.n};
    *at += s.n;
    return kept;
}

static size_t store_size(const struct reply *r)
{
    size_t n = r->model.n + r->stop_sequence.n;
    for (size_t i = 0; i < r->block_n; i++)
        n += r->block[i].text.n + r->block[i].name.n;
    return n;
}

struct stream *stream_new(const struct speaker *speaker, const struct reply *reply,
                          const struct faults *faults)
{
    struct stream *s = heap_new(sizeof *s + store_size(reply));
    if (!s)
        return NULL;
    s->speaker = speaker;
    s->faults = *faults;
    s->reply = *reply;
    s->next = MOMENT_START;
    char *at = s->store;
    s->reply.model = keep(reply->model, &at);
    s->reply.stop_sequence = keep(reply->stop_sequence, &at);
    for (size_t i = 0; i < reply->block_n; i++) {
        s->reply.block[i].text = keep(reply->block[i].text, &at);
        s->reply.block[i].name = keep(reply->block[i].name, &at);
    }
    return s;
}

void stream_drop(struct stream *s)
{
    heap_drop(s);
}

bool stream_bytewise(const struct stream *s)
{
    return fault_on(&s->faults, FAULT_BYTEWISE);
}

uint32_t stream_output_tokens(const struct stream *s)
{
    uint32_t total = s->reply.usage.output;
    return s->next == MOMENT_STOP || s->next == MOMENT_END || s->deltas > total ? total : s->deltas;
}

/* Short answers end before that delta; then it is before their closing events. */
static bool is_disturbed_delta(const struct stream *s)
{
    bool there = s->next == MOMENT_DELTA && s->deltas == DISTURBED_DELTA;
    return !s->disturbed && (there || s->next == MOMENT_STOP);
}

uint32_t stream_delay_ms(struct stream *s)
{
    const struct faults *f = &s->faults;
    if (fault_on(f, FAULT_SILENCE) && s->next != MOMENT_START)
        return f->n[FAULT_SILENCE];
    if (fault_on(f, FAULT_STALL) && is_disturbed_delta(s)) {
        s->disturbed = true;
        return f->n[FAULT_STALL];
    }
    if (s->next != MOMENT_DELTA)
        return 0;
    return fault_on(f, FAULT_PACE) ? f->n[FAULT_PACE] : s->reply.pace_ms;
}

/* --- the good stream --- */

static struct str stamped(void)
{
    static char text[32];
    int n = snprintf(text, sizeof text, "@%llu ", (unsigned long long)clock_now_ns());
    return (struct str){text, (size_t)n};
}

/* The next delta of the current block; moves on in it. */
static struct str cut_piece(struct stream *s)
{
    const struct block *b = &s->reply.block[s->block];
    bool stamp = fault_on(&s->faults, FAULT_STAMP) && b->kind == BLOCK_TEXT;
    if (b->repeat) {
        s->offset++;
        return stamp ? stamped() : b->text;
    }
    struct str rest = text_sub(b->text, s->offset, b->text.n);
    size_t n = ask_piece(rest, DELTA_BYTES);
    s->offset += n;
    return stamp ? stamped() : text_sub(rest, 0, n);
}

static bool block_is_done(const struct stream *s)
{
    const struct block *b = &s->reply.block[s->block];
    return s->offset >= (b->repeat ? b->repeat : b->text.n);
}

static enum moment_kind after_block(struct stream *s)
{
    s->offset = 0;
    return ++s->block < s->reply.block_n ? MOMENT_BLOCK_START : MOMENT_STOP;
}

static enum moment_kind following(struct stream *s)
{
    switch (s->next) {
    case MOMENT_START:
        return s->reply.block_n ? MOMENT_BLOCK_START : MOMENT_STOP;
    case MOMENT_BLOCK_START:
        return block_is_done(s) ? MOMENT_BLOCK_STOP : MOMENT_DELTA;
    case MOMENT_DELTA:
        if (!block_is_done(s))
            return MOMENT_DELTA;
        return s->reply.block[s->block].kind == BLOCK_THINKING ? MOMENT_SIGNATURE
                                                               : MOMENT_BLOCK_STOP;
    case MOMENT_SIGNATURE:
        return MOMENT_BLOCK_STOP;
    case MOMENT_BLOCK_STOP:
        return after_block(s);
    default:
        return MOMENT_END;
    }
}

/* Appends the frame of the current moment and moves on; true when it was the last. */
static bool say(struct stream *s, struct buf *out)
{
    static struct buf payload; /* kept: see invoke.c */
    if (payload.max == 0)
        buf_init(&payload, PAYLOAD_MAX);
    buf_clear(&payload);
    struct moment m = {.kind = s->next, .reply = &s->reply, .block = s->block};
    if (m.kind == MOMENT_DELTA) {
        m.piece = cut_piece(s);
        s->deltas++;
    } else if (m.kind == MOMENT_SIGNATURE) {
        m.piece = ask_signature();
    }
    struct str type = s->speaker->event(&m, &payload);
    if (type.n)
        frame_event(out, type, buf_str(&payload));
    bool last = s->next == MOMENT_END;
    s->next = following(s);
    return last;
}

/* --- faults --- */

static void put_exception(enum fault_id id, struct buf *out)
{
    const struct fault_row *row = fault_row(id);
    char json[300];
    int n = snprintf(json, sizeof json, "{\"message\":\"%s\"%s}", row->text,
                     id == FAULT_STREAM_MODEL_ERROR
                         ? ",\"originalStatusCode\":500,\"originalMessage\":\"model failed\""
                         : "");
    if (id == FAULT_STREAM_ERROR_FRAME)
        frame_error(out, text_from(row->type), text_from(row->text));
    else
        frame_exception(out, text_from(row->type), (struct str){json, (size_t)n});
}

/* After N deltas, or before the closing events of a shorter answer; 0: before anything else. */
static bool is_due(const struct stream *s, enum fault_id id)
{
    uint32_t n = s->faults.n[id];
    bool there = s->deltas >= n && (n == 0 || s->next != MOMENT_START);
    return fault_on(&s->faults, id) && (there || s->next == MOMENT_STOP);
}

/* Flips one bit of the frame that follows: at is counted from its start, or from its end when
 * negative. */
static void say_spoilt(struct stream *s, struct buf *out, long at)
{
    size_t before;
    do {
        before = buf_len(out);
        say(s, out);
    } while (buf_len(out) == before && s->next != MOMENT_END);
    if (buf_len(out) > before)
        buf_data(out)[at < 0 ? buf_len(out) - (size_t)-at : before + (size_t)at] ^= 1;
}

static enum stream_step break_wire(struct stream *s, struct buf *out)
{
    if (is_due(s, FAULT_BAD_CRC)) {
        say_spoilt(s, out, -1);
        s->faults.on &= ~(UINT64_C(1) << FAULT_BAD_CRC); /* good frames follow, as they would */
    } else if (is_due(s, FAULT_BAD_PRELUDE)) {
        say_spoilt(s, out, 8);
        s->faults.on &= ~(UINT64_C(1) << FAULT_BAD_PRELUDE);
    } else if (is_due(s, FAULT_GIANT_FRAME)) {
        frame_announce(out, 512u * 1024 * 1024);
        return STREAM_HANG;
    } else if (is_due(s, FAULT_TRUNCATED_FRAME)) {
        size_t before = buf_len(out);
        while (buf_len(out) == before)
            say(s, out);
        buf_truncate(out, before + (buf_len(out) - before) / 2);
        return STREAM_END;
    } else if (fault_on(&s->faults, FAULT_MISSING_END) && s->next == MOMENT_STOP) {
        return STREAM_END;
    } else {
        return say(s, out) ? STREAM_END : STREAM_GO;
    }
    return STREAM_GO;
}

/* cut-N and close-N: bytes past the N-th are taken back. */
static enum stream_step limit(struct stream *s, struct buf *out, size_t before,
                              enum stream_step step)
{
    uint64_t had = s->bytes;
    s->bytes += buf_len(out) - before;
    enum fault_id id = fault_on(&s->faults, FAULT_CUT) ? FAULT_CUT : FAULT_CLOSE;
    if (!fault_on(&s->faults, id) || s->bytes < s->faults.n[id])
        return step;
    buf_truncate(out, before + (size_t)(s->faults.n[id] - had));
    s->bytes = s->faults.n[id];
    return id == FAULT_CUT ? STREAM_RESET : STREAM_END;
}

enum stream_step stream_next(struct stream *s, struct buf *out)
{
    size_t before = buf_len(out);
    enum fault_id exception = fault_of_kind(&s->faults, FAULT_EVENT);
    if (exception != FAULT_COUNT && is_due(s, exception)) {
        put_exception(exception, out);
        return STREAM_END;
    }
    if (fault_on(&s->faults, FAULT_UNKNOWN_EVENT) && is_disturbed_delta(s)) {
        s->disturbed = true;
        frame_event(out, text_from(fault_row(FAULT_UNKNOWN_EVENT)->type), STR("{\"p\":\"abc\"}"));
        return STREAM_GO;
    }
    enum stream_step step = break_wire(s, out);
    return limit(s, out, before, step);
}
