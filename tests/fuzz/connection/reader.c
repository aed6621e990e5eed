#include <stdio.h>

#include "server/json/scan.h"
#include "server/http/http_parse.h"
#include "tests/fuzz/connection/world.h"

/* What came out of the worker: answers, requests to Bedrock, log lines. */

enum { REQUESTS = 256 };

static const struct scan_limits wide = {
    .depth = 200, .values = 1000000, .keys = 50000, .number_len = 1000};

static bool is_json(struct str text)
{
    struct arena *arena = arena_new((size_t)256 << 20);
    struct scan s;
    struct err err;
    bool ok = scan_parse(&s, arena, text, &wide, &err) == STATUS_OK;
    arena_drop(arena);
    return ok;
}

/* When an allocation of the worker is to fail it would be one of is_json. */
void reader_log(const char *line, size_t n)
{
    bool whole =
        n > 1 && line[n - 1] == '\n' && (world.starved || is_json((struct str){line, n - 1}));
    WORLD_CHECK(whole, "a log line is not JSON: %.*s", (int)n, line);
    size_t at;
    /* What waits behind a request that the end of a drain has cut is not promised an answer. */
    world.hurried |= text_find((struct str){line, n}, STR("did not finish in time"), &at);
    if (world.trace)
        fprintf(stderr, "            log %.*s", (int)n, line);
}

/* ---- what a client has asked -------------------------------------------------------------- */

struct asked {
    enum http_method method[REQUESTS];
    bool old[REQUESTS]; /* HTTP/1.0 */
    unsigned n;         /* whole heads */
    unsigned whole;     /* of these, with their bodies */
    bool more;          /* and another that has begun, or is not legal */
    bool more_is_head;  /* of that, as far as one can tell */
};

static void read_requests(const struct kernel_file *f, struct asked *a)
{
    const struct config_bounds *b = &world.settings->bounds;
    struct http_limits limits = {.line = b->head_line,
                                 .headers = b->head_bytes,
                                 .header_count = b->head_fields,
                                 .chunk_extras = 1024};
    struct http_parse *p = http_parse_new(&limits);
    struct str in = {f->in.p, f->taken}, start = in, piece;
    struct err err;
    bool in_body = false;
    for (enum http_event e = HTTP_BODY;
         e != HTTP_NEED_MORE && e != HTTP_BAD && e != HTTP_PREFACE && a->n < REQUESTS;) {
        e = http_parse_next(p, &in, &piece, &err);
        if (e == HTTP_HEADERS) {
            const struct http_request *r = http_parse_request(p);
            a->method[a->n] = r->method;
            a->old[a->n++] = r->minor == 0;
            in_body = true;
        } else if (e == HTTP_END) {
            http_parse_reset(p);
            in_body = false;
            a->whole++;
            start = in;
        }
        a->more = !in_body && (e == HTTP_BAD || e == HTTP_PREFACE ||
                               (e == HTTP_NEED_MORE && http_parse_started(p)));
        a->more_is_head = text_starts(start, STR("HEAD "));
    }
    http_parse_drop(p);
}

/* ---- one answer --------------------------------------------------------------------------- */

struct head {
    unsigned status;
    bool chunked, close, has_length, json, events;
    bool passed; /* Bedrock's own bytes, cut as Bedrock cut them: no last chunk */
    uint64_t length;
};

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || s.p[i] == ':')
            return false;
    return s.n > 0;
}

static void read_field(struct str line, struct head *h)
{
    size_t at;
    bool good = text_find(line, STR(": "), &at) && is_token(text_sub(line, 0, at));
    WORLD_CHECK(good, "a header line is malformed: %.*s", STR_ARG(line));
    struct str name = text_sub(line, 0, at), value = text_sub(line, at + 2, line.n);
    if (text_ieq(name, STR("content-length"))) {
        WORLD_CHECK(!h->has_length && text_u64(value, &h->length), "a bad length");
        h->has_length = true;
    }
    h->chunked |= text_ieq(name, STR("transfer-encoding"));
    h->close |= text_ieq(name, STR("connection")) && text_ieq(value, STR("close"));
    h->json |= text_ieq(name, STR("content-type")) && text_eq(value, STR("application/json"));
    h->passed |= text_ieq(name, STR("x-amzn-requestid"));
    h->events |=
        text_ieq(name, STR("content-type")) && text_starts(value, STR("text/event-stream"));
}

