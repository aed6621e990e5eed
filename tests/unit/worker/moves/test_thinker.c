/* Two lanes: home's account, and another one. */
#include "worker/moves/thinker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "server/base/base64.h"
#include "server/base/clock.h"
#include "shm/memory/segment.h"
#include "shm/memory/thoughts.h"

#define ACCOUNT 210987654321u
#define SEAL    "RXJrbGFlcnQgd2FydW0gdW5kIHdpZQ+/=="
#define OTHER   "YW5kZXJlcyBTaWVnZWwgYWxzIGRhcyBkYQ=="

static struct segment segment;
static struct config config;
static struct worker worker;
static struct arena *arena;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    clock_tick();
    memset(&config, 0, sizeof config);
    worker = (struct worker){.segment = &segment, .config = &config};
    arena = arena_new(1 << 20);
    return config_lanes_read(STR("us-west-2,us-east-1@arn:aws:iam::210987654321:role/x"),
                             &config.lanes, &err) == STATUS_OK &&
                   segment_create(&segment, 1, 64, &err) == STATUS_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_drop(arena);
    segment_drop(&segment);
    return 0;
}

/* Is the thought in this body known? */
static bool knows(const char *body)
{
    struct exchange x = {.worker = &worker};
    uint64_t account = 0, mark;
    buf_init(&x.attempt.body, 65536);
    buf_put_str(&x.attempt.body, text_from(body));
    bool found = thinker_find(&x, &account, &mark);
    assert_true(!found || account == ACCOUNT);
    buf_free(&x.attempt.body);
    return found;
}

static struct exchange on(unsigned lane)
{
    struct exchange x = {.worker = &worker, .arena = arena};
    x.attempt.lane.now = (uint8_t)lane;
    return x;
}

/* As requests of InvokeModel, Converse and Responses bring it back. */
static const char *const asks[] = {
    "{\"messages\":[{\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\" : \"" SEAL
    "\"}]}]}",
    "{\"messages\":[{\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"" SEAL "\"}]}]}",
    "{\"messages\":[{\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"\","
    "\"signature\":\"" SEAL "\"}}}]}]}",
    "{\"messages\":[{\"content\":[{\"reasoningContent\":{\"redactedContent\":\"" SEAL "\"}}]}]}",
    "{\"input\":[{\"type\":\"reasoning\",\"encrypted_content\":\"" SEAL "\"}]}",
};

/* As answers tell it, whole. */
static const char *const answers[] = {
    "{\"type\":\"message\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":"
    "\"" SEAL "\"},{\"type\":\"text\",\"text\":\"x\"}]}",
    "{\"type\":\"message\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"" SEAL "\"}]}",
    "{\"output\":{\"message\":{\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":"
    "\"\",\"signature\":\"" SEAL "\"}}}]}}}",
    "{\"output\":{\"message\":{\"content\":[{\"reasoningContent\":{\"redactedContent\":\"" SEAL
    "\"}}]}}}",
    "{\"output\":[{\"type\":\"reasoning\",\"encrypted_content\":\"" SEAL "\"}]}",
};

static void test_whole_answer_of_another_account_is_known_in_every_form(void **state)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        tear_down(state);
        set_up(state);
        struct exchange home = on(0), far = on(1);
        thinker_note_whole(&home, text_from(answers[i]));
        assert_false(knows(asks[0])); /* home's are nobody's news */
        thinker_note_whole(&far, text_from(answers[i]));
        for (size_t k = 0; k < COUNT_OF(asks); k++) {
            if (!knows(asks[k])) {
                fail_msg("%s: %s", answers[i], asks[k]);
            }
        }
        assert_false(
            knows("{\"messages\":[{\"content\":[{\"type\":\"thinking\",\"signature\":\"" OTHER
                  "\"}]}]}"));
    }
}

