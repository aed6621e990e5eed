/* The tokens of an InvokeModel answer, wherever they are told, and what the client is told of them. */
#include "worker/splice/splice.h"

#include "tests/unit/splice_case.h"
#include "server/base/base64.h"

static struct splice_reply reply;
static struct buf out;
static struct arena *arena;
static struct err err;

static void say(const char *json)
{
    struct buf frame;
    size_t n = strlen(json);
    buf_init(&frame, 1 << 16);
    char *base64 = arena_alloc(arena, base64_size(n) + 1);
    base64_encode((const uint8_t *)json, n, base64);
    buf_printf(&frame, "{\"bytes\":\"%.*s\",\"p\":\"abc\"}", (int)base64_size(n), base64);
    if (splice_event(&reply.reply, buf_str(&frame), &out, &err) != STATUS_OK)
        fail_msg("%s: %s", json, err.text);
    buf_free(&frame);
}

static void begin(void)
{
    arena = arena_new(1 << 20);
    buf_init(&out, 1 << 16);
    splice_reply_init(&reply, STR("claude"));
}

static void end(void)
{
    buf_free(&out);
    arena_drop(arena);
}

#define START(usage) "{\"type\":\"message_start\",\"message\":{\"usage\":{" usage "}}}"
#define DELTA(usage)                                                        \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}," \
    "\"usage\":{" usage "}}"
#define STOP(more) "{\"type\":\"message_stop\"" more "}"
#define METRICS(m) ",\"amazon-bedrock-invocationMetrics\":{" m "}"

