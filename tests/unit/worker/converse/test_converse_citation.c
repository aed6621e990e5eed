/* Citations of each kind, and those that Anthropic has no shape for. */
#include "worker/converse/converse_citation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *name, *in, *out; /* out NULL: not known */
} rows[] = {
    {"characters",
     "{\"title\":\"A "
     "\\\"B\\\"\",\"source\":\"ignored\",\"sourceContent\":[{\"text\":\"x\\n\"},{\"text\":\"y\"}],"
     "\"location\":{\"documentChar\":{\"documentIndex\":1,\"start\":2,\"end\":30}}}",
     "{\"type\":\"char_location\",\"cited_text\":\"x\\ny\",\"document_index\":1,\"document_title\":"
     "\"A \\\"B\\\"\","
     "\"start_char_index\":2,\"end_char_index\":30,\"file_id\":null}"},
    {"pages, no title, no text",
     "{\"location\":{\"documentPage\":{\"documentIndex\":0,\"start\":1,\"end\":2}}}",
     "{\"type\":\"page_location\",\"cited_text\":\"\",\"document_index\":0,\"document_title\":null,"
     "\"start_page_number\":1,\"end_page_number\":2,\"file_id\":null}"},
    {"chunks",
     "{\"title\":null,\"location\":{\"documentChunk\":{\"documentIndex\":0,\"start\":1,\"end\":2}}"
     "}",
     "{\"type\":\"content_block_location\",\"cited_text\":\"\",\"document_index\":0,\"document_"
     "title\":null,"
     "\"start_block_index\":1,\"end_block_index\":2,\"file_id\":null}"},
    {"search result",
     "{\"title\":\"T\",\"source\":\"s\",\"location\":{\"searchResultLocation\":{"
     "\"searchResultIndex\":3,\"start\":0,\"end\":1}}}",
     "{\"type\":\"search_result_location\",\"cited_text\":\"\",\"search_result_index\":3,\"title\":"
     "\"T\",\"source\":\"s\","
     "\"start_block_index\":0,\"end_block_index\":1}"},
    {"search result without source",
     "{\"location\":{\"searchResultLocation\":{\"searchResultIndex\":3,\"start\":0,\"end\":1}}}",
     "{\"type\":\"search_result_location\",\"cited_text\":\"\",\"search_result_index\":3,\"title\":"
     "null,\"source\":\"\","
     "\"start_block_index\":0,\"end_block_index\":1}"},
    {"odd source content",
     "{\"sourceContent\":[{\"text\":5},{\"x\":1},7,{\"text\":\"\"},{\"text\":\"z\"}],"
     "\"location\":{\"documentChar\":{\"documentIndex\":0,\"start\":0,\"end\":1}}}",
     "{\"type\":\"char_location\",\"cited_text\":\"z\",\"document_index\":0,\"document_title\":"
     "null,"
     "\"start_char_index\":0,\"end_char_index\":1,\"file_id\":null}"},
    {"web", "{\"location\":{\"web\":{\"url\":\"u\",\"domain\":\"d\"}}}", NULL},
    {"a number missing", "{\"location\":{\"documentChar\":{\"documentIndex\":0,\"start\":0}}}",
     NULL},
    {"a number that is none",
     "{\"location\":{\"documentChar\":{\"documentIndex\":0,\"start\":0,\"end\":\"1\"}}}", NULL},
    {"no location", "{\"title\":\"T\"}", NULL},
    {"no object", "[]", NULL},
};

static void test_citation_of_each_kind_is_written(void **state)
{
    (void)state;
    static const struct scan_limits limits = {
        .depth = 16, .values = 100, .keys = 100, .number_len = 64};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct scan s;
        struct json_out w;
        struct buf out;
        assert_int_equal(scan_parse(&s, arena, text_from(rows[i].in), &limits, NULL), STATUS_OK);
        buf_init(&out, 1000);
        json_begin(&w, &out);
        if (converse_citation_known(&s, 0) != (rows[i].out != NULL))
            fail_msg("%s: known is wrong", rows[i].name);
        if (rows[i].out)
            converse_citation_put(&w, &s, 0);
        if (!text_eq(buf_str(&out), text_from(rows[i].out)))
            fail_msg("%s: got %.*s", rows[i].name, STR_ARG(buf_str(&out)));
        buf_free(&out);
        arena_drop(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_citation_of_each_kind_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
