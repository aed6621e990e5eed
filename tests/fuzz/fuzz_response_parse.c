/*
 * fuzz_response_parse.c - libFuzzer: the same bytes, whole, one by one and in pieces chosen by the
 * data, must give the same answers, bodies, faults and the same end. The first byte is the seed of
 * the cuts. A short input is also cut in two at each place.
 */
#include "server/net/response_parse.h"

#include <assert.h>
#include <string.h>

#include "server/base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHORT = 300 };

struct outcome {
    unsigned heads, ends;
    size_t body_bytes, head_bytes;
    uint32_t checksum; /* of bodies and heads, in order */
    enum response_fault fault;
    bool open; /* it is complete if the connection ends now */
    int status;
};

static void add(struct outcome *o, struct str s, size_t *total)
{
    *total += s.n;
    for (size_t i = 0; i < s.n; i++)
        o->checksum = (o->checksum ^ (unsigned char)s.p[i]) * 16777619U; /* FNV-1a: order matters */
}

static void add_head(struct outcome *o, const struct response_parse *p)
{
    struct str head = response_parse_head(p);
    o->heads++;
    assert(response_parse_status(p) >= 200 && response_parse_status(p) <= 999);
    assert(head.n == 0 || head.p[head.n - 1] == '\n');
    assert(!memchr(head.p, '\r', head.n) && !memchr(head.p, '\0', head.n));
    add(o, head, &o->head_bytes);
    o->checksum = o->checksum * 3 + response_parse_keeps(p);
}

static bool parse(struct response_parse *p, struct str input, struct outcome *o)
{
    for (;;) {
        struct str piece;
        switch (response_parse_next(p, &input, &piece)) {
        case RESPONSE_NEED_MORE:
            assert(input.n == 0);
            return true;
        case RESPONSE_HEAD:
            add_head(o, p);
            break;
        case RESPONSE_BODY:
            assert(piece.n > 0 && o->heads > 0);
            add(o, piece, &o->body_bytes);
            break;
        case RESPONSE_END: /* on a connection that is kept the next one follows */
            o->ends++;
            assert(!response_parse_ended(p));
            response_parse_reset(p);
            break;
        case RESPONSE_BAD:
            o->fault = response_parse_fault(p);
            assert(o->fault != RESPONSE_NONE && o->fault != RESPONSE_NO_MEMORY);
            return false;
        }
    }
}

/* The first piece has `first` bytes, the others 1..most (0: all the rest), each in a block of its
 * own so that ASan sees a read beyond. */
static struct outcome outcome_of(struct str input, size_t first, size_t most, uint32_t seed)
{
    struct outcome o = {0};
    struct response_parse *p = response_parse_new();
    for (bool go_on = true; go_on && input.n > 0; first = 0) {
        seed = seed * 1664525 + 1013904223;
        size_t n = first > 0 ? first : most > 0 ? 1 + (seed >> 16) % most : input.n;
        struct str piece = text_sub(input, 0, n);
        char *copy = heap_new(piece.n);
        memcpy(copy, piece.p, piece.n);
        go_on = parse(p, (struct str){copy, piece.n}, &o);
        heap_drop(copy);
        input = text_sub(input, piece.n, input.n);
    }
    o.open = response_parse_ended(p);
    o.status = response_parse_status(p);
    response_parse_drop(p);
    return o;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert(a->heads == b->heads && a->ends == b->ends && a->fault == b->fault);
    assert(a->body_bytes == b->body_bytes && a->head_bytes == b->head_bytes);
    assert(a->checksum == b->checksum && a->open == b->open && a->status == b->status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct str input = {(const char *)data + 1, size - 1};
    struct outcome whole = outcome_of(input, 0, 0, 0);
    struct outcome bytes = outcome_of(input, 0, 1, 0);
    struct outcome pieces = outcome_of(input, 0, 2 + data[0] % 64, data[0]);
    assert_same(&whole, &bytes);
    assert_same(&whole, &pieces);
    for (size_t at = 1; input.n <= SHORT && at < input.n; at++) {
        struct outcome two = outcome_of(input, at, 0, 0);
        assert_same(&whole, &two);
    }
    return 0;
}
