/*
 * libFuzzer harness of what passes as it is. The input is lines "<type> <payload>", read as events of each
 * of the relays, a payload also as the bytes of an InvokeModel chunk; the same input is a whole answer.
 * Checked besides memory safety: nothing is put beside the frames, no event is refused, counts stay in
 * bounds, what is passed is what came, a stream that stopped has a good end and no other has.
 */
#include <stdlib.h>
#include <string.h>

#include "server/base/base64.h"
#include "worker/reply/passed_reply.h"

#define OUT_MAX   ((size_t)64 << 20)
#define TOKEN_MAX ((uint64_t)1 << 60)

static void check(const struct reply *r)
{
    const struct tokens *t = &r->usage.tokens;
    if (t->input > TOKEN_MAX || t->output > TOKEN_MAX || t->cache_read > TOKEN_MAX ||
        tokens_written(t) > TOKEN_MAX ||
        strnlen(r->stop_reason, sizeof r->stop_reason) >= sizeof r->stop_reason ||
        strnlen(r->served, sizeof r->served) >= sizeof r->served)
        abort();
}

/* As Bedrock frames it. */
static struct str wrap(struct arena *arena, struct str payload)
{
    char *base64 = arena_alloc(arena, base64_size(payload.n) + 1);
    if (!base64)
        abort();
    size_t n = base64_encode((const uint8_t *)payload.p, payload.n, base64);
    char *text = arena_printf(arena, "{\"bytes\":\"%.*s\",\"p\":\"ab\"}", (int)n, base64);
    if (!text)
        abort();
    return text_from(text);
}

static void stream(const struct relay *relay, struct arena *arena, struct str lines, bool wrapped)
{
    struct str line, type;
    struct buf out;
    struct err err;
    struct reply *r = passed_reply_new(arena, STR("m"));
    if (!r)
        abort();
    r->input_whole = wrapped;
    buf_init(&out, OUT_MAX);
    while (text_split(&lines, '\n', &line)) {
        uint64_t deltas = r->deltas;
        struct str payload = line;
        text_split(&payload, ' ', &type);
        if (relay->event(r, wrapped ? STR("chunk") : type, wrapped ? wrap(arena, payload) : payload,
                         &out, &err) != STATUS_OK ||
            !r->started || r->deltas - deltas > 1)
            abort();
        passed_reply_header(r, type, payload);
        check(r);
    }
    if ((relay->end(r, &out, &err) == STATUS_OK) != (r->stopped || r->failed) || buf_len(&out) > 0)
        abort();
    buf_free(&out);
}

static void whole(const struct relay *relay, struct arena *arena, struct str body)
{
    struct buf out;
    struct err err = {.code = STATUS_OK};
    struct reply *r = passed_reply_new(arena, STR("m"));
    if (!r)
        abort();
    buf_init(&out, OUT_MAX);
    bool good = relay->whole(r, arena, body, &out, &err) == STATUS_OK;
    if (good ? !text_eq(buf_str(&out), body) || !r->stopped : buf_len(&out) > 0 || !err.text[0])
        abort();
    check(r);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct relay *const relays[] = {&passed_invoke_relay, &passed_converse_relay,
                                                 &passed_count_relay};
    struct arena *arena = arena_new((size_t)64 << 20);
    struct str text = {(const char *)data, n};
    for (size_t i = 0; i < COUNT_OF(relays); i++) {
        stream(relays[i], arena, text, false);
        whole(relays[i], arena, text);
    }
    stream(&passed_invoke_relay, arena, text, true);
    arena_drop(arena);
    return 0;
}
