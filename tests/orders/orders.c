/*
 * orders.c - streams of /v1/responses made out of events of Bedrock in any order: what the
 * programs beside this one judge. Blocks open beside one another, starts and stops that are missing or come twice, pieces of
 * the wrong kind, every reason to stop, streams that break.
 *
 *   orders COUNT [SEED]    the streams to stdout, each behind a line "# SEED good|broken shown|hidden"
 *
 * One seed gives one stream, whoever asks.
 */
#include <stdio.h>
#include <stdlib.h>

#include "worker/reply/converse_to_responses.h"

#define BLOCKS    6
#define EVENT_MAX 600

static const struct sealer sealer = {.key = "nobody opens it", .bound = {"m", 1}};

struct order {
    uint32_t chance;
    struct arena *arena;
    struct reply *reply;
    struct buf out;
    struct err err;
    bool shows;
    unsigned ids; /* of calls, so far */
};

static uint32_t draw(struct order *o, uint32_t below)
{
    o->chance ^= o->chance << 13;
    o->chance ^= o->chance >> 17;
    o->chance ^= o->chance << 5;
    return o->chance % below;
}

static const char *pick(struct order *o, const char *const *words, size_t n)
{
    return words[draw(o, (uint32_t)n)];
}
#define PICK(o, words) pick(o, words, COUNT_OF(words))

/* --- events --- */

static const char *const texts[] = {
    "a",    "Hello",       " ",   "\\n",      "\\u00e9",      "\\ud83d\\ude00",
    "\\\"", "{\\\"a\\\":", "1}",  "\xc3\xa9", "\\\\",         "\\u0000",
    "",     "\\ud83d",     "[1]", "</x>",     "data: x\\n\\n"};
static const char *const inputs[] = {
    "{\\\"input\\\":\\\"",       "+ a\\\\n", "\\\"}",   "{}", "{\\\"command\\\":[\\\"ls\\\"]}",
    "{\\\"query\\\":\\\"q\\\"}", "not JSON", "\\u00e9", ""};
static const char *const names[] = {"look_up", "patch",       "find_tools",
                                    "shell",   "space__look", "new"};
static const char *const stops[] = {"end_turn",
                                    "tool_use",
                                    "max_tokens",
                                    "stop_sequence",
                                    "model_context_window_exceeded",
                                    "guardrail_intervened",
                                    "content_filtered",
                                    "malformed_model_output",
                                    "malformed_tool_use",
                                    "pause_turn",
                                    "refusal",
                                    "of next year"};

static enum status tell(struct order *o, const char *type, const char *payload)
{
    return converse_to_responses_relay.event(o->reply, text_from(type), text_from(payload), &o->out,
                                             &o->err);
}

static enum status start(struct order *o, uint32_t block)
{
    char payload[EVENT_MAX];
    static const char *const others[] = {"{}", "{\"image\":{\"format\":\"png\"}}", "{\"x\":1}"};
    if (draw(o, 5) == 0) {
        snprintf(payload, sizeof payload, "{\"contentBlockIndex\":%u,\"start\":%s}", block,
                 PICK(o, others));
    } else {
        unsigned id = draw(o, 4) ? o->ids++ : o->ids / 2; /* some come twice */
        snprintf(payload, sizeof payload,
                 "{\"contentBlockIndex\":%u,\"start\":{\"toolUse\":{\"toolUseId\":\"t%u\","
                 "\"name\":\"%s\"%s}}}",
                 block, id, PICK(o, names), draw(o, 12) ? "" : ",\"type\":\"server_tool_use\"");
    }
    return tell(o, "contentBlockStart", payload);
}

static enum status delta(struct order *o, uint32_t block)
{
    char payload[EVENT_MAX], inner[EVENT_MAX / 2];
    static const char *const forms[] = {
        "{\"text\":\"%s\"}",
        "{\"text\":\"%s\"}",
        "{\"toolUse\":{\"input\":\"%s\"}}",
        "{\"toolUse\":{\"input\":\"%s\"}}",
        "{\"reasoningContent\":{\"text\":\"%s\"}}",
        "{\"reasoningContent\":{\"signature\":\"%s\"}}",
        "{\"reasoningContent\":{\"redactedContent\":\"%s\"}}",
        "{\"citation\":{\"title\":\"%s\",\"location\":{\"web\":{\"url\":\"u\"}}}}",
        "{\"of next year\":\"%s\"}"};
    uint32_t form = draw(o, COUNT_OF(forms));
    const char *text = form == 2 || form == 3   ? PICK(o, inputs)
                       : form == 5 || form == 6 ? "c2ln"
                                                : PICK(o, texts);
    snprintf(inner, sizeof inner, forms[form], text);
    snprintf(payload, sizeof payload, "{\"contentBlockIndex\":%u,\"delta\":%s,\"p\":\"abc\"}",
             block, inner);
    return tell(o, "contentBlockDelta", payload);
}

