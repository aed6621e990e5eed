#include "tests/mock/frame.h"

#include <string.h>

#include "server/base/crc32.h"

#define PRELUDE 12
#define STRING  7 /* header value type */

static void store_u32(char *at, uint32_t v)
{
    const char bytes[4] = {(char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v};
    memcpy(at, bytes, 4);
}

static void put_header(struct buf *b, struct str name, struct str value)
{
    buf_put_char(b, (char)name.n);
    buf_put_str(b, name);
    const char kind[3] = {STRING, (char)(value.n >> 8), (char)value.n};
    buf_put(b, kind, 3);
    buf_put_str(b, value);
}

/* Everything after the room for the prelude is in b from `at` on: writes prelude and checksums. */
static void seal(struct buf *b, size_t at, size_t headers_n)
{
    size_t total = buf_len(b) - at + 4;
    char *start = buf_data(b) + at;
    store_u32(start, (uint32_t)total);
    store_u32(start + 4, (uint32_t)headers_n);
    store_u32(start + 8, crc32_add(0, start, 8));
    char crc[4];
    store_u32(crc, crc32_add(0, start, total - 4));
    buf_put(b, crc, 4);
}

static void put_message(struct buf *out, struct str type_header, struct str type, struct str kind,
                        struct str payload)
{
    size_t at = buf_len(out);
    buf_put(out, "\0\0\0\0\0\0\0\0\0\0\0", PRELUDE);
    put_header(out, type_header, type);
    put_header(out, STR(":content-type"), STR("application/json"));
    put_header(out, STR(":message-type"), kind);
    size_t headers_n = buf_len(out) - at - PRELUDE;
    buf_put_str(out, payload);
    seal(out, at, headers_n);
}

void frame_event(struct buf *out, struct str type, struct str payload)
{
    put_message(out, STR(":event-type"), type, STR("event"), payload);
}

void frame_exception(struct buf *out, struct str type, struct str payload)
{
    put_message(out, STR(":exception-type"), type, STR("exception"), payload);
}

void frame_error(struct buf *out, struct str code, struct str text)
{
    size_t at = buf_len(out);
    buf_put(out, "\0\0\0\0\0\0\0\0\0\0\0", PRELUDE);
    put_header(out, STR(":error-code"), code);
    put_header(out, STR(":error-message"), text);
    put_header(out, STR(":message-type"), STR("error"));
    seal(out, at, buf_len(out) - at - PRELUDE);
}

void frame_announce(struct buf *out, uint32_t total_n)
{
    char prelude[PRELUDE];
    store_u32(prelude, total_n);
    store_u32(prelude + 4, 75);
    store_u32(prelude + 8, crc32_add(0, prelude, 8));
    buf_put(out, prelude, sizeof prelude);
    put_header(out, STR(":event-type"), STR("chunk"));
}

struct str frame_padding(void)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static uint32_t state = 2463534242u; /* xorshift32: lengths need no secrecy here */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (struct str){LETTERS, 1 + state % (sizeof LETTERS - 1)};
}
