/*
 * h2_bed.h - http_bed.h's connection with a client that writes HTTP/2's frames by hand, with no
 * library between the test and the bytes.
 */
#ifndef TESTS_H2_BED_H
#define TESTS_H2_BED_H

#include "tests/unit/http_bed.h"

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static uint64_t h2_sent;    /* bytes on the connection made last */
static struct buf h2_block; /* the header block that is being put together */

static void h2_put_frame(struct bed *b, unsigned type, unsigned flags, uint32_t stream,
                         struct str payload)
{
    const unsigned char head[] = {(unsigned char)(payload.n >> 16),
                                  (unsigned char)(payload.n >> 8),
                                  (unsigned char)payload.n,
                                  (unsigned char)type,
                                  (unsigned char)flags,
                                  (unsigned char)(stream >> 24),
                                  (unsigned char)(stream >> 16),
                                  (unsigned char)(stream >> 8),
                                  (unsigned char)stream};
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    buf_put(&bytes, head, sizeof head);
    buf_put_str(&bytes, payload);
    bed_send(b, buf_str(&bytes));
    h2_sent += buf_len(&bytes);
    buf_free(&bytes);
}

/* RFC 7541 5.1, prefix of 7 bits; 6.2.2: a literal, not indexed. */
static void h2_put_text(struct str s)
{
    size_t n = s.n;
    buf_put_char(&h2_block, (char)(n < 127 ? n : 127));
    if (n >= 127) {
        for (n -= 127; n >= 128; n /= 128)
            buf_put_char(&h2_block, (char)(n % 128 + 128));
        buf_put_char(&h2_block, (char)n);
    }
    buf_put_str(&h2_block, s);
}

static void h2_field(struct str name, struct str value)
{
    buf_put_char(&h2_block, 0);
    h2_put_text(name);
    h2_put_text(value);
}

/* "name value\n" lines; the name of a pseudo header begins with a colon. */
static void h2_fields(struct str lines)
{
    for (struct str line, name; text_split(&lines, '\n', &line);) {
        if (text_split(&line, ' ', &name))
            h2_field(name, line);
    }
}

static void h2_head(struct bed *b, uint32_t stream, unsigned flags, struct str lines)
{
    buf_init(&h2_block, 1 << 20);
    h2_fields(lines);
    h2_put_frame(b, HEADERS, flags | END_HEADERS, stream, buf_str(&h2_block));
    buf_free(&h2_block);
}

#define H2_GET  STR(":method GET\n:scheme http\n:path /a\n:authority x")
#define H2_POST STR(":method POST\n:scheme http\n:path /b\n:authority x")

__attribute__((unused)) static void h2_u32(struct bed *b, unsigned type, uint32_t stream,
                                           uint32_t n)
{
    const char four[] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    h2_put_frame(b, type, 0, stream, (struct str){four, 4});
}

__attribute__((unused)) static void h2_setting(struct bed *b, unsigned id, uint32_t n)
{
    const char six[] = {(char)(id >> 8), (char)id,       (char)(n >> 24),
                        (char)(n >> 16), (char)(n >> 8), (char)n};
    h2_put_frame(b, SETTINGS, 0, 0, (struct str){six, 6});
}

__attribute__((unused)) static void h2_connect(struct bed *b)
{
    bed_connect(b);
    bed_send(b, STR(PREFACE));
    h2_sent = sizeof PREFACE - 1;
    h2_put_frame(b, SETTINGS, 0, 0, (struct str){0});
}

struct h2_frame {
    unsigned type, flags;
    uint32_t stream;
    struct str payload;
};

static uint32_t h2_number(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static bool h2_next(struct str *rest, struct h2_frame *f)
{
    if (rest->n < 9)
        return false;
    size_t n = h2_number(rest->p) >> 8;
    if (rest->n < 9 + n)
        return false;
    *f = (struct h2_frame){(unsigned char)rest->p[3], (unsigned char)rest->p[4],
                           h2_number(rest->p + 5), text_sub(*rest, 9, n)};
    *rest = text_sub(*rest, 9 + n, rest->n);
    return true;
}

/* How many frames of that type the client has read; *last_out is the last of them. */
static unsigned h2_count(struct bed *b, unsigned type, uint32_t stream, struct h2_frame *last_out)
{
    unsigned n = 0;
    struct str rest = buf_str(&b->in);
    for (struct h2_frame f; h2_next(&rest, &f);) {
        if (f.type == type && f.stream == stream) {
            *last_out = f;
            n++;
        }
    }
    return n;
}

/* Until there are so many; fails after 2 s. */
__attribute__((unused)) static struct h2_frame h2_expect(struct bed *b, unsigned n, unsigned type,
                                                         uint32_t stream)
{
    struct h2_frame last = {0};
    for (int i = 0; i < 2000; i++) {
        bed_read(b);
        if (h2_count(b, type, stream, &last) >= n)
            return last;
        bed_run(b, 1);
    }
    fail_msg("no %u frames of type %u on stream %u", n, type, stream);
    return last;
}

/* The body of a stream's answer, as far as it is here. */
__attribute__((unused)) static struct str h2_body(struct bed *b, uint32_t stream)
{
    static struct buf body;
    struct str rest = buf_str(&b->in);
    buf_init(&body, 0);
    buf_allow(&body, 64 << 20);
    static char text[1 << 22];
    size_t n = 0;
    for (struct h2_frame f; h2_next(&rest, &f);) {
        if (f.type == DATA && f.stream == stream && f.payload.n && n + f.payload.n <= sizeof text) {
            memcpy(text + n, f.payload.p, f.payload.n);
            n += f.payload.n;
        }
    }
    return (struct str){text, n};
}

/* Until the answer has its END_STREAM, then its body. */
__attribute__((unused)) static struct str h2_answer(struct bed *b, uint32_t stream)
{
    for (int i = 0; i < 2000; i++) {
        bed_read(b);
        struct str rest = buf_str(&b->in);
        for (struct h2_frame f; h2_next(&rest, &f);) {
            if (f.stream == stream && f.type <= HEADERS && (f.flags & END_STREAM))
                return h2_body(b, stream);
        }
        bed_run(b, 1);
    }
    fail_msg("stream %u has no answer", stream);
    return (struct str){0};
}

#endif
