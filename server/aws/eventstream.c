#include "server/aws/eventstream.h"

#include <assert.h>
#include <string.h>
#include "server/base/crc32.h"

/*
 * A frame, all numbers big-endian:
 *
 *   u32 total | u32 headers | u32 CRC of these 8 | headers | payload | u32 CRC of all before
 *   header: u8 length, name, u8 type, value
 */
enum {
    PRELUDE = 12,
    OVERHEAD = 16,                 /* prelude and trailing CRC */
    HEADER_BLOCK_MAX = 128 * 1024, /* as in botocore and aws-c-event-stream */
    HEADER_COUNT_MAX = 64,         /* Bedrock sends three */
    VALUE_MAX = 32767,
    HELD_KEEP = 64 * 1024, /* a bigger buffer is given back after its frame */
};

enum { VALUE_STRING = 7, VALUE_TYPES = 10 };

/* Bytes of a value by its type; -1: a u16 length comes first. */
static const int8_t value_size[VALUE_TYPES] = {
    0,  /* 0 true */
    0,  /* 1 false */
    1,  /* 2 byte */
    2,  /* 3 short */
    4,  /* 4 integer */
    8,  /* 5 long */
    -1, /* 6 byte array */
    -1, /* 7 string */
    8,  /* 8 timestamp, ms */
    16, /* 9 UUID */
};

struct kind_row {
    struct str message_type;
    struct str type_header;
};

static const struct kind_row kinds[] = {
    [EVENTSTREAM_EVENT] = {STR("event"), STR(":event-type")},
    [EVENTSTREAM_EXCEPTION] = {STR("exception"), STR(":exception-type")},
    [EVENTSTREAM_ERROR] = {STR("error"), STR(":error-code")},
};
enum { KINDS = COUNT_OF(kinds) };

struct header {
    struct str name;
    struct str value; /* p is NULL unless the type is string */
};

struct headers {
    struct header row[HEADER_COUNT_MAX];
    size_t count;
};

void eventstream_init(struct eventstream *es, size_t frame_max)
{
    *es = (struct eventstream){.frame_max = frame_max};
    buf_init(&es->held, frame_max);
}

void eventstream_free(struct eventstream *es)
{
    buf_free(&es->held);
}

bool eventstream_partial(const struct eventstream *es)
{
    return buf_len(&es->held) > es->due;
}

/* --- one frame --- */

static uint32_t be32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* NULL when the prelude is good, else what is wrong. The lengths mean nothing before the
 * CRC holds. */
static const char *check_prelude(const char *p, size_t frame_max)
{
    uint32_t total = be32(p);
    uint32_t headers = be32(p + 4);
    if (crc32_add(0, p, 8) != be32(p + 8)) {
        return "bad prelude checksum";
    }
    if (total < OVERHEAD || headers > total - OVERHEAD || headers > HEADER_BLOCK_MAX) {
        return "impossible lengths";
    }
    if (total > frame_max) {
        return "frame too large";
    }
    return NULL;
}

/* Takes n bytes off *rest; false when there are not so many. */
static bool take(struct str *rest, size_t n, struct str *out)
{
    if (n > rest->n) {
        return false;
    }
    *out = (struct str){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return true;
}

static bool take_number(struct str *rest, size_t bytes, size_t *out)
{
    struct str raw;
    if (!take(rest, bytes, &raw)) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < bytes; i++) {
        *out = *out << 8 | (uint8_t)raw.p[i];
    }
    return true;
}

static bool take_header(struct str *rest, struct header *out)
{
    size_t name_size, type, size;
    if (!take_number(rest, 1, &name_size) || name_size == 0 || !take(rest, name_size, &out->name) ||
        !take_number(rest, 1, &type) || type >= VALUE_TYPES) {
        return false;
    }
    if (value_size[type] >= 0) {
        size = (size_t)value_size[type];
    } else if (!take_number(rest, 2, &size) || size > VALUE_MAX) {
        return false;
    }
    if (!take(rest, size, &out->value)) {
        return false;
    }
    if (type != VALUE_STRING) {
        out->value = (struct str){NULL, 0};
    }
    return true;
}

static const struct header *find(const struct headers *h, struct str name)
{
    for (size_t i = 0; i < h->count; i++) {
        if (text_eq(h->row[i].name, name)) {
            return &h->row[i];
        }
    }
    return NULL;
}

static const char *read_headers(struct str block, struct headers *out)
{
    out->count = 0;
    while (block.n > 0) {
        struct header h;
        if (out->count == HEADER_COUNT_MAX) {
            return "too many headers";
        }
        if (!take_header(&block, &h)) {
            return "malformed header";
        }
        if (find(out, h.name) != NULL) {
            return "duplicate header";
        }
        out->row[out->count++] = h;
    }
    return NULL;
}

static struct str string_value(const struct headers *h, struct str name)
{
    const struct header *row = find(h, name);
    return row == NULL ? (struct str){NULL, 0} : row->value;
}

static const char *classify(const struct headers *h, struct eventstream_frame *out)
{
    struct str message_type = string_value(h, STR(":message-type"));
    size_t k = 0;
    while (k < KINDS && !text_eq(message_type, kinds[k].message_type)) {
        k++;
    }
    if (k == KINDS) {
        return "missing or unknown message type";
    }
    out->kind = (enum eventstream_kind)k;
    out->type = string_value(h, kinds[k].type_header);
    out->message = string_value(h, STR(":error-message"));
    return out->type.n > 0 ? NULL : "frame without a type";
}

