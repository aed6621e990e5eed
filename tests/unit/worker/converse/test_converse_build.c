#include "worker/converse/converse_build.h"

#include "tests/unit/build_bed.h"

#define U(blocks) "{\"role\":\"user\",\"content\":[" blocks "]}"
#define A(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define T(text)   "{\"text\":\"" text "\"}"
#define POINT     "{\"cachePoint\":{\"type\":\"default\"}}"
#define HOUR      "{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}"

static void say(struct build_bed *bed, enum converse_role role, const char *text)
{
    converse_build_role(&bed->b, role);
    converse_build_text(&bed->b, text_from(text));
}

static void test_turns_of_one_role_are_one(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    say(&bed, CONVERSE_SYSTEM, "s");
    say(&bed, CONVERSE_USER, "a");
    say(&bed, CONVERSE_ASSISTANT, ""); /* an empty turn is none */
    say(&bed, CONVERSE_USER, "b");
    say(&bed, CONVERSE_ASSISTANT, "c");
    converse_build_messages_end(&bed.b);
    build_want(&bed,
               "{\"system\":[" T("s") "],\"messages\":[" U(T("a") "," T("b")) "," A(T("c")) "]}",
               "");
}

static void test_system_that_comes_late_is_the_users(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    say(&bed, CONVERSE_USER, "a");
    say(&bed, CONVERSE_SYSTEM, "s");
    converse_build_messages_end(&bed.b);
    build_want(&bed, "{\"messages\":[" U(T("a") "," T("s")) "]}", "map:system");
}

static void test_body_without_messages_is_refused(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    say(&bed, CONVERSE_SYSTEM, "s");
    converse_build_messages_end(&bed.b);
    build_want_failure(&bed, STATUS_INVALID,
                       "messages: at least one message with non-empty content is required");
}

static void test_body_larger_than_its_buffer_is_too_large(void **state)
{
    struct build_bed bed;
    static char text[1000];
    (void)state;
    memset(text, 'x', sizeof text);
    build_open(&bed, QWEN);
    bed.c.body.max = 500;
    converse_build_role(&bed.b, CONVERSE_USER);
    converse_build_text(&bed.b, (struct str){text, sizeof text});
    assert_false(converse_build_ok(&bed.b));
    converse_build_messages_end(&bed.b);
    build_want_failure(&bed, STATUS_TOO_LARGE, "the converted request is too large");
}

static void test_first_failure_stays(void **state)
{
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    converse_build_fail(&bed.b, STATUS_INVALID, "first %d", 1);
    converse_build_fail(&bed.b, STATUS_BUSY, "second");
    build_want_failure(&bed, STATUS_INVALID, "first 1");
}

static void test_strict_refuses_losses_but_not_other_words(void **state)
{
    struct build_bed bed;
    (void)state;
    for (int lossy = 0; lossy < 3; lossy++) {
        build_open(&bed, QWEN);
        bed.o.strict_fields = true;
        if (lossy == 0)
            converse_build_map(&bed.b, "x");
        else if (lossy == 1)
            plan_note(&bed.plan, PLAN_CLAMP, "x", (struct str){NULL, 0});
        else
            converse_build_drop_named(&bed.b, "field.", STR("y"));
        build_message(&bed);
        assert_int_equal(converse_build_end(&bed.b), lossy ? STATUS_INVALID : STATUS_OK);
        if (lossy == 2)
            assert_non_null(strstr(bed.c.err.text, "field.y: "));
        convert_case_free(&bed.c);
    }
}

static void test_text_that_the_arena_cannot_hold_is_a_failure(void **state)
{
    struct build_bed bed;
    struct scan s;
    (void)state;
    build_open(&bed, QWEN);
    static char json[4000] = "[\"\\n";
    memset(json + 4, 'x', sizeof json - 6);
    memcpy(json + sizeof json - 2, "\"]", 2);
    struct arena *small = arena_new(2000);
    assert_int_equal(
        scan_parse(&s, bed.c.arena, (struct str){json, sizeof json}, &case_limits, NULL),
        STATUS_OK);
    s.arena = small;
    assert_int_equal(converse_build_read(&bed.b, &s, 1).n, 0);
    assert_int_equal(bed.b.status, STATUS_BUSY);
    arena_drop(small);
    convert_case_free(&bed.c);
}

static void test_cache_points_follow_something_once_and_never_live_longer(void **state)
{
    struct build_bed bed;
    struct converse_tool t = {.name = STR("n")};
    (void)state;
    build_open(&bed, OPUS46);
    converse_build_cache_point(&bed.b, STR("")); /* nothing before it */
    converse_build_tool(&bed.b, &t);
    converse_build_cache_point(&bed.b, STR("1h"));
    converse_build_cache_point(&bed.b, STR("1h")); /* there is one */
    converse_build_tools_end(&bed.b);
    say(&bed, CONVERSE_SYSTEM, "s");
    converse_build_cache_point(&bed.b, STR("5m"));
    say(&bed, CONVERSE_USER, "u");
    converse_build_cache_point(&bed.b, STR("1h"));
    say(&bed, CONVERSE_USER, "v");
    converse_build_cache_point(&bed.b, STR(""));
    say(&bed, CONVERSE_USER, "w");
    converse_build_cache_point(&bed.b, STR("")); /* the fifth */
    converse_build_messages_end(&bed.b);
    build_want(
        &bed,
        "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{"
        "\"type\":\"object\",\"properties\":{}}}}}," HOUR
        "]},\"system\":[" T("s") "," POINT "],\"messages\":[" U(
            T("u") "," POINT "," T("v") "," POINT "," T("w")) "]}",
        "drop:cache_control,map:cache_control.ttl");
}

static void test_cache_policy_sets_the_lifetime_or_drops_the_point(void **state)
{
    static const struct {
        struct cache_policy policy;
        const char *ttl, *point, *changes;
    } rows[] = {
        {{.forced = DIRECTORY_TTL_1H}, "5m", "," HOUR, ""},
        {{.forced = DIRECTORY_TTL_5M}, "1h", "," POINT, ""},
        {{.unsaid = DIRECTORY_TTL_1H}, "", "," HOUR, ""},
        {{.unsaid = DIRECTORY_TTL_1H}, "5m", "," POINT, ""},
        {{.off = true}, "1h", "", "drop:cache_control"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct build_bed bed;
        char want[200];
        build_open(&bed, SONNET45);
        bed.o.cache = rows[i].policy;
        say(&bed, CONVERSE_USER, "u");
        converse_build_cache_point(&bed.b, text_from(rows[i].ttl));
        converse_build_messages_end(&bed.b);
        snprintf(want, sizeof want, "{\"messages\":[" U(T("u") "%s") "]}", rows[i].point);
        build_want(&bed, want, rows[i].changes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns_of_one_role_are_one),
        cmocka_unit_test(test_system_that_comes_late_is_the_users),
        cmocka_unit_test(test_body_without_messages_is_refused),
        cmocka_unit_test(test_body_larger_than_its_buffer_is_too_large),
        cmocka_unit_test(test_first_failure_stays),
        cmocka_unit_test(test_strict_refuses_losses_but_not_other_words),
        cmocka_unit_test(test_text_that_the_arena_cannot_hold_is_a_failure),
        cmocka_unit_test(test_cache_points_follow_something_once_and_never_live_longer),
        cmocka_unit_test(test_cache_policy_sets_the_lifetime_or_drops_the_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
