/* The order of an answer, with a dialect that only writes down what it was asked. */
#include "worker/reply/converse_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char letters[] = {
    [CONVERSE_PART_NONE] = '?',     [CONVERSE_PART_TEXT] = 't',     [CONVERSE_PART_TOOL] = 'u',
    [CONVERSE_PART_THINKING] = 'h', [CONVERSE_PART_REDACTED] = 'r', [CONVERSE_PART_CITATION] = 'c'};

static void put_begin(struct converse_reply *r, struct buf *out)
{
    (void)r;
    BUF_LIT(out, "begin ");
}

static void put_open(struct converse_reply *r, const struct converse_block *b,
                     const struct converse_part *p, struct buf *out)
{
    (void)r;
    buf_printf(out, "(%u%c", b->ours, letters[b->kind]);
    if (p->kind == CONVERSE_PART_TOOL)
        buf_printf(out, "%u:%.*s", b->tool, STR_ARG(p->tool_name));
    BUF_LIT(out, " ");
}

static void put_piece(struct converse_reply *r, const struct converse_block *b,
                      const struct converse_part *p, struct buf *out)
{
    (void)r;
    buf_printf(out, "%u%c", b->ours, letters[p->kind]);
    if (p->text.n)
        buf_printf(out, "=%.*s", STR_ARG(p->text));
    if (p->signature.n)
        buf_printf(out, "~%.*s", STR_ARG(p->signature));
    BUF_LIT(out, " ");
}

static void put_close(struct converse_reply *r, const struct converse_block *b, struct buf *out)
{
    (void)r;
    buf_printf(out, "%u) ", b->ours);
}

static void put_finish(struct converse_reply *r, struct buf *out)
{
    buf_printf(out, "finish %s %u", r->stop->bedrock, (unsigned)r->reply.usage.tokens.output);
}

static void put_whole(struct converse_reply *r, const struct converse_part *parts, size_t n,
                      struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%c", letters[parts[i].kind]);
    buf_printf(out, " %s %u", r->stop->bedrock, r->tools);
}

#define RECORDER(one)                                                                          \
    {                                                                                          \
        .malformed_fails = true, .one_at_a_time = (one), .begin = put_begin, .open = put_open, \
        .piece = put_piece, .close = put_close, .finish = put_finish, .whole = put_whole       \
    }
static const struct converse_dialect recorder = RECORDER(false), in_turn = RECORDER(true);

struct bed {
    struct arena *arena;
    struct converse_reply r;
    struct buf out;
    struct err err;
};

static void open_bed_of(struct bed *b, const struct converse_dialect *dialect)
{
    memset(b, 0, sizeof *b);
    b->arena = arena_new(1 << 20);
    buf_init(&b->out, 1 << 16);
    converse_reply_init(&b->r, dialect, b->arena, STR("model"), STR("id"), NULL);
}

static void open_bed(struct bed *b)
{
    open_bed_of(b, &recorder);
}

static void close_bed(struct bed *b)
{
    buf_free(&b->out);
    arena_drop(b->arena);
}

/* One event in short: "S1 name" starts a tool, "t1 text", "u1 input", "h1 thinking", "g1
 * signature", "r1 data", "c1" a citation, "x1" an image, "-1" a stop, "m" messageStart, "e reason",
 * "d n" metadata with n tokens. */
