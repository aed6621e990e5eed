#include "worker/converse/openai_parts.h"

#include "tests/unit/convert_case.h"

#define IN(parts)   "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" parts "]}]}"
#define OUT(blocks) "{\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]}"
#define TEXT(t)     "{\"type\":\"text\",\"text\":\"" t "\"}"
#define IMAGE(url)  "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}"
#define FILE_PART(name, data) \
    "{\"type\":\"file\",\"file\":{\"filename\":\"" name "\",\"file_data\":\"" data "\"}}"
#define PNG         "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAA\"}}}"
#define NO_DATA_URL "Invalid 'messages': image_url must be a base64 data: URL; nothing is fetched."

static void test_parts_become_blocks(void **state)
{
    static const struct convert_row rows[] = {
        {"data URL with parameters", NOVA, IN(IMAGE("data:image/png;name=a;base64,AAAA")), OUT(PNG),
         ""},
        {"data URL in capitals", NOVA, IN(IMAGE("DATA:Image/PNG;base64,AAAA")), OUT(PNG), ""},
        {"image_url as a string", NOVA,
         IN("{\"type\":\"image_url\",\"image_url\":\"data:image/png;base64,AAAA\"}"), OUT(PNG), ""},
        {"data URL without base64", NOVA, IN(IMAGE("data:image/png,AAAA")), NO_DATA_URL, NULL},
        {"data URL without comma", NOVA, IN(IMAGE("data:image/png;base64")), NO_DATA_URL, NULL},
        {"empty data", NOVA, IN(IMAGE("data:image/png;base64,")),
         "image.source.base64.data: invalid base64 data", NULL},
        {"no url", NOVA, IN("{\"type\":\"image_url\"}"), NO_DATA_URL, NULL},
        {"file of unknown ending", NOVA, IN(FILE_PART("a.zip", "data:;base64,AAAA")),
         "Invalid 'messages': a file may be pdf, csv, doc, docx, xls, xlsx, html, txt and md.",
         NULL},
        {"markdown by its ending", NOVA, IN(FILE_PART("a.md", "data:;base64,AAAA") "," TEXT("u")),
         OUT("{\"document\":{\"format\":\"md\",\"name\":\"a md 1\",\"source\":{\"bytes\":"
             "\"AAAA\"}}},{\"text\":\"u\"}"),
         ""},
        {"text that is no string", NOVA, IN("{\"type\":\"text\",\"text\":1}"),
         "Invalid type for 'messages[].content[].text': expected a string.", NULL},
        {"part that is no object", NOVA, IN("7"),
         "Invalid value for 'messages[].content[].type': supported values are 'text', 'image_url', "
         "'input_audio', 'refusal', and 'file'.",
         NULL},
        {"mark on an empty part goes to the one before", NOVA,
         IN(TEXT("u") ",{\"type\":\"text\",\"text\":\"\",\"cache_control\":{\"type\":"
                      "\"ephemeral\"}}"),
         OUT("{\"text\":\"u\"},{\"cachePoint\":{\"type\":\"default\"}}"), ""},
    };
    (void)state;
    convert_case_check_all(DIALECT_OPENAI, rows, COUNT_OF(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_become_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
