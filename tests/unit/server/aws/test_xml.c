#include "server/aws/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_element_of_xml_is_taken_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *xml, *want;
    } rows[] = {
        {"plain", "<A><C><K>v</K></C></A>", "v"},
        {"blank inside stays", "<C>\n <K>v</K>\n</C>", "v"},
        {"other container", "<D><K>v</K></D><C><X>1</X></C>", NULL},
        {"no container", "<K>v</K>", NULL},
        {"empty", "<C><K></K></C>", NULL},
        {"not closed", "<C><K>v</C>", NULL},
        {"container not closed", "<C><K>v</K>", NULL},
        {"entity", "<C><K>a&lt;b</K></C>", NULL},
        {"markup", "<C><K>a<b/>c</K></C>", NULL},
        {"attribute", "<C><K x=\"1\">v</K></C>", NULL},
        {"not XML", "hello", NULL},
        {"nothing", "", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str value = {NULL, 0};
        bool found = xml_element(text_from(rows[i].xml), "C", "K", &value);
        if (found != (rows[i].want != NULL) || (found && !text_eq(value, text_from(rows[i].want))))
            fail_msg("%s: found %d \"%.*s\"", rows[i].name, found, STR_ARG(value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_element_of_xml_is_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