static enum status say(struct bed *b, struct str word)
{
    static const struct {
        char letter;
        const char *type, *payload; /* %c: index; %.*s: the rest */
    } rows[] = {
        {'S', "contentBlockStart",
         "{\"contentBlockIndex\":%c,\"start\":{\"toolUse\":{\"toolUseId\":\"%.*s\",\"name\":\"n\"}}"
         "}"},
        {'t', "contentBlockDelta", "{\"contentBlockIndex\":%c,\"delta\":{\"text\":\"%.*s\"}}"},
        {'u', "contentBlockDelta",
         "{\"contentBlockIndex\":%c,\"delta\":{\"toolUse\":{\"input\":\"%.*s\"}}}"},
        {'h', "contentBlockDelta",
         "{\"contentBlockIndex\":%c,\"delta\":{\"reasoningContent\":{\"text\":\"%.*s\"}}}"},
        {'g', "contentBlockDelta",
         "{\"contentBlockIndex\":%c,\"delta\":{\"reasoningContent\":{\"signature\":\"%.*s\"}}}"},
        {'r', "contentBlockDelta",
         "{\"contentBlockIndex\":%c,\"delta\":{\"reasoningContent\":{\"redactedContent\":\"%.*s\"}}"
         "}"},
        {'c', "contentBlockDelta",
         "{\"contentBlockIndex\":%c,\"delta\":{\"citation\":{\"title\":\"%.*s\",\"location\":"
         "{\"documentChar\":{\"documentIndex\":0,\"start\":0,\"end\":1}}}}}"},
        {'x', "contentBlockDelta", "{\"contentBlockIndex\":%c,\"delta\":{\"image\":\"%.*s\"}}"},
        {'-', "contentBlockStop", "{\"contentBlockIndex\":%c,\"p\":\"%.*s\"}"},
        {'m', "messageStart", "{\"role\":%c,\"p\":\"%.*s\"}"},
        {'e', "messageStop", "{\"p\":%c,\"stopReason\":\"%.*s\"}"},
        {'d', "metadata", "{\"p\":%c,\"usage\":{\"outputTokens\":%.*s}}"},
    };
    char payload[200];
    struct str rest = text_sub(word, 3, word.n);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (word.p[0] != rows[i].letter)
            continue;
        snprintf(payload, sizeof payload, rows[i].payload, word.n > 1 ? word.p[1] : '0',
                 (int)rest.n, rest.p);
        return converse_reply_event(&b->r.reply, text_from(rows[i].type), text_from(payload),
                                    &b->out, &b->err);
    }
    fail_msg("no such event: %.*s", STR_ARG(word));
    return STATUS_INTERNAL;
}

struct order_row {
    const char *name, *events, *want;
    const char *in_turn; /* of a dialect with one block at a time; NULL: the same */
};

