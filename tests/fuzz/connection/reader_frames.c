#include <nghttp2/nghttp2.h>

#include "tests/fuzz/connection/frames.h"
#include "tests/fuzz/connection/world.h"

/* What a client of HTTP/2 got, read by nothing that the worker's own frames are made with but HPACK. */

enum { STREAMS = 64, FRAME_MAX = 16384, WINDOW = 65535 };

/* One of a client: what it asked, as far as the worker has read it, and what came. */
struct answer {
    bool asked, head, whole, reset; /* by the client: a head has begun, is whole, ... */
    bool is_head;                   /* its method is HEAD, or nobody knows */
    uint64_t room;                  /* bytes of DATA that it took, at most */
    unsigned status;                /* of the last head; 0: none */
    bool ended, was_reset;          /* by the worker */
    bool json, events, has_length;
    bool passed; /* Bedrock's own bytes */
    uint64_t length;
    struct buf body;
};

static struct {
    struct answer of[STREAMS];
    uint64_t room, got;      /* of the connection */
    uint32_t most;           /* the greatest window that a stream began with */
    bool odd;                /* the client broke the rules: what is asked cannot be told */
    uint32_t last, code;     /* of the last GOAWAY */
    bool leaves;             /* there was one */
    nghttp2_hd_inflater *in; /* of one direction at a time */
    struct buf block;        /* a head that is not whole */
    uint32_t block_stream;   /* 0: none */
    bool block_ends;
} now;

static struct answer *of(uint32_t stream)
{
    return stream % 2 == 1 && stream / 2 < STREAMS ? &now.of[stream / 2] : NULL;
}

static struct str content(const struct frames_frame *f)
{
    size_t pad = f->flags & FRAMES_PADDED && f->payload.n > 0 ? (unsigned char)f->payload.p[0] : 0;
    if (!(f->flags & FRAMES_PADDED))
        return f->payload;
    struct str rest = text_sub(f->payload, 1, f->payload.n);
    return text_sub(rest, 0, rest.n < pad ? 0 : rest.n - pad);
}

/* Each field of a whole head to fn; false: it is no legal HPACK. */
static bool inflate(struct str block,
                    void (*fn)(struct answer *a, struct str name, struct str value),
                    struct answer *a)
{
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t n =
            nghttp2_hd_inflate_hd2(now.in, &field, &flags, (const uint8_t *)block.p, block.n, 1);
        if (n < 0)
            return false;
        block = text_sub(block, (size_t)n, block.n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            fn(a, (struct str){(const char *)field.name, field.namelen},
               (struct str){(const char *)field.value, field.valuelen});
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            return nghttp2_hd_inflate_end_headers(now.in) == 0;
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && block.n == 0)
            return false;
    }
}

static void begin_direction(void)
{
    if (now.in)
        nghttp2_hd_inflate_del(now.in);
    WORLD_CHECK(nghttp2_hd_inflate_new(&now.in) == 0, "no memory");
    buf_clear(&now.block);
    now.block_stream = 0;
}

/* ---- what the client has asked ------------------------------------------------------------- */

static void asked_field(struct answer *a, struct str name, struct str value)
{
    a->is_head |= text_eq(name, STR(":method")) && text_eq(value, STR("HEAD"));
}

static void asked_head(const struct frames_frame *f, struct answer *a)
{
    if (now.block_stream == 0) {
        now.block_stream = f->stream;
        buf_clear(&now.block);
    }
    now.odd |= now.block_stream != f->stream;
    buf_put_str(&now.block, content(f));
    if (!(f->flags & FRAMES_END_HEADERS))
        return;
    now.block_stream = 0;
    a->head = true;
    if (now.odd || !inflate(buf_str(&now.block), asked_field, a))
        now.odd = a->is_head = true;
}

