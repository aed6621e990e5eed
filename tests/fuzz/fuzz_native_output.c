/*
 * libFuzzer harness of Bedrock's own Responses on their way back. The input is a stream of server-sent
 * events, read in pieces of the first byte's size, and a whole answer. The simple form of the reader is in
 * here: it reads each event with cJSON and says what of it the client may see. Checked besides memory
 * safety: every event that is told is one that came, in its order, equal but for what is mended; the pieces
 * do not matter; a stream that broke ends in two events of JSON; counts stay in bounds; a whole answer that is
 * taken is JSON.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/scan.h"
#include "worker/reply/native_output.h"
#include "worker/reply/sse.h"

#define OUT_MAX    ((size_t)64 << 20)
#define EVENT_MAX  ((size_t)1 << 20)
#define EVENTS_MAX 256
#define MODEL      "m\"x"
#define DATA       "{\"a\":[1]}"

static const struct scan_limits limits = {
    .depth = 520, .values = 4000000, .keys = 200000, .number_len = 600};

static void check_counts(const struct reply *r)
{
    if (r->usage.tokens.input > (uint64_t)INT64_MAX || r->usage.tokens.output > (uint64_t)INT64_MAX)
        abort();
}

/* --- the simple form ----------------------------------------------------------------------- */

static void put(cJSON *object, const char *name, cJSON *value)
{
    if (!cJSON_ReplaceItemInObjectCaseSensitive(object, name, value))
        cJSON_Delete(value); /* it was not there */
}

/* An id that only counts is some other one afterwards: of both sides it is taken away. */
static void forget_id(cJSON *item)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "call_id");
    if (cJSON_IsString(id) && strncmp(id->valuestring, "call_", 5) == 0)
        cJSON_DeleteItemFromObjectCaseSensitive(item, "call_id");
}

static void forget_ids(cJSON *event)
{
    cJSON *response = cJSON_GetObjectItemCaseSensitive(event, "response"), *item;
    forget_id(cJSON_GetObjectItemCaseSensitive(event, "item"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(response, "output")) forget_id(item);
}

static cJSON *read_json(struct str text)
{
    return cJSON_ParseWithLength(text.p ? text.p : "", text.n);
}

static cJSON *mended(struct str payload)
{
    cJSON *event = read_json(payload);
    cJSON *response = cJSON_GetObjectItemCaseSensitive(event, "response");
    put(response, "model", cJSON_CreateString(MODEL));
    put(response, "metadata", cJSON_Parse(DATA));
    forget_ids(event);
    return event;
}

/* Members that come twice, escapes and long numbers: the two readers may differ there. */
static bool is_odd(struct str payload)
{
    struct scan s;
    struct err err;
    struct arena *arena = arena_new((size_t)64 << 20);
    bool odd = !arena || scan_parse(&s, arena, payload, &limits, &err) != STATUS_OK;
    for (uint32_t i = 0; !odd && i < s.count; i++) {
        enum scan_type type = scan_type(&s, i);
        odd = scan_has_escape(&s, i) || (type == SCAN_NUMBER && scan_raw(&s, i).n > 15);
        for (scan_ref v = type == SCAN_OBJECT ? scan_first(&s, i) : SCAN_ABSENT;
             v != SCAN_ABSENT && !odd; v = scan_next(&s, i, v))
            odd = scan_has_duplicate(&s, i, scan_text(&s, scan_key(&s, v)));
    }
    arena_drop(arena);
    return odd;
}

/* Told is what came, as cJSON reads both. */
static void check_same(struct str came, struct str told)
{
    cJSON *wanted = mended(came), *is = read_json(told);
    forget_ids(is);
    if (!is_odd(came) && (!is || !cJSON_Compare(wanted, is, true)))
        abort();
    cJSON_Delete(wanted);
    cJSON_Delete(is);
}

/* --- a stream ------------------------------------------------------------------------------ */

struct run { /* of one size of the pieces */
    struct reply *reply;
    struct buf out;
    struct str came[EVENTS_MAX]; /* what was taken, in its order */
    size_t n;
};

static void check_events(struct arena *arena, struct run *run)
{
    struct sse s;
    struct eventstream_frame f;
    struct err err;
    struct str out = buf_str(&run->out);
    size_t n = 0;
    sse_init(&s, OUT_MAX);
    while (sse_next(&s, &out, &f, &err) == EVENTSTREAM_FRAME) {
        struct scan scan;
        if (scan_parse(&scan, arena, f.payload, &limits, &err) != STATUS_OK)
            abort();
        if (n < run->n)
            check_same(run->came[n], f.payload);
        n++;
    }
    bool told = buf_len(&run->out) > 0;
    if (sse_partial(&s) || n != (told ? run->n + (run->reply->failed ? 2 : 0) : 0))
        abort();
    sse_free(&s);
}

static bool feed(struct arena *arena, struct run *run, const struct eventstream_frame *f)
{
    struct err err;
    size_t before = buf_len(&run->out);
    bool ends = run->reply->stopped || text_eq(f->payload, STR("[DONE]"));
    if (run->n == EVENTS_MAX)
        return false;
    if (native_output_relay.event(run->reply, f->type, f->payload, &run->out, &err) != STATUS_OK) {
        buf_truncate(&run->out, before);
        return false;
    }
    if (!ends)
        run->came[run->n++] = arena_dup(arena, f->payload);
    return true;
}

/* Bytes of what was told: the same for every size of the pieces, but for ids, which are of one length. */
static size_t stream(struct arena *arena, struct str bytes, size_t piece)
{
    static const struct responses_echo echo = {.metadata = {DATA, sizeof DATA - 1}};
    struct sse s;
    struct eventstream_frame f;
    struct err err;
    struct run *run = arena_alloc(arena, sizeof *run);
    bool goes_on = true;
    if (!run || !(run->reply = native_output_new(arena, STR(MODEL), &echo)))
        abort();
    buf_init(&run->out, OUT_MAX);
    sse_init(&s, EVENT_MAX);
    while (bytes.n > 0 && goes_on) {
        struct str now = text_sub(bytes, 0, piece);
        bytes = text_sub(bytes, now.n, bytes.n);
        while (goes_on && sse_next(&s, &now, &f, &err) == EVENTSTREAM_FRAME)
            goes_on = feed(arena, run, &f);
    }
    if (buf_len(&run->out) > 0 && !run->reply->stopped)
        native_output_fail(run->reply, STR("server_error"), STR("it \"broke\""), &run->out);
    check_counts(run->reply);
    check_events(arena, run);
    size_t n = buf_len(&run->out);
    sse_free(&s);
    buf_free(&run->out);
    return n;
}

static void whole(struct arena *arena, struct str body)
{
    static const struct responses_echo echo = {.metadata = {DATA, sizeof DATA - 1}};
    struct scan s;
    struct buf out;
    struct err err;
    struct reply *r = native_output_new(arena, STR(MODEL), &echo);
    if (!r)
        abort();
    buf_init(&out, OUT_MAX);
    if (native_output_relay.whole(r, arena, body, &out, &err) == STATUS_OK &&
        scan_parse(&s, arena, buf_str(&out), &limits, &err) != STATUS_OK)
        abort();
    check_counts(r);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena *arena = arena_new((size_t)64 << 20);
    if (arena && n > 0) {
        struct str bytes = {(const char *)data + 1, n - 1};
        if (stream(arena, bytes, 1 + data[0]) != stream(arena, bytes, 10000000))
            abort();
        whole(arena, bytes);
    }
    arena_drop(arena);
    return 0;
}