/* p is a whole frame whose prelude is good. */
static const char *read_frame(const char *p, struct eventstream_frame *out)
{
    size_t total = be32(p);
    size_t header_size = be32(p + 4);
    if (crc32_add(0, p, total - 4) != be32(p + total - 4)) {
        return "bad message checksum";
    }
    struct headers h;
    const char *wrong = read_headers((struct str){p + PRELUDE, header_size}, &h);
    if (wrong != NULL) {
        return wrong;
    }
    out->raw = (struct str){p, total};
    out->payload = (struct str){p + PRELUDE + header_size, total - OVERHEAD - header_size};
    return classify(&h, out);
}

/* --- the stream --- */

static enum eventstream_next lose(struct eventstream *es, enum status code, const char *what,
                                  struct err *err)
{
    es->lost = true;
    es->due = 0;
    err_set(&es->why, code, "event stream: %s", what);
    buf_free(&es->held);
    if (err != NULL) {
        *err = es->why;
    }
    return EVENTSTREAM_BAD;
}

static enum eventstream_next finish(struct eventstream *es, const char *frame,
                                    struct eventstream_frame *frame_out, struct err *err)
{
    const char *wrong = read_frame(frame, frame_out);
    return wrong == NULL ? EVENTSTREAM_FRAME : lose(es, STATUS_UPSTREAM, wrong, err);
}

/* Moves bytes from *input until `want` are held; false when memory is out. */
static bool hold(struct eventstream *es, struct str *input, size_t want)
{
    size_t have = buf_len(&es->held);
    struct str piece = text_sub(*input, 0, want > have ? want - have : 0);
    buf_put_str(&es->held, piece);
    input->p += piece.n;
    input->n -= piece.n;
    return buf_ok(&es->held);
}

/* The frame that `held` gave last time is done with. */
static void drop_frame(struct eventstream *es)
{
    if (es->due == 0) {
        return;
    }
    assert(es->due == buf_len(&es->held));
    es->due = 0;
    if (es->held.cap > HELD_KEEP) {
        buf_free(&es->held);
    } else {
        buf_clear(&es->held);
    }
}

/* The slow path: the frame began in an earlier call or is not all here yet. */
static enum eventstream_next next_held(struct eventstream *es, struct str *input,
                                       struct eventstream_frame *frame_out, struct err *err)
{
    if (!hold(es, input, PRELUDE)) {
        return lose(es, STATUS_INTERNAL, "out of memory", err);
    }
    if (buf_len(&es->held) < PRELUDE) {
        return EVENTSTREAM_MORE;
    }
    const char *wrong = check_prelude(buf_data(&es->held), es->frame_max);
    if (wrong != NULL) {
        return lose(es, STATUS_UPSTREAM, wrong, err);
    }
    size_t total = be32(buf_data(&es->held));
    if (!hold(es, input, total)) {
        return lose(es, STATUS_INTERNAL, "out of memory", err);
    }
    if (buf_len(&es->held) < total) {
        return EVENTSTREAM_MORE;
    }
    es->due = total;
    return finish(es, buf_data(&es->held), frame_out, err);
}

enum eventstream_next eventstream_next(struct eventstream *es, struct str *input,
                                       struct eventstream_frame *frame_out, struct err *err)
{
    if (es->lost) {
        if (err != NULL) {
            *err = es->why;
        }
        return EVENTSTREAM_BAD;
    }
    drop_frame(es);
    *frame_out = (struct eventstream_frame){0};
    if (buf_len(&es->held) > 0 || input->n < PRELUDE) {
        return input->n == 0 ? EVENTSTREAM_MORE : next_held(es, input, frame_out, err);
    }
    const char *wrong = check_prelude(input->p, es->frame_max);
    if (wrong != NULL) {
        return lose(es, STATUS_UPSTREAM, wrong, err);
    }
    struct str frame;
    if (!take(input, be32(input->p), &frame)) {
        return next_held(es, input, frame_out, err);
    }
    return finish(es, frame.p, frame_out, err);
}

/* --- encoder --- */

static void put_be32(struct buf *out, uint32_t v)
{
    buf_put(out, (char[]){(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v}, 4);
}

static void put_header(struct buf *out, struct header h)
{
    assert(h.name.n > 0 && h.name.n <= UINT8_MAX && h.value.n <= VALUE_MAX);
    buf_put_char(out, (char)h.name.n);
    buf_put_str(out, h.name);
    buf_put(out, (char[]){VALUE_STRING, (char)(h.value.n >> 8), (char)h.value.n}, 3);
    buf_put_str(out, h.value);
}

static void put_crc(struct buf *out, size_t from)
{
    if (buf_ok(out)) {
        put_be32(out, crc32_add(0, buf_data(out) + from, buf_len(out) - from));
    }
}

void eventstream_encode(struct buf *out, enum eventstream_kind kind, struct str type,
                        struct str payload)
{
    bool error = kind == EVENTSTREAM_ERROR; /* its text travels in a header */
    const struct header headers[] = {
        {kinds[kind].type_header, type},
        error ? (struct header){STR(":error-message"), payload}
              : (struct header){STR(":content-type"), STR("application/json")},
        {STR(":message-type"), kinds[kind].message_type},
    };
    size_t header_size = 0;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        header_size += 1 + headers[i].name.n + 3 + headers[i].value.n;
    }
    if (error) {
        payload.n = 0;
    }

    size_t from = buf_len(out);
    put_be32(out, (uint32_t)(OVERHEAD + header_size + payload.n));
    put_be32(out, (uint32_t)header_size);
    put_crc(out, from);
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        put_header(out, headers[i]);
    }
    buf_put_str(out, payload);
    put_crc(out, from);
}