/* Events are parted by '|'. "end" is the end of the body. */
static const struct order_row orders[] = {
    {"as it should be", "m0|t0 a|t0 b|-0|S1 A|u1 {}|-1|e0 tool_use|d0 5",
     "begin (0t 0t=a 0t=b 0) (1u0:n 1u={} 1) finish tool_use 5", NULL},
    {"no messageStart", "t0 a|-0|e0 end_turn|d0 1", "begin (0t 0t=a 0) finish end_turn 1", NULL},
    {"nothing but the end", "e0 end_turn|d0 1", "begin finish end_turn 1", NULL},
    {"messageStart twice", "m0|t0 a|m0|-0|e0 end_turn|d0 1", "begin (0t 0t=a 0) finish end_turn 1",
     NULL},
    {"numbers with holes", "t5 a|-5|t9 b|-9|e0 end_turn|d0 1",
     "begin (0t 0t=a 0) (1t 1t=b 1) finish end_turn 1", NULL},
    {"interleaved calls", "S3 A|S1 B|u3 {|u1 [|u3 }|-1|-3|e0 tool_use|d0 1",
     "begin (0u0:n (1u1:n 0u={ 1u=[ 0u=} 1) 0) finish tool_use 1",
     "begin (0u0:n 0u={ 0u=} 0) (1u1:n 1u=[ 1) finish tool_use 1"},
    {"stops missing", "t0 a|S1 A|h2 x|e0 tool_use|d0 1",
     "begin (0t 0t=a (1u0:n (2h 2h=x 0) 1u={} 1) 2) finish tool_use 1",
     "begin (0t 0t=a 0) (1u0:n 1u={} 1) (2h 2h=x 2) finish tool_use 1"},
    {"three calls, stopped backwards",
     "S0 A|S1 B|S2 C|u2 c|-2|u1 b|u0 a|-0|u1 d|-1|e0 tool_use|d0 1",
     "begin (0u0:n (1u1:n (2u2:n 2u=c 2) 1u=b 0u=a 0) 1u=d 1) finish tool_use 1",
     "begin (0u0:n 0u=a 0) (1u1:n 1u=b 1u=d 1) (2u2:n 2u=c 2) finish tool_use 1"},
    {"text beside a call", "S0 A|t1 x|u0 {}|-0|t1 y|-1|e0 tool_use|d0 1",
     "begin (0u0:n (1t 1t=x 0u={} 0) 1t=y 1) finish tool_use 1",
     "begin (0u0:n 0u={} 0) (1t 1t=x 1t=y 1) finish tool_use 1"},
    {"text, a call, text again", "t0 a|S1 A|t0 b|u1 {}|-1|-0|e0 tool_use|d0 1",
     "begin (0t 0t=a (1u0:n 0t=b 1u={} 1) 0) finish tool_use 1",
     "begin (0t 0t=a 0) (1u0:n 1u={} 1) (2t 2t=b 2) finish tool_use 1"},
    {"calls around text", "S0 A|t1 x|S2 B|u2 b|u0 a|-0|-2|e0 tool_use|d0 1",
     "begin (0u0:n (1t 1t=x (2u1:n 2u=b 0u=a 0) 2) 1) finish tool_use 1",
     "begin (0u0:n 0u=a 0) (1t 1t=x 1) (2u1:n 2u=b 2) finish tool_use 1"},
    {"redacted thinking beside a call", "S0 A|r1 z|u0 a|g2 s|-0|e0 tool_use|d0 1",
     "begin (0u0:n (1r 1) 0u=a (2h 2h~s 0) 2) finish tool_use 1",
     "begin (0u0:n 0u=a 0) (1r 1) (2h 2h~s 2) finish tool_use 1"},
    {"number used again while its block waits",
     "S0 A|S1 B|u1 b|-1|S1 C|u1 c|-1|-0|e0 tool_use|d0 1",
     "begin (0u0:n (1u1:n 1u=b 1) (2u2:n 2u=c 2) 0u={} 0) finish tool_use 1",
     "begin (0u0:n 0u={} 0) (1u1:n 1u=b 1) (2u2:n 2u=c 2) finish tool_use 1"},
    {"stop twice", "t0 a|-0|-0|-7|e0 end_turn|d0 1", "begin (0t 0t=a 0) finish end_turn 1", NULL},
    {"text after its stop", "t0 a|-0|t0 b|e0 end_turn|d0 1",
     "begin (0t 0t=a 0) (1t 1t=b 1) finish end_turn 1", NULL},
    {"input after its stop", "S0 A|u0 {}|-0|u0 {}|e0 tool_use|d0 1",
     "begin (0u0:n 0u={} 0) finish tool_use 1", NULL},
    {"input without a call", "u0 {}|t0 a|e0 end_turn|d0 1", "begin (0t 0t=a 0) finish end_turn 1",
     NULL},
    {"call without input", "S0 A|u0 |-0|e0 tool_use|d0 1",
     "begin (0u0:n 0u={} 0) finish tool_use 1", NULL},
    {"start of the same call twice", "S0 A|S0 A|u0 {}|S0 A|-0|e0 tool_use|d0 1",
     "begin (0u0:n 0u={} 0) finish tool_use 1", NULL},
    {"start of another call", "S0 A|S0 B|u0 {}|-0|e0 tool_use|d0 1",
     "begin (0u0:n 0u={} 0) (1u1:n 1u={} 1) finish tool_use 1", NULL},
    {"kind changes inside a block", "t0 a|h0 x|t0 b|S0 A|e0 tool_use|d0 1",
     "begin (0t 0t=a 0) (1h 1h=x 1) (2t 2t=b 2) (3u0:n 3u={} 3) finish tool_use 1", NULL},
    {"thinking after its signature", "h0 x|g0 s|h0 y|g0 z|-0|e0 end_turn|d0 1",
     "begin (0h 0h=x 0h~s 0) (1h 1h=y 1h~z 1) finish end_turn 1", NULL},
    {"signature only", "g0 s|-0|e0 end_turn|d0 1", "begin (0h 0h~s 0) finish end_turn 1", NULL},
    {"redacted closes at once", "r0 x|r0 y|-0|e0 end_turn|d0 1",
     "begin (0r 0) (1r 1) finish end_turn 1", NULL},
    {"citation opens a text", "c0 T|t0 a|c0 U|-0|e0 end_turn|d0 1",
     "begin (0t 0c 0t=a 0c 0) finish end_turn 1", NULL},
    {"empty pieces open nothing", "m0|t0 |h1 |r2 |x3 |e0 end_turn|d0 1", "begin finish end_turn 1",
     NULL},
    {"usage before the stop", "d0 7|t0 a|e0 end_turn", "begin (0t 0t=a 0) finish end_turn 7", NULL},
    {"usage never", "t0 a|e0 end_turn|end", "begin (0t 0t=a 0) finish end_turn 0", NULL},
    {"nothing after the stop", "e0 end_turn|t0 a|S1 A|-0|e0 max_tokens|m0|d0 1|d0 2|t0 b|end",
     "begin finish end_turn 1", NULL},
    {"end_turn with a call", "S0 A|-0|e0 end_turn|d0 1", "begin (0u0:n 0u={} 0) finish tool_use 1",
     NULL},
};

