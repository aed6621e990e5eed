/*
 * The first byte chooses the size of the pieces and whether the rest is a raw stream or becomes the
 * headers of a frame with right checksums (else no input would get past them). Checked: all pieces
 * give the same frames as one, spans are readable, an error stays.
 */
#include "server/aws/eventstream.h"

#include <assert.h>
#include "server/base/crc32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME_MAX 65536

struct outcome {
    size_t frames;
    uint32_t crc; /* of all that the frames held */
    bool bad;
    bool partial;
};

static void put_be32(struct buf *b, size_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_put_char(b, (char)(v >> shift));
}

static void wrap(struct buf *out, struct str headers, struct str payload)
{
    size_t from = buf_len(out);
    put_be32(out, 16 + headers.n + payload.n);
    put_be32(out, headers.n);
    put_be32(out, crc32_add(0, buf_data(out) + from, 8));
    buf_put_str(out, headers);
    buf_put_str(out, payload);
    put_be32(out, crc32_add(0, buf_data(out) + from, buf_len(out) - from));
}

static uint32_t add(uint32_t crc, struct str s)
{
    return crc32_add(crc, s.p, s.n);
}

static struct outcome decode(struct str stream, size_t piece)
{
    struct outcome o = {0};
    struct eventstream es;
    eventstream_init(&es, FRAME_MAX);
    for (size_t at = 0; at < stream.n && !o.bad; at += piece) {
        struct str in = text_sub(stream, at, piece);
        struct eventstream_frame f;
        struct err err = {0};
        enum eventstream_next got;
        while ((got = eventstream_next(&es, &in, &f, &err)) == EVENTSTREAM_FRAME) {
            o.frames++;
            assert(f.type.n > 0);
            o.crc = add(add(add(o.crc, f.type), f.message), f.payload);
        }
        o.bad = got == EVENTSTREAM_BAD;
        assert(o.bad ? err.code == STATUS_UPSTREAM && es.lost : in.n == 0);
    }
    o.partial = eventstream_partial(&es);
    eventstream_free(&es);
    return o;
}

static void decode_both(struct str stream, size_t piece)
{
    struct outcome whole = decode(stream, stream.n + 1);
    struct outcome pieces = decode(stream, piece);
    assert(whole.frames == pieces.frames && whole.crc == pieces.crc);
    assert(whole.bad == pieces.bad && whole.partial == pieces.partial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t piece = 1 + (data[0] & 63);
    struct str rest = {(const char *)data + 1, size - 1};
    if (data[0] < 128) {
        decode_both(rest, piece);
        return 0;
    }
    struct buf stream;
    buf_init(&stream, (size_t)1 << 20);
    wrap(&stream, rest, STR("{}"));
    eventstream_encode(&stream, EVENTSTREAM_EVENT, STR("chunk"), text_sub(rest, 0, 1000));
    decode_both(buf_str(&stream), piece);
    buf_free(&stream);
    return 0;
}