static const struct {
    const char *name, *events[4];
    struct tokens want; /* input, output, read, written for 5 minutes, for an hour */
} rows[] = {
    {"start and delta",
     {START("\"input_tokens\":3,\"output_tokens\":1"), DELTA("\"output_tokens\":7"), STOP("")},
     {3, 7, 0, 0, 0}},
    {"cache in the last event alone (W8)",
     {START("\"input_tokens\":3,\"output_tokens\":1"), DELTA("\"output_tokens\":7"),
      STOP(",\"usage\":{\"cache_read_input_tokens\":9000,\"cache_creation_input_tokens\":100}")},
     {3, 7, 9000, 100, 0}},
    {"cache in the last event, zeros before",
     {START("\"input_tokens\":3,\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0,"
            "\"output_tokens\":1"),
      DELTA("\"output_tokens\":7"),
      STOP(",\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":9000,"
           "\"cache_creation_input_tokens\":100,\"output_tokens\":7}")},
     {3, 7, 9000, 100, 0}},
    {"cache in the metrics alone",
     {START("\"input_tokens\":3,\"cache_read_input_tokens\":0,\"output_tokens\":1"),
      DELTA("\"output_tokens\":7"),
      STOP(METRICS("\"inputTokenCount\":3,\"outputTokenCount\":7,\"cacheReadInputTokenCount\":9000,"
                   "\"cacheWriteInputTokenCount\":100"))},
     {3, 7, 9000, 100, 0}},
    {"metrics know no more than the model: not twice",
     {START(
          "\"input_tokens\":3,\"cache_read_input_tokens\":9000,\"cache_creation_input_tokens\":100,"
          "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":100},"
          "\"output_tokens\":1"),
      DELTA("\"output_tokens\":7"),
      STOP(METRICS("\"inputTokenCount\":9103,\"outputTokenCount\":7,\"cacheReadInputTokenCount\":"
                   "9000,\"cacheWriteInputTokenCount\":100"))},
     {3, 7, 9000, 0, 100}},
    {"metrics alone",
     {START("\"output_tokens\":1"), DELTA("\"output_tokens\":1"),
      STOP(METRICS("\"inputTokenCount\":30,\"outputTokenCount\":70"))},
     {30, 70, 0, 0, 0}},
    {"a later place moves input to the cache: not twice",
     {START("\"input_tokens\":9103,\"output_tokens\":1"),
      DELTA(
          "\"input_tokens\":3,\"cache_read_input_tokens\":9000,\"cache_creation_input_tokens\":100,"
          "\"output_tokens\":7"),
      STOP("")},
     {3, 7, 9000, 100, 0}},
    {"fillers in a later place",
     {START(
          "\"input_tokens\":3,\"cache_read_input_tokens\":9000,\"cache_creation_input_tokens\":100,"
          "\"output_tokens\":1"),
      DELTA("\"input_tokens\":3,\"cache_read_input_tokens\":0,\"cache_creation_input_tokens\":0,"
            "\"output_tokens\":7"),
      STOP("")},
     {3, 7, 9000, 100, 0}},
    {"nulls tell nothing",
     {START("\"input_tokens\":3,\"cache_read_input_tokens\":9000,\"output_tokens\":1"),
      DELTA("\"input_tokens\":null,\"cache_read_input_tokens\":null,\"cache_creation\":null,"
            "\"iterations\":null,\"output_tokens\":7"),
      STOP("")},
     {3, 7, 9000, 0, 0}},
    {"a running total of output does not shrink",
     {START("\"input_tokens\":3,\"output_tokens\":5"), DELTA("\"output_tokens\":9"),
      STOP(",\"usage\":{\"output_tokens\":0}")},
     {3, 9, 0, 0, 0}},
    {"lifetimes without their sum",
     {START("\"input_tokens\":3,\"cache_creation\":{\"ephemeral_5m_input_tokens\":40,"
            "\"ephemeral_1h_input_tokens\":60},\"output_tokens\":1"),
      DELTA("\"output_tokens\":7"), STOP("")},
     {3, 7, 0, 40, 60}},
    {"iterations are summed",
     {START("\"input_tokens\":23000,\"output_tokens\":1"),
      DELTA("\"input_tokens\":23000,\"output_tokens\":1000,\"iterations\":["
            "{\"type\":\"compaction\",\"input_tokens\":180000,\"output_tokens\":3500},"
            "{\"type\":\"message\",\"input_tokens\":23000,\"output_tokens\":1000}]"),
      STOP(METRICS("\"inputTokenCount\":23000,\"outputTokenCount\":1000"))},
     {203000, 4500, 0, 0, 0}},
    {"iterations with caches",
     {START("\"input_tokens\":5,\"cache_read_input_tokens\":100,\"output_tokens\":1"),
      DELTA("\"output_tokens\":10,\"iterations\":["
            "{\"input_tokens\":7,\"output_tokens\":20,\"cache_read_input_tokens\":900,"
            "\"cache_creation_input_tokens\":30,\"cache_creation\":{\"ephemeral_1h_input_tokens\":"
            "30}},"
            "{\"input_tokens\":5,\"output_tokens\":10,\"cache_read_input_tokens\":100}]"),
      STOP("")},
     {12, 30, 1000, 0, 30}},
    {"iterations that know less than the sum beside them",
     {START("\"input_tokens\":50,\"output_tokens\":1"),
      DELTA("\"output_tokens\":10,\"iterations\":[{\"type\":\"message\",\"output_tokens\":4}, 5, "
            "{}]"),
      STOP("")},
     {50, 10, 0, 0, 0}},
    {"no usage at all", {START(""), DELTA(""), STOP("")}, {0, 0, 0, 0, 0}},
};

static void test_each_count_comes_from_the_place_that_knows_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        for (size_t k = 0; k < 4 && rows[i].events[k]; k++)
            say(rows[i].events[k]);
        const struct tokens *got = &reply.reply.usage.tokens, *want = &rows[i].want;
        if (memcmp(got, want, sizeof *got) != 0)
            fail_msg("%s: %u %u %u %u %u", rows[i].name, (unsigned)got->input,
                     (unsigned)got->output, (unsigned)got->cache_read, (unsigned)got->write_5m,
                     (unsigned)got->write_1h);
        assert_true(reply.reply.usage.seen == (want->input > 0));
        end();
    }
}

static void test_whole_answer_reads_the_same_places(void **state)
{
    (void)state;
    begin();
    assert_int_equal(
        splice_answer(
            &reply.reply, arena,
            STR("{\"type\":\"message\",\"content\":[],\"usage\":{\"input_tokens\":3,"
                "\"output_tokens\":7,\"iterations\":[{\"input_tokens\":50,"
                "\"output_tokens\":9},{\"input_tokens\":3,\"output_tokens\":7}]},"
                "\"amazon-bedrock-invocationMetrics\":{\"cacheReadInputTokenCount\":20}}"),
            &out, &err),
        STATUS_OK);
    const struct tokens want = {53, 16, 20, 0, 0};
    assert_memory_equal(&reply.reply.usage.tokens, &want, sizeof want);
    end();
}