bool reader_knows(unsigned status)
{
    static const unsigned other[] = {100, 200, 204, 304, 424 /* Bedrock's own */};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (status == other[i])
            return true;
    for (unsigned i = 0; i < STATUS_COUNT; i++)
        for (unsigned dialect = 0; dialect < DIALECT_COUNT; dialect++)
            if ((int)status == err_http((enum status)i, (enum dialect)dialect))
                return true;
    return false;
}

/* Takes a whole head off *in. */
static bool read_head(struct str *in, struct head *h)
{
    size_t end, at;
    struct str line, head;
    uint64_t status = 0;
    struct str start = STR("HTTP/1.1 ");
    *h = (struct head){0};
    bool begins = text_starts(*in, start) || text_starts(start, *in);
    WORLD_CHECK(begins, "no status line: %.*s", STR_ARG(text_sub(*in, 0, 80)));
    if (!text_find(*in, STR("\r\n\r\n"), &end))
        return false;
    head = text_sub(*in, 0, end);
    *in = text_sub(*in, end + 4, in->n);
    for (bool first = true; head.n > 0; first = false) {
        if (!text_find(head, STR("\r\n"), &at))
            at = head.n;
        line = text_sub(head, 0, at);
        head = text_sub(head, at + 2, head.n);
        if (!first)
            read_field(line, h);
        else
            WORLD_CHECK(text_u64(text_sub(line, 9, 3), &status) && reader_knows((unsigned)status),
                        "an unknown status: %.*s", STR_ARG(line));
    }
    h->status = (unsigned)status;
    WORLD_CHECK(!h->chunked || !h->has_length, "two lengths");
    return true;
}