static void asked_settings(struct str entries)
{
    for (; entries.n >= 6; entries = text_sub(entries, 6, entries.n)) {
        uint32_t value = frames_number(text_sub(entries, 2, 4));
        if (entries.p[0] == 0 && entries.p[1] == NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
            now.most = value > now.most ? value : now.most;
    }
}

static void read_asked(struct str in)
{
    struct frames_frame f;
    begin_direction();
    in = text_sub(in, FRAMES_PREFACE.n, in.n);
    while (frames_next(&in, &f)) {
        struct answer *a = of(f.stream);
        bool last = f.flags & FRAMES_END_STREAM;
        if (f.type == FRAMES_SETTINGS && !(f.flags & FRAMES_ACK))
            asked_settings(f.payload);
        if (f.type == FRAMES_WINDOW_UPDATE && f.stream == 0)
            now.room += frames_number(f.payload);
        if (!a)
            continue;
        a->asked |= f.type == FRAMES_HEADERS;
        if (f.type == FRAMES_HEADERS || f.type == FRAMES_CONTINUATION)
            asked_head(&f, a);
        a->whole |= last && (f.type == FRAMES_HEADERS || f.type == FRAMES_DATA);
        a->reset |= f.type == FRAMES_RST_STREAM;
        if (f.type == FRAMES_WINDOW_UPDATE)
            a->room += frames_number(f.payload);
    }
    /* A head that can be no good is refused before it is whole. */
    struct answer *a =
        in.n >= 9 && in.p[3] == FRAMES_HEADERS ? of(frames_number(text_sub(in, 5, 4))) : NULL;
    if (a)
        a->asked = true;
}

/* ---- what the worker has said -------------------------------------------------------------- */

static void told_field(struct answer *a, struct str name, struct str value)
{
    uint64_t status;
    for (size_t i = 0; i < name.n; i++)
        WORLD_CHECK(name.p[i] > 0x20 && name.p[i] < 0x7f && !(name.p[i] >= 'A' && name.p[i] <= 'Z'),
                    "a malformed field: %.*s", STR_ARG(name));
    if (text_eq(name, STR(":status"))) {
        WORLD_CHECK(text_u64(value, &status) && reader_knows((unsigned)status),
                    "an unknown status: %.*s", STR_ARG(value));
        a->status = (unsigned)status;
        return;
    }
    WORLD_CHECK(a->status != 0, "a field before the status: %.*s", STR_ARG(name));
    WORLD_CHECK(!text_eq(name, STR("connection")) && !text_eq(name, STR("transfer-encoding")),
                "a field of HTTP/1.1: %.*s", STR_ARG(name));
    if (text_eq(name, STR("content-length"))) {
        WORLD_CHECK(!a->has_length && text_u64(value, &a->length), "a bad length");
        a->has_length = true;
    }
    a->passed |= text_eq(name, STR("x-amzn-requestid"));
    a->json |= text_eq(name, STR("content-type")) && text_eq(value, STR("application/json"));
    a->events |= text_eq(name, STR("content-type")) && text_starts(value, STR("text/event-stream"));
}

static void told_end(struct answer *a)
{
    struct str body = buf_str(&a->body);
    bool bodyless =
        a->status == 204 || a->status == 304 || (body.n == 0 && (a->is_head || now.odd));
    a->ended = true;
    WORLD_CHECK(a->status >= 200, "an answer without a head");
    WORLD_CHECK(bodyless || !a->has_length || a->length == body.n,
                "%zu bytes of an answer that has %llu", body.n, (unsigned long long)a->length);
    WORLD_CHECK(!bodyless || body.n == 0, "a body of an answer that has none");
    if (!bodyless && !a->passed)
        reader_content(a->json, a->events, body);
}

static void told_head(const struct frames_frame *f, struct answer *a)
{
    if (f->type == FRAMES_HEADERS) {
        WORLD_CHECK(a->status < 200, "a second head on stream %u", f->stream);
        a->status = 0;
        a->has_length = a->json = a->events = false;
        now.block_stream = f->stream;
        now.block_ends = f->flags & FRAMES_END_STREAM;
        buf_clear(&now.block);
    }
    WORLD_CHECK(now.block_stream == f->stream, "a head is interrupted");
    buf_put_str(&now.block, content(f));
    if (!(f->flags & FRAMES_END_HEADERS))
        return;
    now.block_stream = 0;
    WORLD_CHECK(inflate(buf_str(&now.block), told_field, a), "no HPACK");
    if (now.block_ends)
        told_end(a);
}

static void told_of_stream(const struct frames_frame *f)
{
    struct answer *a = of(f->stream);
    WORLD_CHECK(f->stream % 2 == 1, "a stream of the worker's own: %u", f->stream);
    if (!a)
        return;
    WORLD_CHECK(a->asked || now.odd, "frame %u on stream %u, which was not asked", f->type,
                f->stream);
    WORLD_CHECK(!a->was_reset, "a frame behind RST_STREAM");
    WORLD_CHECK(!a->ended || f->type == FRAMES_RST_STREAM || f->type == FRAMES_WINDOW_UPDATE,
                "a frame behind the end");
    if (f->type == FRAMES_HEADERS || f->type == FRAMES_CONTINUATION) {
        told_head(f, a);
    } else if (f->type == FRAMES_DATA) {
        WORLD_CHECK(a->status >= 200, "a body before its head");
        now.got += f->payload.n;
        buf_put_str(&a->body, content(f));
        WORLD_CHECK(buf_len(&a->body) <= a->room + now.most && now.got <= now.room + WINDOW,
                    "more than the client's window takes");
        if (f->flags & FRAMES_END_STREAM)
            told_end(a);
    } else {
        a->was_reset = f->type == FRAMES_RST_STREAM;
    }
}

static void told_of_connection(const struct frames_frame *f)
{
    WORLD_CHECK(f->type == FRAMES_SETTINGS || f->type == FRAMES_PING || f->type == FRAMES_GOAWAY ||
                    f->type == FRAMES_WINDOW_UPDATE,
                "frame %u on the connection", f->type);
    if (f->type == FRAMES_GOAWAY) {
        uint32_t last = frames_number(f->payload);
        WORLD_CHECK(!now.leaves || last <= now.last, "GOAWAY takes back what it said");
        now.leaves = true;
        now.last = last;
        now.code |= frames_number(text_sub(f->payload, 4, 4));
    }
}

/* false: it ends inside a frame. */
static bool read_told(struct str out)
{
    struct frames_frame f;
    bool first = true;
    begin_direction();
    for (; frames_next(&out, &f); first = false) {
        WORLD_CHECK(!first || (f.type == FRAMES_SETTINGS && f.flags == 0), "no greeting");
        WORLD_CHECK(f.payload.n <= FRAME_MAX, "a frame of %zu bytes", f.payload.n);
        WORLD_CHECK(now.block_stream == 0 || f.type == FRAMES_CONTINUATION,
                    "a head is interrupted");
        if (f.stream == 0)
            told_of_connection(&f);
        else
            told_of_stream(&f);
    }
    return out.n == 0;
}

/* Who leaves in order has answered all that it says it has read, or has reset it. */
static void judge(const struct kernel_file *f, bool whole)
{
    bool stayed = !f->fin && !f->reset && !f->vanished && !f->choked;
    WORLD_CHECK(whole || !f->shut, "a connection that ends in order ends inside a frame");
    if (!stayed || !world.patient || world.starved || world.hurried || now.odd || !now.leaves ||
        now.code != 0 || !whole)
        return;
    for (uint32_t i = 0; i < STREAMS; i++) {
        const struct answer *a = &now.of[i];
        bool owed = a->head && a->whole && !a->reset && 2 * i + 1 <= now.last;
        WORLD_CHECK(!owed || a->ended || a->was_reset, "stream %u was read and not answered",
                    2 * i + 1);
    }
}

void reader_frames(const struct kernel_file *f)
{
    for (uint32_t i = 0; i < STREAMS; i++) {
        buf_free(&now.of[i].body);
        now.of[i] = (struct answer){.asked = false};
        buf_init(&now.of[i].body, 1 << 26);
    }
    buf_free(&now.block);
    buf_init(&now.block, 1 << 20);
    now.room = now.got = 0;
    now.most = WINDOW;
    now.odd = now.leaves = false;
    now.last = now.code = 0;
    read_asked((struct str){f->in.p, f->taken});
    judge(f, read_told((struct str){f->out.p, f->out.n}));
    for (uint32_t i = 0; i < STREAMS; i++)
        buf_free(&now.of[i].body);
    buf_free(&now.block);
    nghttp2_hd_inflate_del(now.in);
    now.in = NULL;
}
