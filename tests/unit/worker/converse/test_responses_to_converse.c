#include "worker/converse/responses_to_converse.h"

#include "tests/unit/convert_golden.h"

#define QWEN_LENGTH ",\"inferenceConfig\":{\"maxTokens\":65536}" /* its most, said by nobody */
#define USER        "{\"role\":\"user\",\"content\":\"u\"}"
#define OUT(more)   "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"u\"}]}" more

static void test_golden_requests_match(void **state)
{
    (void)state;
    golden_check_all(DIALECT_RESPONSES, "responses_to_converse", 300);
}

/* The same question on the other OpenAI route is the same body. */
static void test_body_is_that_of_chat(void **state)
{
    static const struct {
        const char *model, *chat, *responses;
    } rows[] = {
        {SONNET45,
         "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER
         "],\"reasoning_effort\":\"low\",\"temperature\":0.5,\"max_completion_tokens\":5000}",
         "{\"model\":\"m\",\"instructions\":\"s\",\"input\":\"u\",\"reasoning\":{\"effort\":"
         "\"low\"},\"temperature\":0.5,\"max_output_tokens\":5000}"},
        {NOVA,
         "{\"model\":\"m\",\"messages\":[" USER ",{\"role\":\"assistant\",\"tool_calls\":[{"
         "\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{ "
         "\\\"n\\\":1.0}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}],"
         "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":"
         "\"required\"}",
         "{\"model\":\"m\",\"input\":[" USER ",{\"type\":\"function_call\",\"call_id\":\"c\","
         "\"name\":\"f\",\"arguments\":\"{ \\\"n\\\":1.0}\"},{\"type\":\"function_call_output\","
         "\"call_id\":\"c\",\"output\":\"r\"}],\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],"
         "\"tool_choice\":\"required\"}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct convert_case a, b;
        struct convert_options o = {.model = text_from(rows[i].model)};
        convert_case_run(&a, DIALECT_OPENAI, o, text_from(rows[i].chat));
        convert_case_run(&b, DIALECT_RESPONSES, o, text_from(rows[i].responses));
        assert_true(a.status == STATUS_OK && b.status == STATUS_OK);
        if (!text_eq(buf_str(&a.body), buf_str(&b.body)))
            fail_msg("chat\n%.*s\nresponses\n%.*s", STR_ARG(buf_str(&a.body)),
                     STR_ARG(buf_str(&b.body)));
        convert_case_free(&a);
        convert_case_free(&b);
    }
}

/* A block that was sealed for this model goes back to it, to the byte, and to no other. */
static void test_sealed_thought_goes_back_as_it_was(void **state)
{
    static const char thought[] = "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"a "
                                  "\\u00fc\\n\",\"signature\":\"Eq+/==\"}}}";
    struct sealer sealer = convert_case_sealer(STR(OPUS46));
    struct convert_case c;
    struct buf sealed, in;
    size_t at;
    (void)state;
    buf_init(&sealed, CASE_MAX);
    buf_init(&in, CASE_MAX);
    seal_put(&sealer, text_from(thought), &sealed);
    buf_printf(&in,
               "{\"model\":\"m\",\"input\":[" USER ",{\"type\":\"reasoning\",\"summary\":[],"
               "\"encrypted_content\":\"%.*s\"},{\"role\":\"assistant\",\"content\":\"a\"}," USER
               "]}",
               STR_ARG(buf_str(&sealed)));
    convert_case_run(&c, DIALECT_RESPONSES, (struct convert_options){.model = STR(OPUS46)},
                     buf_str(&in));
    assert_int_equal(c.status, STATUS_OK);
    assert_true(text_find(buf_str(&c.body), text_from(thought), &at));
    assert_int_equal(buf_len(&c.changes), 0);
    convert_case_free(&c);
    convert_case_run(&c, DIALECT_RESPONSES, (struct convert_options){.model = STR(OPUS47)},
                     buf_str(&in));
    assert_int_equal(c.status, STATUS_OK);
    assert_false(text_find(buf_str(&c.body), STR("reasoningContent"), &at));
    assert_true(text_eq(buf_str(&c.changes), STR("drop:reasoning_item")));
    convert_case_free(&c);
    buf_free(&sealed);
    buf_free(&in);
}

static void test_without_a_sealer_thoughts_are_dropped(void **state)
{
    static const char in[] =
        "{\"model\":\"m\",\"input\":[" USER ",{\"type\":\"reasoning\",\"encrypted_content\":\"x\"},"
        "{\"role\":\"assistant\",\"content\":\"a\"}," USER "]}";
    struct convert_case c;
    struct responses_request r;
    struct plan plan;
    (void)state;
    convert_case_run(&c, DIALECT_RESPONSES, (struct convert_options){.model = STR(OPUS46)},
                     text_from(in));
    assert_int_equal(c.status, STATUS_OK);
    buf_clear(&c.body);
    buf_clear(&c.changes);
    struct models_choice choice = {
        .id = STR(OPUS46), .caps = models_keep(c.arena, STR(OPUS46)), .transport = MODELS_CONVERSE};
    struct plan_options o = {.model = &choice};
    assert_int_equal(responses_read(&c.scan, &r, &c.err), STATUS_OK);
    assert_int_equal(plan_make(&plan, &r.wish, &o, c.arena, &c.changes, &c.err), STATUS_OK);
    assert_int_equal(
        responses_to_converse(&r, &plan, converse_names_new(c.arena), NULL, &c.body, &c.err),
        STATUS_OK);
    assert_true(text_eq(buf_str(&c.changes), STR("drop:reasoning_item")));
    convert_case_free(&c);
}

static void test_nulls_are_nothing(void **state)
{
    static const struct convert_row rows[] = {
        {"nulls", "!" QWEN,
         "{\"model\":\"m\",\"input\":\"u\",\"temperature\":null,\"tools\":null,\"tool_choice\":"
         "null,\"text\":{\"format\":null,\"verbosity\":null},\"reasoning\":{\"effort\":null,"
         "\"summary\":null},\"include\":null,\"stream\":null,\"max_output_tokens\":null,"
         "\"prompt_cache_key\":null,\"service_tier\":null}",
         OUT("]" QWEN_LENGTH "}"), ""},
        {"a place in the middle of a long input", QWEN,
         "{\"model\":\"m\",\"input\":[" USER "," USER "," USER ",{\"role\":\"user\",\"content\":[{"
         "\"type\":\"input_image\",\"image_url\":\"https://example.org/\"}]}]}",
         "Invalid 'input[3].content[0]': qwen.qwen3-coder-480b-a35b-v1:0 takes no images.", NULL},
    };
    (void)state;
    convert_case_check_all(DIALECT_RESPONSES, rows, COUNT_OF(rows));
}

static void test_allocations_that_fail_give_an_error(void **state)
{
    (void)state;
    golden_fail_allocations(DIALECT_RESPONSES, "responses_to_converse");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_requests_match),
        cmocka_unit_test(test_body_is_that_of_chat),
        cmocka_unit_test(test_sealed_thought_goes_back_as_it_was),
        cmocka_unit_test(test_without_a_sealer_thoughts_are_dropped),
        cmocka_unit_test(test_nulls_are_nothing),
        cmocka_unit_test(test_allocations_that_fail_give_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
