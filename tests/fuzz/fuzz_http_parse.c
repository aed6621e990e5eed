/*
 * fuzz_http_parse.c - libFuzzer: the same bytes, whole and in pieces chosen by the data, must give
 * the same events, the same bodies, the same refusal, and at the end of the input the same
 * knowledge of the request. The first byte is the seed of the cuts.
 */
#include "server/http/http_parse.h"

#include <assert.h>
#include <string.h>

#include "server/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    unsigned headers, ends;
    size_t body_bytes, header_bytes;
    uint32_t checksum; /* of bodies and header spans, in order */
    enum status refused;
};

static void add(struct outcome *o, struct str s, size_t *total)
{
    *total += s.n;
    for (size_t i = 0; i < s.n; i++)
        o->checksum = (o->checksum ^ (unsigned char)s.p[i]) * 16777619U; /* FNV-1a: order matters */
}

/* Whatever it is: every span can be read. */
static void add_spans(struct outcome *o, const struct http_request *r)
{
    assert(r->minor == 0 || r->minor == 1);
    add(o, r->method_text, &o->header_bytes);
    add(o, r->path, &o->header_bytes);
    add(o, r->query, &o->header_bytes);
    for (size_t i = 0; i < r->header_count; i++) {
        add(o, r->headers[i].name, &o->header_bytes);
        add(o, r->headers[i].value, &o->header_bytes);
    }
}

static void add_request(struct outcome *o, const struct http_request *r)
{
    struct str value;
    assert(!(r->chunked && r->has_length));
    assert(r->path.n > 0 && r->target.n > 0);
    assert(r->minor == 0 || http_request_header(r, STR("host"), &value));
    o->headers++;
    add_spans(o, r);
}

static bool parse(struct http_parse *p, struct str input, struct outcome *o)
{
    for (;;) {
        struct str piece;
        struct err err = {0};
        switch (http_parse_next(p, &input, &piece, &err)) {
        case HTTP_NEED_MORE:
            assert(input.n == 0);
            return true;
        case HTTP_HEADERS:
            add_request(o, http_parse_request(p));
            break;
        case HTTP_BODY:
            assert(piece.n > 0);
            add(o, piece, &o->body_bytes);
            break;
        case HTTP_END:
            o->ends++;
            http_parse_wipe_secrets(p);
            http_parse_reset(p);
            break;
        case HTTP_PREFACE:
            return false;
        case HTTP_BAD:
            o->refused = err.code;
            assert(err.code != STATUS_OK);
            return false;
        }
    }
}

/* Pieces of 1..most bytes (0: all at once), each in a block of its own so that ASan sees a read
 * beyond. */
static struct outcome outcome_of(struct str input, size_t most, uint32_t seed)
{
    static const struct http_limits limits = {
        .line = 256, .headers = 1024, .header_count = 16, .chunk_extras = 64, .key_name = STR("a")};
    struct outcome o = {0};
    struct http_parse *p = http_parse_new(&limits);
    for (bool go_on = true; go_on && input.n > 0;) {
        seed = seed * 1664525 + 1013904223;
        struct str piece = text_sub(input, 0, most > 0 ? 1 + (seed >> 16) % most : input.n);
        char *copy = heap_new(piece.n);
        memcpy(copy, piece.p, piece.n);
        go_on = parse(p, (struct str){copy, piece.n}, &o);
        heap_drop(copy);
        input = text_sub(input, piece.n, input.n);
    }
    add_spans(&o, http_parse_request(p)); /* as if the client left or were too slow now */
    http_parse_drop(p);
    return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert(a->headers == b->headers && a->ends == b->ends);
    assert(a->body_bytes == b->body_bytes && a->header_bytes == b->header_bytes);
    assert(a->checksum == b->checksum && a->refused == b->refused);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct str input = {(const char *)data + 1, size - 1};
    struct outcome whole = outcome_of(input, 0, 0);
    struct outcome bytes = outcome_of(input, 1, 0);
    struct outcome pieces = outcome_of(input, 2 + data[0] % 64, data[0]);
    assert_same(&whole, &bytes);
    assert_same(&whole, &pieces);
    return 0;
}
