#include "tests/fuzz/connection/frames.h"

#include "tests/fuzz/connection/saying.h"

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))

enum { HEAD = 9, PIECE = 5000 /* of a body in one frame */ };

/* ---- reading ------------------------------------------------------------------------------ */

uint32_t frames_number(struct str payload)
{
    const unsigned char *u = (const unsigned char *)payload.p;
    return payload.n < 4
               ? 0
               : (uint32_t)(u[0] & 127) << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

bool frames_next(struct str *in, struct frames_frame *out)
{
    const unsigned char *u = (const unsigned char *)in->p;
    size_t n = in->n < HEAD ? 0 : (size_t)u[0] << 16 | (size_t)u[1] << 8 | u[2];
    if (in->n < HEAD + n)
        return false;
    *out = (struct frames_frame){.type = (enum frames_type)u[3],
                                 .flags = u[4],
                                 .stream = frames_number(text_sub(*in, 5, 4)),
                                 .payload = text_sub(*in, HEAD, n)};
    *in = text_sub(*in, HEAD + n, in->n);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void put_number(uint32_t n, struct buf *out)
{
    const char bytes[] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    buf_put(out, bytes, sizeof bytes);
}

static void put_head(size_t n, uint32_t type, uint32_t flags, uint32_t stream, struct buf *out)
{
    const char bytes[] = {(char)(n >> 16), (char)(n >> 8), (char)n, (char)type, (char)flags};
    buf_put(out, bytes, sizeof bytes);
    put_number(stream, out);
}

static void put_frame(uint32_t type, uint32_t flags, uint32_t stream, struct str payload,
                      struct buf *out)
{
    put_head(payload.n, type, flags, stream, out);
    buf_put_str(out, payload);
}

/* HPACK: a string as it is. */
static void put_string(struct str s, struct buf *out)
{
    size_t rest = s.n;
    buf_put(out, &(char){(char)(rest < 127 ? rest : 127)}, 1);
    if (rest >= 127) {
        for (rest -= 127; rest >= 128; rest /= 128)
            buf_put(out, &(char){(char)(rest % 128 + 128)}, 1);
        buf_put(out, &(char){(char)rest}, 1);
    }
    buf_put_str(out, s);
}

/* With 0x40 in front it enters the table of both sides: keys do not. */
static void put_field(struct str name, struct str value, struct buf *out)
{
    bool indexed = name.n > 0 && name.n % 2 == 0 && !text_ieq(name, STR("authorization"));
    buf_put(out, &(char){indexed ? 0x40 : 0x10}, 1);
    size_t at = buf_len(out);
    put_string(name, out);
    for (size_t i = at + 1; i < buf_len(out); i++) {
        char *c = buf_data(out) + i;
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 32) : *c;
    }
    put_string(value, out);
}

/* "Name: value\r\n" ... */
static void put_lines(struct str lines, struct buf *out)
{
    size_t end, at;
    while (text_find(lines, STR("\r\n"), &end)) {
        struct str line = text_sub(lines, 0, end);
        lines = text_sub(lines, end + 2, lines.n);
        if (text_find(line, STR(": "), &at))
            put_field(text_sub(line, 0, at), text_sub(line, at + 2, line.n), out);
    }
}

static void put_block(const struct saying_parts *p, size_t length, struct buf *out)
{
    char digits[20];
    struct str rest = text_from(p->line), method = {NULL, 0}, path = {NULL, 0};
    text_split(&rest, ' ', &method);
    text_split(&rest, ' ', &path);
    put_field(STR(":method"), method, out);
    put_field(STR(":scheme"), STR("http"), out);
    put_field(STR(":path"), path, out);
    put_field(STR(":authority"), STR("gateway"), out);
    put_lines(text_from(p->key), out);
    put_lines(text_from(p->headers), out);
    if (p->has_length)
        put_field(STR("content-length"), (struct str){digits, text_put_u64(length, digits)}, out);
}

void frames_greeting(struct buf *out)
{
    buf_put_str(out, FRAMES_PREFACE);
    put_frame(FRAMES_SETTINGS, 0, 0, (struct str){NULL, 0}, out);
}

/* A long head comes in two frames; a request that only announces its body stays open. */
void frames_request(uint32_t request, uint32_t key, uint32_t stream, struct buf *out)
{
    struct saying_parts p;
    struct buf body, block;
    buf_init(&body, 1 << 20);
    buf_init(&block, 1 << 20);
    saying_parts(request, key, &p, &body);
    put_block(&p, buf_len(&body), &block);
    struct str head = buf_str(&block), rest = buf_str(&body);
    bool ends = rest.n == 0 && !p.open;
    size_t first = head.n > 200 ? 150 : head.n;
    put_frame(FRAMES_HEADERS,
              (ends ? FRAMES_END_STREAM : 0u) | (first == head.n ? FRAMES_END_HEADERS : 0u), stream,
              text_sub(head, 0, first), out);
    if (first < head.n)
        put_frame(FRAMES_CONTINUATION, FRAMES_END_HEADERS, stream, text_sub(head, first, head.n),
                  out);
    while (rest.n > 0) {
        struct str piece = text_sub(rest, 0, PIECE);
        rest = text_sub(rest, piece.n, rest.n);
        put_frame(FRAMES_DATA, rest.n == 0 ? FRAMES_END_STREAM : 0, stream, piece, out);
    }
    buf_free(&block);
    buf_free(&body);
}

/* ---- the table ---------------------------------------------------------------------------- */

#define SETTING(id, a, b, c, d) "\0" id a b c d
#define TEXT(s)                 (sizeof(s) - 1), s

static const struct one {
    uint8_t type, flags;
    bool of_connection;
    size_t n;
    const char *payload;
} ones[] = {
    {FRAMES_SETTINGS, 0, true, TEXT("")},
    {FRAMES_SETTINGS, FRAMES_ACK, true, TEXT("")},
    {FRAMES_SETTINGS, 0, true, TEXT(SETTING("\4", "\0", "\0", "\0", "\0"))},
    {FRAMES_SETTINGS, 0, true, TEXT(SETTING("\4", "\0", "\0", "\0", "\12"))},
    {FRAMES_SETTINGS, 0, true, TEXT(SETTING("\4", "\0", "\20", "\0", "\0"))},
    {FRAMES_SETTINGS, 0, true, TEXT(SETTING("\1", "\0", "\0", "\0", "\0"))},
    {FRAMES_SETTINGS, 0, true, TEXT(SETTING("\5", "\0", "\0", "\0", "\1"))},
    {FRAMES_SETTINGS, 0, true, TEXT("\0\4\0")},
    {FRAMES_WINDOW_UPDATE, 0, false, TEXT("\0\0\0\1")},
    {FRAMES_WINDOW_UPDATE, 0, false, TEXT("\0\0\20\0")},
    {FRAMES_WINDOW_UPDATE, 0, true, TEXT("\0\0\20\0")},
    {FRAMES_WINDOW_UPDATE, 0, true, TEXT("\177\377\377\377")},
    {FRAMES_WINDOW_UPDATE, 0, false, TEXT("\177\377\377\377")},
    {FRAMES_WINDOW_UPDATE, 0, false, TEXT("\0\0\0\0")},
    {FRAMES_RST_STREAM, 0, false, TEXT("\0\0\0\10")},
    {FRAMES_RST_STREAM, 0, false, TEXT("\0\0\0\0")},
    {FRAMES_RST_STREAM, 0, false, TEXT("\0\0\0")},
    {FRAMES_PING, 0, true, TEXT("12345678")},
    {FRAMES_PING, FRAMES_ACK, true, TEXT("12345678")},
    {FRAMES_PRIORITY, 0, false, TEXT("\0\0\0\0\20")},
    {FRAMES_GOAWAY, 0, true, TEXT("\0\0\0\0\0\0\0\0")},
    {FRAMES_DATA, 0, false, TEXT(" ")},
    {FRAMES_DATA, FRAMES_END_STREAM, false, TEXT("")},
    {FRAMES_DATA, FRAMES_END_STREAM, false, TEXT("{}")},
    {FRAMES_DATA, FRAMES_PADDED, false, TEXT("\3\0\0\0")},
    {FRAMES_DATA, FRAMES_PADDED | FRAMES_END_STREAM, false, TEXT("\2}\0\0")},
    {FRAMES_DATA, FRAMES_PADDED, false, TEXT("\11\0")},
    {FRAMES_DATA, 0, true, TEXT("x")},
    {FRAMES_HEADERS, FRAMES_END_STREAM | FRAMES_END_HEADERS, false, TEXT("\0\1x\1y")},
    {FRAMES_HEADERS, FRAMES_END_HEADERS, false, TEXT("\0\1x\1y")},
    {FRAMES_HEADERS, 0, false, TEXT("\0\1x\1y")},
    {FRAMES_HEADERS, FRAMES_END_HEADERS, false, TEXT("\377\377\377\377")},
    {FRAMES_CONTINUATION, FRAMES_END_HEADERS, false, TEXT("\0\1x\1y")},
    {FRAMES_CONTINUATION, 0, false, TEXT("")},
    {FRAMES_PUSH_PROMISE, FRAMES_END_HEADERS, false, TEXT("\0\0\0\2")},
    {FRAMES_ALTSVC, 0, true, TEXT("\0\1xy")},
    {FRAMES_PRIORITY_UPDATE, 0, true, TEXT("\0\0\0\1u=1")},
    {99, 0xff, false, TEXT("nobody knows")},
};

void frames_one(uint32_t kind, uint32_t stream, struct buf *out)
{
    const struct one *o = &ones[kind % COUNT(ones)];
    put_frame(o->type, o->flags, o->of_connection ? 0 : stream, (struct str){o->payload, o->n},
              out);
}
