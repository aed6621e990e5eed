/*
 * converse_bed.h - for the tests of the answers out of Converse: one reply and its buffers, golden
 * pairs, and event sequences that no sane upstream sends.
 */
#ifndef TESTS_UNIT_CONVERSE_BED_H
#define TESTS_UNIT_CONVERSE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <glob.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/responses_grammar.h"
#include "tests/unit/sse_grammar.h"
#include "worker/reply/converse_to_anthropic.h"
#include "worker/reply/converse_to_openai.h"
#include "worker/reply/converse_to_responses.h"

#define UNUSED    __attribute__((unused))
#define BED_MAX   ((size_t)4 << 20)
#define LONG_NAME "mcp__a server with blanks and a name that is much too long for Bedrock__look up"

struct converse_bed {
    struct arena *arena;
    struct converse_names *names;
    const struct relay *relay;
    struct reply *reply;
    struct buf out;
    struct err err;
};

static void bed_open(struct converse_bed *b)
{
    *b = (struct converse_bed){.arena = arena_new((size_t)64 << 20)};
    assert_non_null(b->arena);
    b->names = converse_names_new(b->arena);
    buf_init(&b->out, BED_MAX);
}

UNUSED static void bed_anthropic(struct converse_bed *b)
{
    bed_open(b);
    b->relay = &converse_to_anthropic_relay;
    b->reply = converse_to_anthropic_new(b->arena, STR("claude-\"test\""), STR("msg_1"), b->names);
    assert_non_null(b->reply);
}

static void bed_openai_as(struct converse_bed *b, struct openai_wants wants)
{
    bed_open(b);
    b->relay = &converse_to_openai_relay;
    b->reply =
        converse_to_openai_new(b->arena, STR("gpt-\"test\""), STR("chatcmpl-1"), wants, b->names);
    assert_non_null(b->reply);
}

UNUSED static void bed_openai(struct converse_bed *b, bool include_usage)
{
    bed_openai_as(b, (struct openai_wants){1764000000, include_usage, false});
}

/* Of a fixed key: what is sealed differs from run to run all the same. */
UNUSED static const struct sealer bed_sealer = {.key = "an example of a key of 32 bytes",
                                                .bound = {"model", 5}};

UNUSED static void bed_responses_as(struct converse_bed *b, struct responses_wants wants)
{
    bed_open(b);
    b->relay = &converse_to_responses_relay;
    wants.created_s = 1764000000;
    b->reply =
        converse_to_responses_new(b->arena, STR("gpt-\"test\""), STR("resp_1"), &wants, b->names);
    assert_non_null(b->reply);
}

/* What is wrong with the stream so far; NULL: nothing. */
static const char *bed_grammar(const struct converse_bed *b, struct str out, bool complete)
{
    return b->relay == &converse_to_responses_relay
               ? responses_grammar(out, complete)
               : sse_grammar(out, b->relay == &converse_to_anthropic_relay, complete);
}

static void bed_close(struct converse_bed *b)
{
    buf_free(&b->out);
    arena_drop(b->arena);
}

/* The payload is gone afterwards, as a frame is; and ASan sees a read beyond it. */
static enum status bed_take(struct converse_bed *b, struct str type, struct str payload)
{
    char *copy = heap_new(payload.n);
    memcpy(copy, payload.p, payload.n);
    enum status st =
        b->relay->event(b->reply, type, (struct str){copy, payload.n}, &b->out, &b->err);
    heap_drop(copy);
    return st;
}

static enum status bed_event(struct converse_bed *b, const char *type, const char *payload)
{
    return bed_take(b, text_from(type), text_from(payload));
}

UNUSED static enum status bed_end(struct converse_bed *b)
{
    return b->relay->end(b->reply, &b->out, &b->err);
}

/* What was written since the last call. */
UNUSED static void bed_expect(struct converse_bed *b, const char *name, const char *want)
{
    if (!text_eq(buf_str(&b->out), text_from(want)))
        fail_msg("%s: got\n%.*s\nwant\n%s", name, STR_ARG(buf_str(&b->out)), want);
    buf_clear(&b->out);
}

/* --- golden pairs: "<type> <json>" lines in, SSE bytes out; or a whole answer each way, which a
 * .retold.events shows as a stream --- */

static struct str bed_file(struct arena *arena, const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = arena_alloc(arena, 65536);
    if (!f || !text)
        fail_msg("%s: cannot be opened (run from the top of the repository)", path);
    size_t n = fread(text, 1, 65536, f);
    fclose(f);
    return (struct str){text, n};
}

static void bed_lines(struct converse_bed *b, struct str lines, const char *path)
{
    struct str line, type;
    while (text_split(&lines, '\n', &line)) {
        struct str payload = line;
        if (!line.n)
            continue;
        text_split(&payload, ' ', &type);
        if (bed_take(b, type, payload) != STATUS_OK)
            fail_msg("%s: %s at %.*s", path, b->err.text, STR_ARG(line));
    }
    if (bed_end(b) != STATUS_OK)
        fail_msg("%s: %s", path, b->err.text);
}