static void check_order(const struct order_row *row, const struct converse_dialect *dialect)
{
    struct bed b;
    struct str words = text_from(row->events), word;
    const char *want = dialect->one_at_a_time && row->in_turn ? row->in_turn : row->want;
    open_bed_of(&b, dialect);
    while (text_split(&words, '|', &word)) {
        enum status st = text_eq(word, STR("end")) ? converse_reply_end(&b.r.reply, &b.out, &b.err)
                                                   : say(&b, word);
        if (st != STATUS_OK)
            fail_msg("%s: %s", row->name, b.err.text);
    }
    if (!text_eq(buf_str(&b.out), text_from(want)) || !b.r.reply.stopped)
        fail_msg("%s: got '%.*s'", row->name, STR_ARG(buf_str(&b.out)));
    close_bed(&b);
}

static void test_order_whatever_comes_is_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        check_order(&orders[i], &recorder);
        check_order(&orders[i], &in_turn);
    }
}

/* The live block goes out at once, whatever waits behind it. */
static void test_live_block_is_never_held_back(void **state)
{
    (void)state;
    struct bed b;
    open_bed_of(&b, &in_turn);
    assert_int_equal(say(&b, STR("S0 A")), STATUS_OK);
    assert_int_equal(say(&b, STR("S1 B")), STATUS_OK);
    assert_int_equal(say(&b, STR("u1 [")), STATUS_OK);
    assert_int_equal(say(&b, STR("u0 {")), STATUS_OK);
    assert_true(text_eq(buf_str(&b.out), STR("begin (0u0:n 0u={ ")));
    assert_int_equal(say(&b, STR("-0")), STATUS_OK);
    assert_int_equal(say(&b, STR("u1 ]")), STATUS_OK);
    assert_true(text_eq(buf_str(&b.out), STR("begin (0u0:n 0u={ 0) (1u1:n 1u=[ 1u=] ")));
    close_bed(&b); /* what waits at the end of a broken stream leaks nothing */
    open_bed_of(&b, &in_turn);
    say(&b, STR("S0 A"));
    say(&b, STR("S1 B"));
    say(&b, STR("u1 ["));
    close_bed(&b);
}

static void test_holding_back_has_an_end(void **state)
{
    (void)state;
    struct bed b;
    enum status st = STATUS_OK;
    static char piece[300000];
    open_bed_of(&b, &in_turn);
    say(&b, STR("S0 A"));
    say(&b, STR("S1 B"));
    int head = snprintf(piece, sizeof piece,
                        "{\"contentBlockIndex\":1,\"delta\":{\"toolUse\":{\"input\":\"");
    memset(piece + head, 'x', 250000);
    memcpy(piece + head + 250000, "\"}}}", 5);
    int n = 0;
    for (; n < 1000 && st == STATUS_OK; n++)
        st = converse_reply_event(&b.r.reply, STR("contentBlockDelta"), text_from(piece), &b.out,
                                  &b.err);
    assert_int_equal(st, STATUS_UPSTREAM);
    assert_in_range(n, 8, 100); /* megabytes are held, but not without end */
    close_bed(&b);
}

