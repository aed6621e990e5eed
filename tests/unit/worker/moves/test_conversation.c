#include "worker/moves/conversation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "shm/memory/lanes.h"
#include "shm/memory/segment.h"

static struct segment segment;
static struct arena *arena;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    arena = arena_new(1 << 20);
    return segment_create(&segment, 1, 64, &err) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_drop(arena);
    segment_drop(&segment);
    return 0;
}

static uint64_t digest(const char *json, unsigned key, const char *model)
{
    static const struct scan_limits limits = {
        .depth = 64, .values = 10000, .keys = 100, .number_len = 64};
    struct worker w = {.segment = &segment};
    struct exchange x = {.worker = &w, .asked.body = text_from(json)};
    struct err err;
    x.caller.digest[3] = (uint8_t)key;
    x.asked.model.id = text_from(model);
    if (scan_parse(&x.asked.scan, arena, text_from(json), &limits, &err) != STATUS_OK) {
        fail_msg("%s: %s", json, err.text);
    }
    return conversation_digest(&x);
}

#define SYSTEM "\"system\":[{\"type\":\"text\",\"text\":\"be good\"}],\"tools\":[{\"name\":\"a\"}],"
#define FIRST  "{\"role\":\"user\",\"content\":\"hello\"}"

/* Each row is a turn of the conversation that the first row of its kind begins. */
static const char *const same[][4] = {
    {"{" SYSTEM "\"messages\":[" FIRST "]}",
     "{" SYSTEM "\"max_tokens\":9,\"messages\":[" FIRST
     ",{\"role\":\"assistant\",\"content\":\"x\"},"
     "{\"role\":\"user\",\"content\":\"more\"}]}",
     "{\"system\":[{\"type\":\"text\",\"text\":\"be "
     "good\",\"cache_control\":{\"type\":\"ephemeral\"}}],"
     "\"tools\":[{\"name\":\"a\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
     "\"text\","
     "\"cache_control\":{\"type\":\"ephemeral\"},\"text\":\"hello\"}]}]}",
     "{\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: cch=77\"},{\"type\":"
     "\"text\",\"text\":\"be good\"}],\"tools\":[{\"name\":\"a\"}],\"messages\":[" FIRST "]}"},
    {"{\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," FIRST "]}",
     "{\"stream\":true,\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," FIRST
     ",{\"role\":\"assistant\",\"content\":\"x\"}]}",
     NULL, NULL},
    {"{\"instructions\":\"i\",\"input\":[" FIRST "]}",
     "{\"instructions\":\"i\",\"input\":[" FIRST ",{\"type\":\"reasoning\",\"summary\":[]}]}", NULL,
     NULL},
};

static void test_turns_of_a_conversation_have_one_digest(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        for (size_t k = 1; k < 4 && same[i][k]; k++) {
            if (digest(same[i][k], 1, "m") != digest(same[i][0], 1, "m")) {
                fail_msg("%s", same[i][k]);
            }
        }
    }
}

static void test_others_have_others(void **state)
{
    (void)state;
    static const char *const other[] = {
        "{" SYSTEM "\"messages\":[{\"role\":\"user\",\"content\":\"hallo\"}]}",
        "{\"system\":\"be bad\",\"tools\":[{\"name\":\"a\"}],\"messages\":[" FIRST "]}",
        "{\"system\":[{\"type\":\"text\",\"text\":\"be good\"}],\"messages\":[" FIRST "]}",
        "{}",
        "{\"messages\":7}",
        "{\"messages\":[7,{\"content\":{}}],\"system\":{},\"tools\":3}",
    };
    uint64_t base = digest(same[0][0], 1, "m");
    for (size_t i = 0; i < COUNT_OF(other); i++) {
        if (digest(other[i], 1, "m") == base) {
            fail_msg("%s", other[i]);
        }
    }
    assert_int_not_equal(digest(same[0][0], 2, "m"), base);
    assert_int_not_equal(digest(same[0][0], 1, "n"), base);
}

/* What its client calls a session parts those that begin alike. */
static void test_sessions_part_what_begins_alike(void **state)
{
    (void)state;
    struct worker w = {.segment = &segment};
    struct exchange x[3] = {{.worker = &w}, {.worker = &w}, {.worker = &w}};
    x[1].asked.client.session = STR("s");
    x[2].asked.client.thread = STR("s");
    for (size_t i = 0; i < COUNT_OF(x); i++) {
        assert_int_not_equal(conversation_digest(&x[i]), conversation_digest(&x[(i + 1) % 3]));
    }
    static const char *const rows[] = {
        "{\"messages\":[" FIRST "]}",
        "{\"metadata\":{\"user_id\":\"a\"},\"messages\":[" FIRST "]}",
        "{\"metadata\":{\"user_id\":\"b\"},\"messages\":[" FIRST "]}",
        "{\"prompt_cache_key\":\"a\",\"messages\":[" FIRST "]}",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            if ((digest(rows[i], 1, "m") == digest(rows[k], 1, "m")) != (i == k)) {
                fail_msg("%s\n%s", rows[i], rows[k]);
            }
        }
    }
}

/* Nobody outside can make two meet: there is a salt, which is another one in each server. */
static void test_digest_is_salted(void **state)
{
    (void)state;
    uint64_t base = digest(same[0][0], 1, "m");
    segment.lanes->salt++;
    assert_int_not_equal(digest(same[0][0], 1, "m"), base);
}

static void test_body_that_passes_unread_goes_by_its_beginning(void **state)
{
    (void)state;
    char one[4000], two[4000];
    struct worker w = {.segment = &segment};
    struct exchange x = {.worker = &w}, y = {.worker = &w};
    memset(one, 'a', sizeof one);
    memset(two, 'a', sizeof two);
    two[3000] = 'b';
    x.asked.body = (struct str){one, sizeof one};
    y.asked.body = (struct str){two, sizeof two - 7};
    assert_int_equal(conversation_digest(&x), conversation_digest(&y));
    two[100] = 'b';
    assert_int_not_equal(conversation_digest(&x), conversation_digest(&y));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_turns_of_a_conversation_have_one_digest),
        TEST(test_others_have_others),
        TEST(test_sessions_part_what_begins_alike),
        TEST(test_digest_is_salted),
        TEST(test_body_that_passes_unread_goes_by_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