/* stem: the path up to the first '.' of its endings. */
static void bed_check_retold(const char *stem, int stem_n, void (*open)(struct converse_bed *b))
{
    struct converse_bed b;
    char path[512], want_path[512];
    open(&b);
    b.reply->whole_upstream = true;
    converse_name_out(b.names, STR(LONG_NAME));
    snprintf(path, sizeof path, "%.*s.in.json", stem_n, stem);
    snprintf(want_path, sizeof want_path, "%.*s.retold.events", stem_n, stem);
    struct str in = bed_file(b.arena, path);
    if (b.relay->whole(b.reply, b.arena, in, &b.out, &b.err) != STATUS_OK)
        fail_msg("%s: %s", path, b.err.text);
    const char *wrong = bed_grammar(&b, buf_str(&b.out), true);
    if (wrong)
        fail_msg("%s: %s in\n%.*s", path, wrong, STR_ARG(buf_str(&b.out)));
    if (access(want_path, F_OK) == 0 && !text_eq(buf_str(&b.out), bed_file(b.arena, want_path)))
        fail_msg("%s: got\n%.*s", want_path, STR_ARG(buf_str(&b.out)));
    bed_close(&b);
}

static void bed_check_pair(const char *path, void (*open)(struct converse_bed *b))
{
    struct converse_bed b;
    char want_path[512];
    bool events = strstr(path, ".in.events") != NULL;
    const char *at = strstr(path, ".in.");
    open(&b);
    converse_name_out(b.names, STR(LONG_NAME)); /* its short form is in some of the files */
    snprintf(want_path, sizeof want_path, "%.*s.out.%s", (int)(at - path), path, at + 4);
    struct str in = bed_file(b.arena, path), want = bed_file(b.arena, want_path);
    if (events)
        bed_lines(&b, in, path);
    else if (b.relay->whole(b.reply, b.arena, in, &b.out, &b.err) != STATUS_OK)
        fail_msg("%s: %s", path, b.err.text);
    if (!events)
        want.n -= want.n > 0; /* the file's line end */
    if (!text_eq(buf_str(&b.out), want))
        fail_msg("%s: got\n%.*s\nwant\n%.*s", path, STR_ARG(buf_str(&b.out)), STR_ARG(want));
    const char *wrong = events ? bed_grammar(&b, want, true) : NULL;
    if (wrong)
        fail_msg("%s: the golden file itself is illegal: %s", path, wrong);
    bed_close(&b);
    if (!events)
        bed_check_retold(path, (int)(at - path), open);
}

UNUSED static void bed_check_pairs(const char *pattern, size_t least,
                                   void (*open)(struct converse_bed *b))
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc < least)
        fail_msg("%s: fewer than %zu pairs (run from the top of the repository)", pattern, least);
    for (size_t i = 0; i < found.gl_pathc; i++)
        bed_check_pair(found.gl_pathv[i], open);
    globfree(&found);
}

/* --- any order of events --- */

#define AT(index, rest) "{\"contentBlockIndex\":" #index "," rest ",\"p\":\"abcdef\"}"
#define TOOL(id)        "\"start\":{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"look_up\"}}"
#define DELTA(inner)    "\"delta\":{" inner "}"
#define THINK(inner)    DELTA("\"reasoningContent\":{" inner "}")
#define CITE(location)                                                          \
    DELTA("\"citation\":{\"title\":\"T\",\"sourceContent\":[{\"text\":\"S\"}]," \
          "\"location\":" location "}")