static void test_end_without_stop_is_upstream(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b);
    assert_int_equal(converse_reply_end(&b.r.reply, &b.out, &b.err), STATUS_UPSTREAM);
    assert_false(b.r.reply.started);
    say(&b, STR("t0 a"));
    say(&b, STR("d0 3"));
    assert_int_equal(converse_reply_end(&b.r.reply, &b.out, &b.err), STATUS_UPSTREAM);
    assert_true(b.r.reply.started && !b.r.reply.stopped);
    close_bed(&b);
}

static void test_malformed_without_metadata_fails_at_the_end(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b);
    assert_int_equal(say(&b, STR("e0 malformed_tool_use")), STATUS_OK);
    assert_int_equal(converse_reply_end(&b.r.reply, &b.out, &b.err), STATUS_INTERNAL);
    assert_false(b.r.reply.stopped);
    close_bed(&b);
}

static void test_event_after_an_error_writes_nothing(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b);
    assert_int_equal(say(&b, STR("t0 a")), STATUS_OK);
    assert_int_equal(say(&b, STR("t0 \"")), STATUS_UPSTREAM);
    size_t before = buf_len(&b.out);
    assert_int_equal(say(&b, STR("t0 b")), STATUS_OK);
    assert_int_equal(buf_len(&b.out), before);
    close_bed(&b);
}

static void test_blocks_too_many_open_is_upstream(void **state)
{
    (void)state;
    struct bed b;
    char payload[80];
    enum status st = STATUS_OK;
    open_bed(&b);
    unsigned n = 0;
    for (; st == STATUS_OK && n < 1000; n++) {
        snprintf(payload, sizeof payload, "{\"contentBlockIndex\":%u,\"delta\":{\"text\":\"x\"}}",
                 n);
        st = converse_reply_event(&b.r.reply, STR("contentBlockDelta"), text_from(payload), &b.out,
                                  &b.err);
    }
    assert_int_equal(st, STATUS_UPSTREAM);
    assert_int_equal(n, CONVERSE_REPLY_OPEN_MAX + 1);
    close_bed(&b);
}

static void test_output_buffer_full_is_internal(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b);
    b.out.max = 10;
    assert_int_equal(say(&b, STR("t0 a long text")), STATUS_INTERNAL);
    close_bed(&b);
    open_bed(&b);
    b.out.max = 8;
    assert_int_equal(say(&b, STR("e0 end_turn")), STATUS_OK);
    assert_int_equal(converse_reply_end(&b.r.reply, &b.out, &b.err), STATUS_INTERNAL);
    close_bed(&b);
}

static void test_answer_parts_are_handed_over_in_order(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b);
    struct str body = STR("{\"output\":{\"message\":{\"content\":[{\"reasoningContent\":{"
                          "\"reasoningText\":{\"text\":\"h\"}}},"
                          "{\"text\":\"\"},{\"image\":{}},{\"text\":\"t\"},{\"toolUse\":{"
                          "\"toolUseId\":\"i\",\"name\":\"n\"}}]}},"
                          "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":4}}");
    assert_int_equal(converse_reply_answer(&b.r.reply, b.arena, body, &b.out, &b.err), STATUS_OK);
    assert_true(text_eq(buf_str(&b.out), STR("httu tool_use 1")));
    assert_true(b.r.reply.started && b.r.reply.stopped && b.r.reply.usage.tokens.input == 4);
    assert_string_equal(b.r.reply.stop_reason, "tool_use");
    close_bed(&b);
}

static void test_answer_retold_is_a_stream(void **state)
{
    (void)state;
    struct bed b;
    open_bed(&b);
    b.r.reply.whole_upstream = true;
    struct str body =
        STR("{\"output\":{\"message\":{\"content\":[{\"reasoningContent\":{"
            "\"reasoningText\":{\"text\":\"h\",\"signature\":\"s\"}}},"
            "{\"text\":\"\"},{\"image\":{}},{\"text\":\"t\"},"
            "{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"n\",\"input\":{\"a\":\"\\n\"}}},"
            "{\"toolUse\":{\"toolUseId\":\"j\",\"name\":\"m\"}}]}},"
            "\"stopReason\":\"end_turn\",\"usage\":{\"outputTokens\":4}}");
    /* begun by the wait for it: not a second time */
    assert_int_equal(
        converse_reply_event(&b.r.reply, STR("messageStart"), STR("{}"), &b.out, &b.err),
        STATUS_OK);
    assert_int_equal(converse_reply_answer(&b.r.reply, b.arena, body, &b.out, &b.err), STATUS_OK);
    const char *want = "begin (0h 0h=h~s 0) (1t 1t=(The model answered with an image, which "
                       "this API cannot carry.)\\n 1) (2t 2t=t 2) "
                       "(3u0:n 3u={\\\"a\\\":\\\"\\\\n\\\"} 3) (4u1:m 4u={} 4) finish tool_use 4";
    if (!text_eq(buf_str(&b.out), text_from(want)))
        fail_msg("got  %.*s\nwant %s", STR_ARG(buf_str(&b.out)), want);
    assert_true(b.r.reply.stopped);
    close_bed(&b);
}

