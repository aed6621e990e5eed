#include "worker/dialect/tool_pairs.h"

#include "tests/unit/splice_case.h"

#define HEAD       "{\"model\":\"m\",\"max_tokens\":9,"
#define M(list)    HEAD "\"messages\":[" list "]}"
#define USER       "{\"role\":\"user\",\"content\":\"hi\"}"
#define USE(id)    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"n\",\"input\":{}}"
#define RESULT(id) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"content\":\"ok\"}"
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

static void test_tool_pairs_when_broken_have_official_wording(void **state)
{
#define ASSISTANT(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define RESULTS(blocks)   "{\"role\":\"user\",\"content\":[" blocks "]}"
#define UNANSWERED(n, ids)                                                             \
    "messages." #n                                                                     \
    ": `tool_use` ids were found without `tool_result` blocks immediately after: " ids \
    ". Each `tool_use` block must have a corresponding `tool_result` block in the next message."
#define UNEXPECTED(n, m, id)                                                                      \
    "messages." #n ".content." #m ": unexpected `tool_use_id` found in `tool_result` blocks: " id \
    ". Each `tool_result` block must have a corresponding `tool_use` block in the previous "      \
    "message."
    static const struct row rows[] = {
        {"answered",
         M(USER "," ASSISTANT(USE("a") "," USE("b")) "," RESULTS(RESULT("b") "," RESULT("a"))),
         NULL},
        {"answered over two user messages",
         M(USER
           "," ASSISTANT(USE("a") "," USE("b")) "," RESULTS(RESULT("b")) "," RESULTS(RESULT("a"))),
         NULL},
        {"system message between",
         M(USER "," ASSISTANT(USE("a")) ",{\"role\":\"system\",\"content\":"
                                        "\"s\"}," RESULTS(RESULT("a"))),
         NULL},
        {"one unanswered", M(USER "," ASSISTANT(USE("a") "," USE("b")) "," RESULTS(RESULT("a"))),
         UNANSWERED(1, "b")},
        {"one id twice, answered twice",
         M(USER "," ASSISTANT(USE("a") "," USE("a")) "," RESULTS(RESULT("a") "," RESULT("a"))),
         NULL},
        {"one id twice, answered once",
         M(USER "," ASSISTANT(USE("z") "," USE("a") "," USE("a")) "," RESULTS(
             RESULT("a") "," RESULT("z"))),
         UNANSWERED(1, "a")},
        {"one id twice, not answered, beside another",
         M(USER "," ASSISTANT(USE("b") "," USE("a") "," USE("b")) "," RESULTS(RESULT("a"))),
         UNANSWERED(1, "b")},
        {"none answered", M(USER "," ASSISTANT(USE("a") "," USE("b")) "," USER),
         UNANSWERED(1, "a, b")},
        {"last message", M(USER "," ASSISTANT(USE("a"))), UNANSWERED(1, "a")},
        {"orphan first", M(RESULTS(RESULT("a"))), UNEXPECTED(0, 0, "a")},
        {"orphan beside", M(USER "," ASSISTANT(USE("a")) "," RESULTS(RESULT("a") "," RESULT("z"))),
         UNEXPECTED(2, 1, "z")},
        {"answer to an older call",
         M(USER "," ASSISTANT(USE("a")) "," RESULTS(RESULT("a")) "," ASSISTANT(
             "{\"type\":\"text\",\"text\":\"t\"}") "," RESULTS(RESULT("a"))),
         UNEXPECTED(4, 0, "a")},
        {"no id", M(USER "," ASSISTANT("{\"type\":\"tool_use\",\"name\":\"n\",\"input\":{}}")),
         "messages.1.content.0.tool_use.id: Field required"},
        {"id number", M(RESULTS("{\"type\":\"tool_result\",\"tool_use_id\":4}")),
         "messages.0.content.0.tool_result.tool_use_id: Input should be a valid string"},
        {"image in a result",
         M(USER "," ASSISTANT(USE("a")) "," RESULTS(
             "{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":[" IMAGE(
                 "image/jpg") "]}")),
         "messages.2.content.0.tool_result.content.0.image.source.base64.media_type: Input should "
         "be "
         "'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check(&rows[i]);
}

/* Quadratic matching would take minutes here. */
static void test_many_tool_pairs_stay_fast(void **state)
{
    struct splice_case c;
    struct buf b;
    enum { PAIRS = 8000 };
    (void)state;
    buf_init(&b, (size_t)4 << 20);
    BUF_LIT(&b, HEAD "\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":[");
    for (int i = 0; i < PAIRS; i++)
        buf_printf(&b, "%s{\"type\":\"tool_use\",\"id\":\"t%d\"}", i ? "," : "", i);
    BUF_LIT(&b, "]},{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < PAIRS; i++)
        buf_printf(&b, "%s{\"type\":\"tool_result\",\"tool_use_id\":\"t%d\"}", i ? "," : "",
                   PAIRS - 1 - i);
    BUF_LIT(&b, "]}]}");
    assert_true(buf_ok(&b));
    splice_case_read(&c, buf_str(&b), false);
    if (c.status != STATUS_OK)
        fail_msg("refused: %s", c.err.text);
    splice_case_free(&c);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tool_pairs_when_broken_have_official_wording),
        cmocka_unit_test(test_many_tool_pairs_stay_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