static const struct {
    const char *type, *payload;
} bed_events[] = {
    {"messageStart", "{\"role\":\"assistant\",\"p\":\"ab\"}"},
    {"contentBlockStart", AT(0, TOOL("t0"))},
    {"contentBlockStart", AT(1, TOOL("t1"))},
    {"contentBlockStart", AT(2, TOOL("t2"))},
    {"contentBlockStart", AT(1, TOOL("t3"))},
    {"contentBlockStart", AT(0, "\"start\":{}")},
    {"contentBlockStart", AT(3, "\"start\":{\"image\":{\"format\":\"png\"}}")},
    {"contentBlockStart", AT(2, "\"start\":{\"toolUse\":{\"toolUseId\":\"s\",\"name\":\"n\","
                                "\"type\":\"server_tool_use\"}}")},
    {"contentBlockDelta", AT(0, DELTA("\"text\":\"a\""))},
    {"contentBlockDelta", AT(1, DELTA("\"text\":\"\\u00e9\\n\""))},
    {"contentBlockDelta", AT(0, DELTA("\"text\":\"\""))},
    {"contentBlockDelta", AT(2, DELTA("\"text\":null"))},
    {"contentBlockDelta", AT(0, DELTA("\"toolUse\":{\"input\":\"{\\\"a\\\":\"}"))},
    {"contentBlockDelta", AT(1, DELTA("\"toolUse\":{\"input\":\"1}\"}"))},
    {"contentBlockDelta", AT(2, DELTA("\"toolUse\":{\"input\":\"\"}"))},
    {"contentBlockDelta", AT(1, DELTA("\"toolUse\":{\"input\":{}}"))},
    {"contentBlockDelta", AT(0, THINK("\"text\":\"hm\""))},
    {"contentBlockDelta", AT(1, THINK("\"text\":\"hm\""))},
    {"contentBlockDelta", AT(0, THINK("\"signature\":\"c2ln\""))},
    {"contentBlockDelta", AT(1, THINK("\"signature\":\"c2ln\""))},
    {"contentBlockDelta", AT(1, THINK("\"redactedContent\":\"cmVk\""))},
    {"contentBlockDelta", AT(2, THINK("\"redactedContent\":\"\""))},
    {"contentBlockDelta",
     AT(0, CITE("{\"documentChar\":{\"documentIndex\":0,\"start\":1,\"end\":2}}"))},
    {"contentBlockDelta", AT(1, CITE("{\"web\":{\"url\":\"u\"}}"))},
    {"contentBlockDelta", AT(2, DELTA("\"toolResult\":[{\"text\":\"r\"}]"))},
    {"contentBlockDelta", AT(3, DELTA("\"image\":{\"source\":{\"bytes\":\"aGk=\"}}"))},
    {"contentBlockDelta", AT(-1, DELTA("\"text\":\"minus\""))},
    {"contentBlockDelta", AT(9007199254740993, DELTA("\"text\":\"far\""))},
    {"contentBlockDelta", "{\"contentBlockIndex\":0}"},
    {"contentBlockStop", "{\"contentBlockIndex\":0,\"p\":\"a\"}"},
    {"contentBlockStop", "{\"contentBlockIndex\":1,\"p\":\"a\"}"},
    {"contentBlockStop", "{\"contentBlockIndex\":2}"},
    {"somethingNew", "{\"contentBlockIndex\":0}"},
    {"somethingNew", "not even JSON"},
    {"messageStop", "{\"stopReason\":\"end_turn\",\"p\":\"abc\"}"},
    {"messageStop", "{\"stopReason\":\"tool_use\"}"},
    {"messageStop", "{\"stopReason\":\"stop_sequence\",\"additionalModelResponseFields\":{\"stop_"
                    "sequence\":\"###\"}}"},
    {"messageStop", "{\"stopReason\":\"guardrail_intervened\"}"},
    {"messageStop", "{}"},
    {"metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"totalTokens\":3},\"metrics\":{"
                 "\"latencyMs\":1}}"},
    {"metadata", "{\"metrics\":{}}"},
    /* from here on: what ends the stream with an error */
    {"messageStop", "{\"stopReason\":\"malformed_tool_use\"}"},
    {"contentBlockStart", AT(0, "\"start\":{\"toolUse\":{\"name\":\"n\"}}")},
    {"contentBlockDelta", "{\"delta\":{\"text\":\"a\"}}"},
    {"contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"a"},
};
#define BED_BAD       4      /* of them */
#define BED_SEQUENCES 50000u /* in each dialect; under a second and a half with ASan */

static uint32_t bed_next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* One event of the table; the bad ones seldom, or hardly any sequence would get far. */
static enum status bed_any_event(struct converse_bed *b, uint32_t *seed)
{
    size_t n = COUNT_OF(bed_events) - (bed_next(seed) % 8 ? BED_BAD : 0);
    size_t i = bed_next(seed) % n;
    return bed_event(b, bed_events[i].type, bed_events[i].payload);
}

/* A sequence of up to max events, then the end: true when the stream came to a good end. */
UNUSED static bool bed_any_sequence(uint32_t seed, uint32_t max,
                                    void (*open)(struct converse_bed *b))
{
    struct converse_bed b;
    uint32_t state = seed * 2654435761u + 1;
    enum status st = STATUS_OK;
    open(&b);
    for (uint32_t n = 1 + bed_next(&state) % max; n && st == STATUS_OK; n--)
        st = bed_any_event(&b, &state);
    if (st == STATUS_OK)
        st = bed_end(&b);
    bool stopped = b.reply->stopped;
    const char *wrong = bed_grammar(&b, buf_str(&b.out), st == STATUS_OK);
    if (wrong || stopped != (st == STATUS_OK))
        fail_msg("sequence %u: %s in\n%.*s", seed, wrong ? wrong : "stopped is wrong",
                 STR_ARG(buf_str(&b.out)));
    bed_close(&b);
    return st == STATUS_OK;
}

#endif