static void test_answer_broken_writes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum status want;
    } rows[] = {
        {"<html>", STATUS_UPSTREAM},
        {"{\"output\":{}}", STATUS_UPSTREAM},
        {"{\"output\":{\"message\":{\"content\":[{\"toolUse\":{\"name\":\"n\"}}]}}}",
         STATUS_UPSTREAM},
        {"{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":\"malformed_model_output\"}",
         STATUS_INTERNAL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bed b;
        open_bed(&b);
        enum status st =
            converse_reply_answer(&b.r.reply, b.arena, text_from(rows[i].body), &b.out, &b.err);
        if (st != rows[i].want || buf_len(&b.out) || b.r.reply.started)
            fail_msg("%s: status %d", rows[i].body, st);
        close_bed(&b);
    }
}

/* Each allocation fails once: an error comes back, never a crash or a leak. */
static void test_allocation_failing_is_internal(void **state)
{
    (void)state;
    static const char *const words[] = {"S0 A", "t1 \\u0041", "S2 B", "u2 {}", "-2", "-0"};
    for (int one = 0; one < 2; one++) {
        unsigned failures = 0;
        for (unsigned long k = 1; k < 60; k++) {
            struct bed b;
            enum status st = STATUS_OK;
            open_bed_of(&b, one ? &in_turn : &recorder);
            heap_fail_after(k);
            for (size_t i = 0; i < COUNT_OF(words) && st == STATUS_OK; i++)
                st = say(&b, text_from(words[i]));
            heap_fail_after(0);
            assert_true(st == STATUS_OK || st == STATUS_INTERNAL || st == STATUS_UPSTREAM);
            failures += st != STATUS_OK;
            close_bed(&b);
        }
        assert_in_range(failures, 8, 55);
    }
}

static void test_members_are_written_with_their_commas(void **state)
{
    (void)state;
    struct buf b;
    struct json_out w;
    buf_init(&b, 1000);
    json_begin(&w, &b);
    json_object(&w);
    converse_reply_str(&w, STR("s"), STR("\""));
    converse_reply_quoted(&w, STR("q"), STR("\\n"));
    converse_reply_quoted(&w, STR("none"), (struct str){NULL, 0});
    converse_reply_count(&w, STR("c"), 7);
    converse_reply_null(&w, STR("z"));
    json_object_end(&w);
    assert_true(text_eq(buf_str(&b),
                        STR("{\"s\":\"\\\"\",\"q\":\"\\n\",\"none\":\"\",\"c\":7,\"z\":null}")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_whatever_comes_is_kept),
        cmocka_unit_test(test_live_block_is_never_held_back),
        cmocka_unit_test(test_holding_back_has_an_end),
        cmocka_unit_test(test_end_without_stop_is_upstream),
        cmocka_unit_test(test_malformed_without_metadata_fails_at_the_end),
        cmocka_unit_test(test_event_after_an_error_writes_nothing),
        cmocka_unit_test(test_blocks_too_many_open_is_upstream),
        cmocka_unit_test(test_output_buffer_full_is_internal),
        cmocka_unit_test(test_answer_parts_are_handed_over_in_order),
        cmocka_unit_test(test_answer_retold_is_a_stream),
        cmocka_unit_test(test_answer_broken_writes_nothing),
        cmocka_unit_test(test_allocation_failing_is_internal),
        cmocka_unit_test(test_members_are_written_with_their_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
