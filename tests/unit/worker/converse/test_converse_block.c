/* The blocks of converse_build.h. */
#include "worker/converse/converse_build.h"

#include "server/base/clock.h"
#include "tests/unit/build_bed.h"

#define T(text) "{\"text\":\"" text "\"}"
#define POINT   "{\"cachePoint\":{\"type\":\"default\"}}"
#define USE(id) "{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"n\",\"input\":{}}}"
#define RES(id) "{\"toolResult\":{\"toolUseId\":\"" id "\",\"content\":[" T("r") "]}}"
#define HEAD(use)                                                                               \
    "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"n\",\"inputSchema\":{\"json\":{"     \
    "\"type\":\"object\",\"properties\":{}}}}}]},\"messages\":[{\"role\":\"user\",\"content\":" \
    "[" T("u") "]},{\"role\":\"assistant\",\"content\":[" use                                   \
               "]},{\"role\":\"user\",\"content\":["
#define TAIL "]}]}"

/* A user's turn that answers the calls is open at the end. */
static void open_calls(struct build_bed *bed, const char *model, const char *ids)
{
    struct converse_tool t = {.name = STR("n")};
    build_open(bed, model);
    converse_build_tool(&bed->b, &t);
    converse_build_tools_end(&bed->b);
    converse_build_role(&bed->b, CONVERSE_USER);
    converse_build_text(&bed->b, STR("u"));
    converse_build_role(&bed->b, CONVERSE_ASSISTANT);
    for (; *ids; ids++)
        converse_build_tool_use(&bed->b, (struct str){ids, 1}, STR("n"), STR("{}"));
    converse_build_role(&bed->b, CONVERSE_USER);
}

static void put_result(struct build_bed *bed, const char *id)
{
    assert_true(converse_build_tool_result(&bed->b, text_from(id)));
    converse_build_text(&bed->b, STR("r"));
    converse_build_tool_result_end(&bed->b, false);
}

/* steps: a letter is the result of that call, a digit is text, '!' a cache point. */
static void put_steps(struct build_bed *bed, const char *steps)
{
    for (; *steps; steps++) {
        char one[2] = {*steps, '\0'};
        if (*steps == '!')
            converse_build_cache_point(&bed->b, STR(""));
        else if (*steps >= '0' && *steps <= '9')
            converse_build_text(&bed->b, text_from(one));
        else
            put_result(bed, one);
    }
}

static void test_results_come_before_everything_else_of_their_turn(void **state)
{
    static const struct {
        const char *steps, *turn;
    } rows[] = {
        {"ab", RES("a") "," RES("b")},
        {"ab1", RES("a") "," RES("b") "," T("1")},
        {"1ab", RES("a") "," RES("b") "," T("1")},
        {"a1b", RES("a") "," RES("b") "," T("1")},
        {"1a2b3", RES("a") "," RES("b") "," T("1") "," T("2") "," T("3")},
        {"12ab", RES("a") "," RES("b") "," T("1") "," T("2")},
        {"1!ab!", RES("a") "," RES("b") "," T("1") "," POINT},
        {"1!a!b!2", RES("a") "," RES("b") "," T("1") "," POINT "," T("2")},
        {"a!b!", RES("a") "," RES("b") "," POINT},
        {"1a!b", RES("a") "," RES("b") "," T("1") "," POINT},
    };
    char want[2000];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        open_calls(&bed, OPUS46, "ab");
        put_steps(&bed, rows[i].steps);
        converse_build_messages_end(&bed.b);
        snprintf(want, sizeof want, "%s%s%s", HEAD(USE("a") "," USE("b")), rows[i].turn, TAIL);
        build_want(&bed, want, "");
    }
}

/* A large text before very many results must not be moved once for each of them. */
static void test_many_late_results_stay_fast(void **state)
{
    struct build_bed bed;
    static char text[500000];
    char id[16];
    (void)state;
    memset(text, 'x', sizeof text);
    open_calls(&bed, QWEN, "a");
    converse_build_text(&bed.b, (struct str){text, sizeof text});
    int64_t began = clock_real_now_ms();
    for (int i = 0; i < 10000; i++) {
        snprintf(id, sizeof id, "i%d", i);
        put_result(&bed, id);
    }
    converse_build_messages_end(&bed.b);
    assert_int_equal(bed.b.status, STATUS_OK);
    assert_true(clock_real_now_ms() - began < 1000);
    convert_case_free(&bed.c);
}

static void test_result_without_blocks_gets_one(void **state)
{
    struct build_bed bed;
    (void)state;
    open_calls(&bed, NOVA, "a");
    assert_true(converse_build_tool_result(&bed.b, STR("a")));
    converse_build_tool_result_end(&bed.b, true);
    converse_build_messages_end(&bed.b);
    build_want(&bed,
               HEAD(USE("a")) "{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[" T(
                   "(no content)") "],\"status\":\"error\"}}" TAIL,
               "");
}