static void test_only_thoughts_bind(void **state)
{
    static const struct {
        const char *body;
        bool bound;
    } rows[] = {
        {"{\"input\":\"x\",\"include\":[\"reasoning.encrypted_content\"]}", false},
        {"{\"input\":[{\"type\":\"reasoning\",\"encrypted_content\":\"x\"}]}", true},
        {"{\"messages\":[{\"content\":\"a signature\"}]}", false},
        {"{\"messages\":[{\"content\":[{\"signature\":\"x\"}]}]}", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange x = {.worker = &worker};
        buf_init(&x.attempt.body, 65536);
        buf_put_str(&x.attempt.body, text_from(rows[i].body));
        if (thinker_is_bound(&x) != rows[i].bound) {
            fail_msg("%s", rows[i].body);
        }
        buf_free(&x.attempt.body);
    }
}

/* What a tool is given, what a text says, and what is cut: no thoughts. */
static void test_what_only_looks_like_a_thought_is_none(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"type\":\"message\",\"content\":[{\"type\":\"tool_use\",\"input\":{\"signature\":\"" SEAL
        "\"}}]}",
        "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"\\\"signature\\\":"
        "\\\"" SEAL "\\\"\"}]}",
        "{\"output\":{\"message\":{\"content\":[{\"toolUse\":{\"input\":{\"data\":\"" SEAL
        "\"}}}]}}}",
        "{\"content\":[{\"type\":\"thinking\",\"signature\":\"" SEAL,
        "{\"content\":[{\"type\":\"thinking\",\"signature\":7}]}",
        "{\"content\":7,\"output\":[8,[]]}",
        "",
    };
    struct exchange far = on(1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        thinker_note_whole(&far, text_from(rows[i]));
        assert_false(knows(asks[0]));
    }
    thinker_note_event(
        &far, STR("{\"delta\":{\"partial_json\":\"{\\\"signature\\\":\\\"" SEAL "\\\"\"}}"));
    thinker_note_event(&far, STR("{\"delta\":{\"signature\":\"" SEAL));
    thinker_note_event(&far, STR("{\"bytes\":\"no base64 at all, not at all\"}"));
    thinker_note_event(&far, STR(""));
    assert_false(knows(asks[0]));
}

static void test_event_of_another_account_is_known_before_it_is_told(void **state)
{
    static const char *const rows[] = {
        "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"signature\":\"" SEAL "\"}}}",
        "{\"contentBlockIndex\":0,\"delta\":{\"reasoningContent\":{\"redactedContent\":\"" SEAL
        "\"}}}",
        "{\"type\":\"response.output_item.done\",\"item\":{\"type\":\"reasoning\",\"encrypted_"
        "content\":\"" SEAL "\"}}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
        "\"signature\":\"" SEAL "\"}}",
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"redacted_"
        "thinking\",\"data\":\"" SEAL "\"}}",
    };
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        char frame[1000] = "{\"bytes\":\"";
        struct str json = text_from(rows[i / 2]);
        tear_down(state);
        set_up(state);
        struct exchange far = on(1);
        if (i % 2) { /* as InvokeModel's frames have it */
            size_t n = strlen(frame);
            n += base64_encode((const uint8_t *)json.p, json.n, frame + n);
            memcpy(frame + n, "\",\"p\":\"abc\"}", 13);
            json = text_from(frame);
        }
        thinker_note_event(&far, json);
        if (!knows(asks[0])) {
            fail_msg("%.*s", STR_ARG(json));
        }
    }
}

/* The last one that is known decides; with a body of other things in it. */
static void test_find_takes_the_last_thought_that_is_known(void **state)
{
    (void)state;
    struct exchange far = on(1);
    thinker_note_whole(&far, text_from(answers[0]));
    assert_true(knows("{\"a\":\"signature\",\"tools\":[{\"signature\":{\"type\":\"string\"}}],"
                      "\"m\":[{\"signature\":\"\"},"
                      "{\"type\":\"thinking\",\"signature\":\"" SEAL
                      "\"},{\"source\":{\"data\":\"" OTHER "\"}},"
                      "{\"text\":\"a \\\"signature\\\": \\\\\"}]}"));
    assert_false(
        knows("{\"m\":[{\"data\":\"" OTHER "\"}],\"redacted_thinking\":1,\"signature\":\"open"));
}

static void test_lanes_of_one_account_keep_nothing(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(config_lanes_read(STR("us-west-2,us-east-1"), &config.lanes, &err), STATUS_OK);
    struct exchange far = on(1);
    thinker_note_whole(&far, text_from(answers[0]));
    assert_false(thoughts_any(&segment));
    config_lanes_alone(STR("us-west-2"), &config.lanes);
    far = on(0);
    thinker_note_whole(&far, text_from(answers[0]));
    assert_false(thoughts_any(&segment));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_only_thoughts_bind),
        TEST(test_whole_answer_of_another_account_is_known_in_every_form),
        TEST(test_what_only_looks_like_a_thought_is_none),
        TEST(test_event_of_another_account_is_known_before_it_is_told),
        TEST(test_find_takes_the_last_thought_that_is_known),
        TEST(test_lanes_of_one_account_keep_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
