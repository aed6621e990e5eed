/*
 * libFuzzer harness of the splice, both directions. The first byte picks the model, the second the
 * options, the rest is a request body, a frame's payload, a frame's decoded bytes and an answer at
 * once. Checked besides memory safety: what comes out of a valid request is JSON, within a bound;
 * an event is one SSE event.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/plan/plan_make.h"
#include "worker/splice/splice.h"
#include "server/base/base64.h"

#define OUT_MAX ((size_t)16 << 20)
#define CHECK(what)  \
    do {             \
        if (!(what)) \
            abort(); \
    } while (0)

static const struct scan_limits limits = {
    .depth = 128, .values = 100000, .keys = 10000, .number_len = 64};

static const char *const models[] = {
    "anthropic.claude-3-haiku-20240307-v1:0",
    "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
    "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "global.anthropic.claude-opus-4-6-v1",
    "global.anthropic.claude-opus-4-7",
    "global.anthropic.claude-opus-5-5",
};

/* The most a splice adds: the tags and braces of a folded message (70 bytes for 35), and a fixed
 * part. */
static size_t bound(size_t n)
{
    return 4 * n + 4096;
}

static void fuzz_request(struct arena *arena, uint8_t pick, uint8_t flags, struct str body)
{
    struct scan s, again;
    struct messages_request r;
    struct buf out, changes;
    struct plan plan;
    struct err err;
    struct str id = text_from(models[pick % (sizeof models / sizeof *models)]);
    struct models_choice model = {.id = id,
                                  .caps = models_caps(id, &(struct models_caps){0}),
                                  .transport = MODELS_INVOKE,
                                  .one_million = flags & 2};
    struct plan_options o = {.model = &model,
                             .betas = STR("advanced-tool-use-2025-11-20, x"),
                             .beta_rules.allow =
                                 flags & 8 ? STR("context-management-2025-06-27") : STR("")};
    if (scan_parse(&s, arena, body, &limits, &err) != STATUS_OK ||
        messages_read(&s, flags & 1, &r, &err) != STATUS_OK)
        return;
    buf_init(&out, OUT_MAX);
    buf_init(&changes, OUT_MAX);
    if (plan_make(&plan, &r.wish, &o, arena, &changes, &err) == STATUS_OK &&
        splice_request(&r, &plan, &out, &err) == STATUS_OK) {
        const struct scan_limits wider = {
            .depth = 140, .values = 500000, .keys = 20000, .number_len = 64};
        CHECK(scan_parse(&again, arena, buf_str(&out), &wider, &err) == STATUS_OK);
        CHECK(buf_len(&out) <= bound(body.n));
        CHECK(buf_len(&changes) <= 1024);
        CHECK(!memchr(buf_data(&changes), '\n', buf_len(&changes) > 0 ? buf_len(&changes) : 0));
    }
    buf_free(&out);
    buf_free(&changes);
}

/* place: where in a stream the event comes */
static void fuzz_event(struct str payload, unsigned place)
{
    struct splice_reply r;
    struct buf out;
    struct err err;
    size_t at;
    splice_reply_init(&r, STR("claude-\"x\""));
    r.order = (struct splice_order){.place = place % 5, .blocks = place / 5 % 3};
    buf_init(&out, OUT_MAX);
    enum status st = splice_event(&r.reply, payload, &out, &err);
    struct str event = buf_str(&out);
    if (event.n > 0) {
        CHECK(st == STATUS_OK);
        CHECK(event.n <= bound(payload.n));
        CHECK(text_starts(event, STR("event: ")) && text_ends(event, STR("\n\n")));
        CHECK(text_find(event, STR("\n\n"), &at) && at == event.n - 2);
        CHECK(text_find(event, STR("\ndata: "), &at));
        CHECK(!memchr(event.p + at + 1, '\n', event.n - at - 3));
    }
    buf_free(&out);
}

static void fuzz_frame(struct str bytes, unsigned place)
{
    size_t n = base64_size(bytes.n);
    char *payload = heap_new(n + 32);
    CHECK(payload);
    size_t at = strlen("{\"bytes\":\"");
    memcpy(payload, "{\"bytes\":\"", at);
    at += base64_encode((const uint8_t *)bytes.p, bytes.n, payload + at);
    memcpy(payload + at, "\",\"p\":\"abc\"}", 12);
    fuzz_event((struct str){payload, at + 12}, place);
    heap_drop(payload);
}

static void fuzz_answer(struct arena *arena, struct str body)
{
    struct splice_reply r;
    struct scan s;
    struct buf out;
    struct err err;
    splice_reply_init(&r, STR("claude-\"x\""));
    buf_init(&out, OUT_MAX);
    if (splice_answer(&r.reply, arena, body, &out, &err) == STATUS_OK) {
        CHECK(scan_parse(&s, arena, buf_str(&out), &limits, &err) == STATUS_OK ||
              scan_parse(&s, arena, body, &limits, &err) != STATUS_OK);
        CHECK(buf_len(&out) <= bound(body.n));
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str body = {(const char *)data + 2, n - 2};
    CHECK(arena);
    fuzz_request(arena, data[0], data[1], body);
    fuzz_event(body, data[0]);
    fuzz_frame(body, data[0]);
    fuzz_answer(arena, body);
    arena_drop(arena);
    return 0;
}