static void test_document_inside_a_result_needs_no_text_beside_it(void **state)
{
    struct build_bed bed;
    (void)state;
    open_calls(&bed, NOVA, "a");
    assert_true(converse_build_tool_result(&bed.b, STR("a")));
    converse_build_document(&bed.b,
                            (struct converse_document){.format = STR("pdf"), .bytes = STR("AAAA")});
    converse_build_tool_result_end(&bed.b, false);
    converse_build_messages_end(&bed.b);
    build_want(&bed,
               HEAD(USE("a")) "{\"toolResult\":{\"toolUseId\":\"a\",\"content\":[{\"document\":{"
                              "\"format\":\"pdf\",\"name\":\"document 1\",\"source\":{\"bytes\":"
                              "\"AAAA\"}}}]}}" TAIL,
               "");
}

static void test_media_that_bedrock_refuses_is_refused_by_name(void **state)
{
    static const struct {
        const char *model;
        enum converse_role role;
        const char *type, *data, *text;
    } rows[] = {
        {QWEN, CONVERSE_USER, "image/png", "AAAA", "messages: " QWEN " takes no images"},
        {NOVA, CONVERSE_ASSISTANT, "image/png", "AAAA",
         "messages: `image` blocks can only be in `user` messages"},
        {NOVA, CONVERSE_USER, "image/bmp", "AAAA",
         "image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' "
         "or 'image/webp'"},
        {NOVA, CONVERSE_USER, "image/png", "", "image.source.base64.data: invalid base64 data"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        build_open(&bed, rows[i].model);
        converse_build_role(&bed.b, rows[i].role);
        converse_build_image(&bed.b, text_from(rows[i].type), text_from(rows[i].data));
        build_want_failure(&bed, STATUS_INVALID, rows[i].text);
    }
}

static void test_text_in_pieces_is_one_text(void **state)
{
    const struct str pieces[] = {STR("a\\n"), STR(""), STR("\\\"b")};
    struct build_bed bed;
    (void)state;
    build_open(&bed, QWEN);
    converse_build_role(&bed.b, CONVERSE_USER);
    converse_build_text_pieces(&bed.b, pieces, COUNT_OF(pieces));
    converse_build_text_json(&bed.b, STR("\" \\n\""));
    converse_build_text_json(&bed.b, STR("\"\\u0041\""));
    converse_build_messages_end(&bed.b);
    build_want(&bed,
               "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\\n\\\"b\"},{\"text\":"
               "\"\\u0041\"}]}]}",
               "");
}

static void test_reasoning_of_others_or_unsigned_is_dropped(void **state)
{
    static const struct {
        const char *model, *signature;
        bool kept;
    } rows[] = {{OPUS46, "c2ln", true}, {OPUS46, "", false}, {QWEN, "c2ln", false}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        build_open(&bed, rows[i].model);
        converse_build_role(&bed.b, CONVERSE_USER);
        converse_build_text(&bed.b, STR("u"));
        converse_build_role(&bed.b, CONVERSE_ASSISTANT);
        converse_build_reasoning(&bed.b, STR(""), text_from(rows[i].signature));
        assert_int_equal(bed.b.turn.role == CONVERSE_ASSISTANT, rows[i].kept);
        assert_int_equal(buf_len(&bed.c.changes) == 0, rows[i].kept);
        convert_case_free(&bed.c);
    }
}

/* Every allocation that fails gives an error, no crash and no body that lacks something. */
static void test_allocations_that_fail_give_busy(void **state)
{
    struct build_bed bed;
    unsigned long k = 1;
    enum status st = STATUS_BUSY;
    (void)state;
    for (; st != STATUS_OK && k < 200; k++) {
        open_calls(&bed, OPUS46, "a");
        heap_fail_after(k);
        put_steps(&bed, "1a2");
        converse_build_document(
            &bed.b, (struct converse_document){.format = STR("txt"), .text = STR("abc")});
        converse_build_messages_end(&bed.b);
        heap_fail_after(0);
        st = converse_build_end(&bed.b);
        assert_true(st == STATUS_OK || st == STATUS_BUSY || st == STATUS_TOO_LARGE);
        convert_case_free(&bed.c);
    }
    assert_int_equal(st, STATUS_OK);
    assert_true(k > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_come_before_everything_else_of_their_turn),
        cmocka_unit_test(test_many_late_results_stay_fast),
        cmocka_unit_test(test_result_without_blocks_gets_one),
        cmocka_unit_test(test_document_inside_a_result_needs_no_text_beside_it),
        cmocka_unit_test(test_media_that_bedrock_refuses_is_refused_by_name),
        cmocka_unit_test(test_text_in_pieces_is_one_text),
        cmocka_unit_test(test_reasoning_of_others_or_unsigned_is_dropped),
        cmocka_unit_test(test_allocations_that_fail_give_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
