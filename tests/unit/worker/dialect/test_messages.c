#include "worker/dialect/messages.h"

#include "tests/unit/splice_case.h"

#define HEAD    "{\"model\":\"m\",\"max_tokens\":9,"
#define M(list) HEAD "\"messages\":[" list "]}"
#define USER    "{\"role\":\"user\",\"content\":\"hi\"}"
#define USE(id) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"n\",\"input\":{}}"
#define CACHED  "{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}"
#define IMAGE(media)                                                                        \
    "{\"type\":\"image\",\"source\":{\"data\":\"AAAA\",\"type\":\"base64\",\"media_type\":" \
    "\"" media "\"}}"

struct row {
    const char *name;
    const char *body;
    const char *text; /* of the 400; NULL: accepted */
};

static void check(const struct row *row)
{
    struct splice_case c;
    splice_case_read(&c, text_from(row->body), false);
    if (!row->text && c.status != STATUS_OK)
        fail_msg("%s: refused: %s", row->name, c.err.text);
    if (row->text && (c.status != STATUS_INVALID || strcmp(row->text, c.err.text) != 0))
        fail_msg("%s: status %d, got '%s', want '%s'", row->name, c.status, c.err.text, row->text);
    splice_case_free(&c);
}

static void test_top_level_when_wrong_has_official_wording(void **state)
{
    static const struct row rows[] = {
        {"no object", "[]", "The request body must be a JSON object"},
        {"no model", "{\"max_tokens\":1,\"messages\":[" USER "]}", "model: Field required"},
        {"model null", "{\"model\":null,\"max_tokens\":1,\"messages\":[" USER "]}",
         "model: Input should be a valid string"},
        {"model empty", "{\"model\":\"\",\"max_tokens\":1,\"messages\":[" USER "]}",
         "model: String should have at least 1 character"},
        {"no max_tokens", "{\"model\":\"m\",\"messages\":[" USER "]}",
         "max_tokens: Field required"},
        {"max_tokens text", "{\"model\":\"m\",\"max_tokens\":\"9\",\"messages\":[" USER "]}",
         "max_tokens: Input should be a valid integer"},
        {"max_tokens 1.5", "{\"model\":\"m\",\"max_tokens\":1.5,\"messages\":[" USER "]}",
         "max_tokens: Input should be a valid integer"},
        {"max_tokens -1", "{\"model\":\"m\",\"max_tokens\":-1,\"messages\":[" USER "]}",
         "max_tokens: Input should be greater than or equal to 0"},
        {"max_tokens 0", "{\"model\":\"m\",\"max_tokens\":0,\"messages\":[" USER "]}", NULL},
        {"no messages", "{\"model\":\"m\",\"max_tokens\":1}", "messages: Field required"},
        {"messages text", "{\"model\":\"m\",\"max_tokens\":1,\"messages\":\"x\"}",
         "messages: Input should be a valid list"},
        {"messages []", M(""), "messages: at least one message is required"},
        {"stream text", HEAD "\"stream\":\"yes\",\"messages\":[" USER "]}",
         "stream: Input should be a valid boolean"},
        {"stream null", HEAD "\"stream\":null,\"messages\":[" USER "]}", NULL},
        {"two models",
         "{\"model\":\"m\",\"mod\\u0065l\":\"n\",\"max_tokens\":1,\"messages\":[" USER "]}",
         "model: Duplicate key"},
        {"two messages", HEAD "\"messages\":[" USER "],\"messages\":[]}",
         "messages: Duplicate key"},
        {"system number", HEAD "\"system\":1,\"messages\":[" USER "]}",
         "system: Input should be a valid list"},
        {"system empty text",
         HEAD "\"system\":[{\"type\":\"text\",\"text\":\"\"}],\"messages\":[" USER "]}",
         "system: text content blocks must be non-empty"},
        {"tools text", HEAD "\"tools\":\"x\",\"messages\":[" USER "]}",
         "tools: Input should be a valid list"},
        {"tool no object", HEAD "\"tools\":[1],\"messages\":[" USER "]}",
         "tools.0: Input should be an object"},
        {"unknown fields", HEAD "\"new\":{\"a\":[1]},\"messages\":[" USER "]}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void test_messages_when_wrong_have_official_wording(void **state)
{
    static const struct row rows[] = {
        {"no object", M("1"), "messages.0: Input should be an object"},
        {"no role", M("{\"content\":\"x\"}"), "messages.0.role: Field required"},
        {"role tool", M(USER ",{\"role\":\"tool\",\"content\":\"x\"}"),
         "messages.1.role: Input should be 'user', 'assistant' or 'system'"},
        {"role system", M(USER ",{\"role\":\"system\",\"content\":\"x\"}"), NULL},
        {"no content", M("{\"role\":\"user\"}"), "messages.0.content: Field required"},
        {"content null", M("{\"role\":\"user\",\"content\":null}"),
         "messages.0.content: Input should be a valid list"},
        {"block text", M("{\"role\":\"user\",\"content\":[\"x\"]}"),
         "messages.0.content.0: Input should be an object"},
        {"block without type", M("{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}"),
         "messages.0.content.0.type: Field required"},
        {"empty text", M("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"}]}"),
         "messages: text content blocks must be non-empty"},
        {"empty message", M("{\"role\":\"user\",\"content\":\"\"}"),
         "messages.0: all messages must have non-empty content except for the optional final "
         "assistant message"},
        {"empty list", M(USER ",{\"role\":\"assistant\",\"content\":[]}," USER),
         "messages.1: all messages must have non-empty content except for the optional final "
         "assistant message"},
        {"empty last assistant", M(USER ",{\"role\":\"assistant\",\"content\":[]}"), NULL},
        {"empty system with effort",
         M(USER ",{\"role\":\"system\",\"content\":[],\"output_config\":{\"effort\":\"low\"}}"),
         NULL},
        {"unknown block", M("{\"role\":\"user\",\"content\":[{\"type\":\"novelty\",\"x\":1}]}"),
         NULL},
        {"no signature",
         M(USER
           ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\"}]}"),
         "messages.1.content.0.thinking.signature: Field required"},
        {"bmp",
         M("{\"role\":\"user\",\"content\":[" IMAGE("image/png") "," IMAGE("image/bmp") "]}"),
         "messages.0.content.1.image.source.base64.media_type: Input should be 'image/jpeg', "
         "'image/png', 'image/gif' or 'image/webp'"},
        {"image by url",
         M("{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\","
           "\"url\":"
           "\"u\"}}]}"),
         NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void test_sampling_of_a_version_without_it_is_refused(void **state)
{
    static const struct row rows[] = {
        {"temperature", HEAD "\"temperature\":1,\"messages\":[" USER "]}",
         "temperature: Extra inputs are not permitted"},
        {"top_p", HEAD "\"top_p\":0.5,\"messages\":[" USER "]}",
         "top_p: Extra inputs are not permitted"},
        {"top_k", HEAD "\"top_k\":0,\"messages\":[" USER "]}",
         "top_k: Extra inputs are not permitted"},
        {"null", HEAD "\"top_k\":null,\"messages\":[" USER "]}", ""},
        {"none", M(USER), ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct splice_case c;
        struct err err = {.text = ""};
        splice_case_read(&c, text_from(rows[i].body), false);
        enum status st = messages_refuse_sampling(&c.scan, &err);
        if (strcmp(err.text, rows[i].text) != 0 || (st == STATUS_OK) != (*rows[i].text == 0))
            fail_msg("%s: status %d, got '%s'", rows[i].name, st, err.text);
        splice_case_free(&c);
    }
}

static void test_thinking_budget_when_wrong_is_refused(void **state)
{
#define THINK(n, max)                                                              \
    "{\"model\":\"m\",\"max_tokens\":" max ",\"thinking\":{\"type\":\"enabled\"" n \
    "},\"messages\":[" USER "]}"
    static const struct row rows[] = {
        {"fits", THINK(",\"budget_tokens\":1024", "1025"), NULL},
        {"small", THINK(",\"budget_tokens\":1023", "4096"),
         "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"},
        {"no type",
         "{\"model\":\"m\",\"max_tokens\":9,\"thinking\":{\"display\":\"omitted\"},\"messages\":"
         "[{\"role\":\"user\",\"content\":\"u\"}]}",
         "thinking.type: Field required"},
        {"empty",
         "{\"model\":\"m\",\"max_tokens\":9,\"thinking\":{},\"messages\":[{\"role\":\"user\","
         "\"content\":\"u\"}]}",
         "thinking.type: Field required"},
        {"missing", THINK("", "4096"), "thinking.enabled.budget_tokens: Field required"},
        {"text", THINK(",\"budget_tokens\":\"2000\"", "4096"),
         "thinking.enabled.budget_tokens: Input should be a valid integer"},
        {"as large as max_tokens", THINK(",\"budget_tokens\":4096", "4096"),
         "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
         "documentation "
         "at "
         "https://docs.claude.com/en/docs/build-with-claude/"
         "extended-thinking#max-tokens-and-context-"
         "window-size"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(&rows[i]);
}

static void test_breakpoints_everywhere_are_counted(void **state)
{
    struct splice_case c;
    static const struct row five = {
        "five",
        HEAD "\"system\":[" CACHED "," CACHED "],\"tools\":[{\"name\":\"n\",\"cache_control\":{}}],"
             "\"messages\":[{\"role\":\"user\",\"content\":[" CACHED "," CACHED "]}]}",
        "A maximum of 4 blocks with cache_control may be provided. Found 5."};
    (void)state;
    check(&five);
    splice_case_read(
        &c,
        STR(HEAD "\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":[" USE(
            "a") "]},"
                 "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
                 "\"a\",\"content\":[" CACHED "],\"cache_control\":null}]}]}"),
        false);
    assert_int_equal(c.status, STATUS_OK);
    assert_int_equal(c.request.breakpoints, 1);
    splice_case_free(&c);
}

static void test_request_fields_are_read(void **state)
{
    struct splice_case c;
    (void)state;
    splice_case_read(
        &c,
        STR("{\"model\":\"a\\u0062c\",\"max_tokens\":1e3,\"stream\":true,\"system\":\"s\","
            "\"tools\":[{\"name\":\"n\"}],\"messages\":[" USER "]}"),
        false);
    assert_int_equal(c.status, STATUS_OK);
    assert_true(text_eq(c.request.model, STR("abc")));
    assert_int_equal(c.request.max_tokens, 1000);
    assert_true(c.request.stream);
    assert_int_equal(scan_type(&c.scan, c.request.system), SCAN_STRING);
    assert_int_equal(scan_size(&c.scan, c.request.tools), 1);
    splice_case_free(&c);
    splice_case_read(&c, STR("{\"model\":\"m\",\"tools\":[],\"messages\":[" USER "]}"), true);
    assert_int_equal(c.status, STATUS_OK); /* count_tokens */
    assert_int_equal(c.request.tools, SCAN_ABSENT);
    assert_false(c.request.stream);
    splice_case_free(&c);
}

static void test_session_of_either_form_is_found(void **state)
{
    static const struct {
        const char *name, *user_id, *session;
    } rows[] = {
        {"json",
         "\"{\\\"device_id\\\":\\\"d\\\",\\\"account_uuid\\\":\\\"\\\",\\\"session_id\\\":\\\"s-"
         "1\\\"}\"",
         "s-1"},
        {"old", "\"user_ab12_account__session_7c-9\"", "7c-9"},
        {"other text", "\"somebody\"", ""},
        {"broken json", "\"{\\\"session_id\\\":\"", ""},
        {"json without it", "\"{\\\"a\\\":1}\"", ""},
        {"number", "5", ""},
        {"null", "null", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct splice_case c;
        char body[256];
        snprintf(body, sizeof body, HEAD "\"metadata\":{\"user_id\":%s},\"messages\":[" USER "]}",
                 rows[i].user_id);
        splice_case_read(&c, text_from(body), false);
        if (c.status != STATUS_OK || !text_eq(c.request.session, text_from(rows[i].session)))
            fail_msg("%s: status %d, session '%.*s'", rows[i].name, c.status,
                     STR_ARG(c.request.session));
        splice_case_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_level_when_wrong_has_official_wording),
        cmocka_unit_test(test_messages_when_wrong_have_official_wording),
        cmocka_unit_test(test_sampling_of_a_version_without_it_is_refused),
        cmocka_unit_test(test_thinking_budget_when_wrong_is_refused),
        cmocka_unit_test(test_breakpoints_everywhere_are_counted),
        cmocka_unit_test(test_request_fields_are_read),
        cmocka_unit_test(test_session_of_either_form_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
