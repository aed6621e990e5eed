/*
 * libFuzzer harness of Bedrock's own Chat Completions on their way back. The input is a stream of
 * server-sent events, read in pieces of the first byte's size, and a whole answer. Checked besides memory
 * safety: the pieces do not matter, what is put is events of JSON, a stream that stopped has [DONE] last
 * and no other has, counts stay in bounds, a whole answer that is taken is JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "server/json/scan.h"
#include "worker/reply/native_reply.h"
#include "worker/reply/sse.h"

#define OUT_MAX   ((size_t)64 << 20)
#define EVENT_MAX ((size_t)1 << 20)

static const struct scan_limits limits = {
    .depth = 520, .values = 4000000, .keys = 200000, .number_len = 600};

static void check_counts(const struct reply *r)
{
    if (r->usage.tokens.input > (uint64_t)INT64_MAX || r->usage.tokens.output > (uint64_t)INT64_MAX)
        abort();
}

static void check_events(struct arena *arena, struct str out, bool stopped)
{
    struct sse s;
    struct eventstream_frame f;
    struct err err;
    bool done = false;
    sse_init(&s, OUT_MAX);
    while (sse_next(&s, &out, &f, &err) == EVENTSTREAM_FRAME) {
        struct scan scan;
        done = text_eq(f.payload, STR("[DONE]"));
        if (!done && scan_parse(&scan, arena, f.payload, &limits, &err) != STATUS_OK)
            abort();
    }
    if (sse_partial(&s) || (stopped && !done))
        abort();
    sse_free(&s);
}

/* Bytes of what was put: the same for every size of the pieces, but for ids, which are of one length. */
static size_t stream(struct arena *arena, struct str bytes, size_t piece, bool tags)
{
    struct sse s;
    struct eventstream_frame f;
    struct buf out;
    struct err err;
    struct reply *r = native_chat_new(arena, STR("m\"x"), piece & 1, tags);
    enum status st = STATUS_OK;
    if (!r)
        abort();
    buf_init(&out, OUT_MAX);
    sse_init(&s, EVENT_MAX);
    while (bytes.n > 0 && st == STATUS_OK && !r->stopped) {
        struct str now = text_sub(bytes, 0, piece);
        bytes = text_sub(bytes, now.n, bytes.n);
        while (st == STATUS_OK && !r->stopped &&
               sse_next(&s, &now, &f, &err) == EVENTSTREAM_FRAME) {
            size_t before = buf_len(&out);
            st = native_chat_relay.event(r, f.type, f.payload, &out, &err);
            if (st != STATUS_OK)
                buf_truncate(&out, before);
        }
    }
    check_counts(r);
    check_events(arena, buf_str(&out), r->stopped);
    size_t n = buf_len(&out);
    sse_free(&s);
    buf_free(&out);
    return n;
}

static void whole(struct arena *arena, struct str body, bool tags)
{
    struct scan s;
    struct buf out;
    struct err err;
    struct reply *r = native_chat_new(arena, STR("m\"x"), false, tags);
    if (!r)
        abort();
    buf_init(&out, OUT_MAX);
    if (native_chat_relay.whole(r, arena, body, &out, &err) == STATUS_OK &&
        scan_parse(&s, arena, buf_str(&out), &limits, &err) != STATUS_OK)
        abort();
    check_counts(r);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    if (n > 0) {
        struct str bytes = {(const char *)data + 1, n - 1};
        size_t piece = 2 * (size_t)(data[0] % 100) + 1 + (data[0] & 1);
        bool tags = data[0] >= 128;
        if (stream(arena, bytes, piece, tags) != stream(arena, bytes, 10000000 + (piece & 1), tags))
            abort();
        whole(arena, bytes, tags);
    }
    arena_drop(arena);
    return 0;
}