/* Takes the chunks off *in; body_out gets what was in them. */
static bool read_chunks(struct str *in, struct buf *body_out)
{
    struct str line, digits;
    size_t at;
    while (text_find(*in, STR("\r\n"), &at)) {
        uint64_t size = 0;
        line = text_sub(*in, 0, at);
        for (digits = line; digits.n > 0; digits = text_sub(digits, 1, digits.n)) {
            char c = digits.p[0];
            bool legal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            WORLD_CHECK(legal && line.n <= 8, "a bad chunk size: %.*s", STR_ARG(line));
            size = size * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        if (in->n - at - 2 < size + 2)
            return false;
        struct str data = text_sub(*in, at + 2, (size_t)size);
        *in = text_sub(*in, at + 2 + (size_t)size, in->n);
        WORLD_CHECK(text_starts(*in, STR("\r\n")), "no line end behind a chunk");
        *in = text_sub(*in, 2, in->n);
        buf_put_str(body_out, data);
        if (size == 0)
            return true;
    }
    return false;
}

/* One event: "event: x", "data: JSON", or a comment. true: it ends a stream. */
static bool read_event(struct str event)
{
    struct str line;
    size_t at;
    bool last = false;
    while (text_split(&event, '\n', &line)) {
        struct str data = text_sub(line, 6, line.n);
        if (text_starts(line, STR("data: ")) && !text_eq(data, STR("[DONE]"))) {
            WORLD_CHECK(is_json(data), "an event is not JSON: %.*s", STR_ARG(data));
            last |= text_find(data, STR("\"message_stop\""), &at) ||
                    text_find(data, STR("\"error\":{"), &at) ||
                    text_find(data, STR("\"response.completed\""), &at) ||
                    text_find(data, STR("\"response.incomplete\""), &at);
        } else if (text_starts(line, STR("data: "))) {
            last = true;
        } else {
            bool legal = text_starts(line, STR("event: ")) || text_starts(line, STR(":"));
            WORLD_CHECK(legal, "a line of a stream: %.*s", STR_ARG(line));
        }
    }
    return last;
}

/* A stream that ends well for HTTP says so in the client's dialect, too. */
static void read_stream(struct str body)
{
    size_t at;
    bool last = false;
    struct str all = body;
    while (body.n > 0) {
        WORLD_CHECK(text_find(body, STR("\n\n"), &at), "a stream ends inside an event");
        struct str event = text_sub(body, 0, at);
        body = text_sub(body, at + 2, body.n);
        last = event.n > 0 && event.p[0] == ':' ? last : read_event(event);
    }
    WORLD_CHECK(last, "a stream ends without saying so: %.*s",
                STR_ARG(text_sub(all, all.n > 300 ? all.n - 300 : 0, 300)));
}

void reader_content(bool json, bool events, struct str body)
{
    if (json)
        WORLD_CHECK(is_json(body), "an answer is not JSON: %.*s", STR_ARG(text_sub(body, 0, 300)));
    if (events)
        read_stream(body);
}

/* false: it is not all there. */
static bool read_body(struct str *in, const struct head *h, bool bodyless)
{
    struct buf body;
    buf_init(&body, 1 << 26);
    bool whole = true;
    if (h->chunked && !bodyless) {
        whole = read_chunks(in, &body);
    } else if (!bodyless && h->has_length) {
        whole = in->n >= h->length;
        buf_put_str(&body, text_sub(*in, 0, (size_t)h->length));
        *in = text_sub(*in, (size_t)h->length, in->n);
    } else if (!bodyless) {
        WORLD_CHECK(h->close, "an answer of no length that does not close");
        whole = false; /* nobody can tell */
        *in = text_sub(*in, in->n, 0);
    }
    if (whole && !bodyless && !h->passed)
        reader_content(h->json, h->events, buf_str(&body));
    buf_free(&body);
    return whole;
}

/* ---- all of a connection ------------------------------------------------------------------ */

/* The last answer may be a refusal of what had come by then, which need not have said HEAD yet: it
 * may have a body although the rest of the request came later and was thrown away. */
static bool answers_head(const struct asked *a, unsigned i, const struct head *h, struct str rest)
{
    bool head = i < a->n ? a->method[i] == HTTP_HEAD : a->more_is_head;
    return head && (rest.n == 0 || (i < a->n && !h->close));
}

void reader_client(const struct kernel_file *f)
{
    struct asked a = {.n = 0};
    struct str in = {f->out.p, f->out.n};
    struct head h = {0};
    bool whole = true, unlimited = false;
    unsigned answers = 0;
    /* What came too late to be a preface was answered already. */
    if (text_starts((struct str){f->in.p, f->taken}, HTTP_PARSE_PREFACE) &&
        !text_starts(in, STR("HTTP/1.1 "))) {
        reader_frames(f);
        return;
    }
    read_requests(f, &a);
    while (whole && in.n > 0) {
        WORLD_CHECK(!h.close, "bytes behind the last answer: %.*s", STR_ARG(text_sub(in, 0, 80)));
        whole = read_head(&in, &h);
        if (!whole || h.status == 100)
            continue;
        WORLD_CHECK(answers < a.n + a.more, "answer %u to %u requests", answers + 1, a.n);
        bool bodyless = h.status == 204 || h.status == 304 || answers_head(&a, answers, &h, in);
        unlimited = !bodyless && !h.chunked && !h.has_length;
        whole = read_body(&in, &h, bodyless);
        answers++;
    }
    bool cut = !whole && h.passed && h.chunked;
    WORLD_CHECK(whole || unlimited || cut || !f->shut, "a cut answer that looks complete to TCP");
    bool stayed = !f->fin && !f->reset && !f->vanished && !f->choked;
    if (stayed && world.patient && !world.starved && !world.hurried)
        WORLD_CHECK(answers >= a.whole || h.close || cut, "%u requests were read and %u answered",
                    a.whole, answers);
}

void reader_bedrock(const struct kernel_file *f)
{
    static const struct http_limits limits = {
        .line = 65536, .headers = 262144, .header_count = 100, .chunk_extras = 0};
    struct http_parse *p = http_parse_new(&limits);
    struct str in = {f->out.p, f->out.n}, piece;
    struct err err;
    for (enum http_event e = HTTP_BODY; in.n > 0 && e != HTTP_NEED_MORE;) {
        e = http_parse_next(p, &in, &piece, &err);
        WORLD_CHECK(e != HTTP_BAD, "Bedrock gets no HTTP: %s", err.text);
        const struct http_request *r = http_parse_request(p);
        if (e == HTTP_BODY && piece.n == r->content_length)
            WORLD_CHECK(is_json(piece), "Bedrock gets no JSON: %.*s",
                        STR_ARG(text_sub(piece, 0, 300)));
        if (e == HTTP_END)
            http_parse_reset(p);
    }
    http_parse_drop(p);
}