#define TOLD \
    "\"input_tokens\":3,\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":9000"
#define HEAD                       \
    "event: message_delta\ndata: " \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}"

/* Some clients read the last event alone (LangChain: G2). */
static const struct {
    const char *start, *delta, *want;
} told[] = {
    {START(TOLD ",\"output_tokens\":1"), DELTA("\"output_tokens\":7"),
     HEAD ",\"usage\":{" TOLD ",\"output_tokens\":7}}\n\n"},
    {START(TOLD), DELTA(""), HEAD ",\"usage\":{" TOLD "}}\n\n"},
    {START(TOLD), DELTA("\"input_tokens\":4,\"output_tokens\":7"),
     HEAD ",\"usage\":{\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":9000,"
          "\"input_tokens\":4,\"output_tokens\":7}}\n\n"},
    {START(TOLD), DELTA("\"input_tokens\":null,\"output_tokens\":7"),
     HEAD ",\"usage\":{\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":9000,"
          "\"input_tokens\":3,\"output_tokens\":7}}\n\n"},
    {START(TOLD), DELTA(TOLD ",\"output_tokens\":7"),
     HEAD ",\"usage\":{" TOLD ",\"output_tokens\":7}}\n\n"},
    {START("\"input_tokens\":3,\"cache_read_input_tokens\":null"), DELTA("\"output_tokens\":7"),
     HEAD ",\"usage\":{\"input_tokens\":3,\"output_tokens\":7}}\n\n"},
    {START("\"output_tokens\":1"), DELTA("\"output_tokens\":7"),
     HEAD ",\"usage\":{\"output_tokens\":7}}\n\n"},
    {START(TOLD),
     "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":null}",
     HEAD ",\"usage\":null}\n\n"},
    {START(TOLD), "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}",
     HEAD "}\n\n"},
};

static void test_last_usage_of_the_client_has_the_counts_of_the_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(told); i++) {
        begin();
        say(told[i].start);
        buf_clear(&out);
        say(told[i].delta);
        if (!text_eq(buf_str(&out), text_from(told[i].want)))
            fail_msg("%zu: got '%.*s'", i, STR_ARG(buf_str(&out)));
        end();
    }
}

/* Both ways of a delta: forwarded as it is, and read. */
static void test_half_of_a_character_does_not_end_the_stream(void **state)
{
    (void)state;
    begin();
    say(START("\"input_tokens\":3"));
    say("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"text\":\"\\ud83d\"}}");
    buf_clear(&out);
    say("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"a\\ud83d\"}}");
    say("{\"index\":0,\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\ude00b\"}}");
    say("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"text\":\"\\ud83d\\ude00\"}}");
    static const char want[] =
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"text\":\"a\\ufffd\"}}\n\n"
        "event: content_block_delta\ndata: {\"index\":0,\"type\":\"content_block_delta\","
        "\"delta\":{\"text\":\"\\ufffdb\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"text\":\"\\ud83d\\ude00\"}}\n\n";
    if (!text_eq(buf_str(&out), text_from(want)))
        fail_msg("got '%.*s'", STR_ARG(buf_str(&out)));
    buf_clear(&out);
    assert_int_equal(
        splice_answer(&reply.reply, arena,
                      STR("{\"type\":\"message\",\"model\":\"x\",\"content\":[\"\\ud83d\"]}"), &out,
                      &err),
        STATUS_OK);
    assert_true(
        text_eq(buf_str(&out),
                STR("{\"type\":\"message\",\"model\":\"claude\",\"content\":[\"\\ufffd\"]}")));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_count_comes_from_the_place_that_knows_it),
        cmocka_unit_test(test_whole_answer_reads_the_same_places),
        cmocka_unit_test(test_last_usage_of_the_client_has_the_counts_of_the_first),
        cmocka_unit_test(test_half_of_a_character_does_not_end_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