static enum status stop_block(struct order *o, uint32_t block)
{
    char payload[60];
    snprintf(payload, sizeof payload, "{\"contentBlockIndex\":%u}", block);
    return tell(o, "contentBlockStop", payload);
}

static enum status odd(struct order *o)
{
    static const char *const events[][2] = {
        {"messageStart", "{\"role\":\"assistant\"}"},
        {"messageStart", "{\"role\":\"assistant\"}"},
        {"ofNextYear", "{}"},
        {"ofNextYear", "no JSON"},
        {"metadata", "{\"metrics\":{}}"},
        {"metadata", "{\"usage\":{\"inputTokens\":1,\"outputTokens\":2}}"},
        {"contentBlockDelta", "{\"delta\":{\"text\":\"nowhere\"}}"}, /* from here on: an error */
        {"contentBlockDelta", "{\"contentBlockIndex\":0,"},
        {"contentBlockStart", "{\"contentBlockIndex\":0,\"start\":{\"toolUse\":{\"name\":\"x\"}}}"},
    };
    uint32_t i = draw(o, draw(o, 10) ? 6 : COUNT_OF(events));
    return tell(o, events[i][0], events[i][1]);
}

static enum status any_event(struct order *o)
{
    uint32_t block = draw(o, BLOCKS);
    switch (draw(o, 10)) {
    case 0:
    case 1:
        return start(o, block);
    case 2:
        return stop_block(o, block);
    case 3:
        return draw(o, 4) ? delta(o, block) : odd(o);
    default:
        return delta(o, block);
    }
}

/* --- streams --- */

static enum status finish(struct order *o)
{
    char payload[200];
    enum status st = STATUS_OK;
    if (draw(o, 12) == 0) { /* Bedrock's stream is cut without a word */
        return converse_to_responses_relay.end(o->reply, &o->out, &o->err);
    }
    snprintf(payload, sizeof payload, "{\"stopReason\":\"%s\"}", PICK(o, stops));
    st = tell(o, "messageStop", payload);
    for (uint32_t n = draw(o, 3); n && st == STATUS_OK; n--) { /* what may not follow */
        st = any_event(o);
    }
    if (st == STATUS_OK && draw(o, 5)) {
        st = tell(o, "metadata",
                  "{\"usage\":{\"inputTokens\":7,\"outputTokens\":5,\"cacheReadInputTokens\":3,"
                  "\"cacheWriteInputTokens\":2}}");
    }
    return st == STATUS_OK ? converse_to_responses_relay.end(o->reply, &o->out, &o->err) : st;
}

static void open_order(struct order *o, uint32_t seed)
{
    *o = (struct order){.chance = seed * 2654435761u + 1, .arena = arena_new((size_t)64 << 20)};
    struct converse_names *n = converse_names_new(o->arena);
    bool shown = draw(o, 2), sealed = draw(o, 2);
    const struct responses_wants wants = {.created_s = 1764000000,
                                          .shows_summary = shown,
                                          .wants_encrypted = sealed,
                                          .sealer = &sealer};
    bool ok = converse_names_mark(n, STR("patch"), CONVERSE_CALL_CUSTOM) &&
              converse_names_mark(n, STR("find_tools"), CONVERSE_CALL_SEARCH) &&
              converse_names_mark(n, STR("shell"), CONVERSE_CALL_SHELL) &&
              converse_names_join(n, STR("space"), STR("look")).p;
    o->reply = ok ? converse_to_responses_new(o->arena, STR("m"), STR("resp_r"), &wants, n) : NULL;
    o->shows = shown;
    buf_init(&o->out, (size_t)64 << 20);
    if (!o->reply) {
        abort();
    }
}

static void make(uint32_t seed)
{
    struct order o;
    enum status st = STATUS_OK;
    open_order(&o, seed);
    for (uint32_t n = draw(&o, 40); n && st == STATUS_OK; n--) {
        st = any_event(&o);
    }
    bool breaks = draw(&o, 15) == 0; /* for a reason outside of the stream */
    if (st == STATUS_OK && !breaks) {
        st = finish(&o);
    }
    bool broken = st != STATUS_OK || breaks;
    if (broken) {
        converse_to_responses_fail(o.reply, STR("server_error"),
                                   st == STATUS_OK ? STR("the server ends") : text_from(o.err.text),
                                   &o.out);
    }
    printf("# %u %s %s\n", seed, broken ? "broken" : "good", o.shows ? "shown" : "hidden");
    fwrite(buf_data(&o.out), 1, buf_len(&o.out), stdout);
    buf_free(&o.out);
    arena_drop(o.arena);
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    for (unsigned long i = 0; i < count; i++) {
        make((uint32_t)(seed + i));
    }
    return count == 0 || ferror(stdout) ? 2 : 0;
}
