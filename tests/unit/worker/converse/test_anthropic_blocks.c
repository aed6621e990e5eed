#include "worker/converse/anthropic_blocks.h"

#include "tests/unit/build_bed.h"

#define BODY(blocks) "{\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]}"

/* Blocks (JSON) into a user's turn. */
static void put_blocks(struct build_bed *bed, const char *model, const char *content)
{
    build_open(bed, model);
    assert_int_equal(scan_parse(&bed->c.scan, bed->c.arena, text_from(content), &case_limits, NULL),
                     STATUS_OK);
    converse_build_role(&bed->b, CONVERSE_USER);
    anthropic_blocks_put(&bed->b, &bed->c.scan, 0);
    converse_build_messages_end(&bed->b);
}

static void test_blocks_become_what_the_model_knows(void **state)
{
    static const struct {
        const char *name; /* what the row shows */
        const char *model, *in, *out, *changes;
    } rows[] = {
        {"escapes stay as they are", QWEN, "\"\\u0041\\/\\u0000 \xc3\xa9\"",
         BODY("{\"text\":\"\\u0041\\/\\u0000 \xc3\xa9\"}"), ""},
        {"data before media_type, escaped slash", NOVA,
         "[{\"type\":\"image\",\"source\":{\"data\":\"AA\\/A\",\"media_type\":\"image/jpeg\","
         "\"type\":\"base64\"}}]",
         BODY("{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"AA/A\"}}}"), ""},
        {"reference with quotes", QWEN, "[{\"type\":\"tool_reference\",\"tool_name\":\"a\\\"b\"}]",
         BODY("{\"text\":\"[Tool: a\\\"b]\"}"), "map:tool_reference"},
        {"search result without text", OPUS46,
         "[{\"type\":\"search_result\",\"source\":\"s\",\"title\":\"t\",\"content\":[]},"
         "{\"type\":\"text\",\"text\":\"u\"}]",
         BODY("{\"text\":\"u\"}"), "drop:search_result"},
        {"citations of the user", OPUS46,
         "[{\"type\":\"text\",\"text\":\"u\",\"citations\":[{\"type\":\"char_location\"}]}]",
         BODY("{\"text\":\"u\"}"), "drop:citations"},
        {"mark of a dropped block goes to the one before", NOVA,
         "[{\"type\":\"text\",\"text\":\"u\"},{\"type\":\"x\",\"cache_control\":{\"type\":"
         "\"ephemeral\"}}]",
         BODY("{\"text\":\"u\"},{\"cachePoint\":{\"type\":\"default\"}}"), "drop:block:x"},
        {"content that is a string", OPUS46,
         "[{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":\"a\\nb\"}},"
         "{\"type\":\"text\",\"text\":\"u\"}]",
         BODY("{\"document\":{\"format\":\"txt\",\"name\":\"document 1\",\"source\":{\"text\":"
              "\"a\\nb\"}}},{\"text\":\"u\"}"),
         ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        put_blocks(&bed, rows[i].model, rows[i].in);
        build_want(&bed, rows[i].out, rows[i].changes);
    }
}

static void test_blocks_that_cannot_be_sent_are_refused(void **state)
{
    static const struct {
        const char *in, *text;
    } rows[] = {
        {"[{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"f\"}}]",
         "image.source.type: only base64 images are accepted; nothing is fetched from a URL"},
        {"[{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]",
         "document.source.type: only base64, text and content are accepted; nothing is fetched"},
        {"[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
         "\"data\":\"AAAA\"}}]",
         "document.source.media_type: Bedrock takes pdf, csv, doc, docx, xls, xlsx, html, txt and "
         "md"},
        {"[{\"type\":\"document\",\"source\":{\"type\":\"text\",\"data\":\"\"}}]",
         "document.source.data: empty or invalid base64 data"},
        {"[{\"type\":\"thinking\"}]",
         "messages: `thinking` blocks can only be in `assistant` messages"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        put_blocks(&bed, NOVA, rows[i].in);
        build_want_failure(&bed, STATUS_INVALID, rows[i].text);
    }
}

static void test_text_of_blocks_is_joined(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {{"\"a\\nb\"", "a\nb"},
                {"[{\"text\":\"a\"},{\"text\":\"\"},{\"x\":1},{\"text\":\"\\u0062\"}]", "a\nb"},
                {"[]", ""}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct build_bed bed;
        build_open(&bed, QWEN);
        assert_int_equal(
            scan_parse(&bed.c.scan, bed.c.arena, text_from(rows[i].in), &case_limits, NULL),
            STATUS_OK);
        assert_true(text_eq(anthropic_blocks_text(&bed.b, &bed.c.scan, 0), text_from(rows[i].out)));
        convert_case_free(&bed.c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_become_what_the_model_knows),
        cmocka_unit_test(test_blocks_that_cannot_be_sent_are_refused),
        cmocka_unit_test(test_text_of_blocks_is_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
