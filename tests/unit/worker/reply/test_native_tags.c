#include "worker/reply/native_tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define R(text) "<reasoning>" text "</reasoning>"

static const struct {
    const char *text, *thought, *said;
} rows[] = {
    {"", "", ""},
    {"plain", "", "plain"},
    {R("a") "b", "a", "b"},
    {R("a") "\n\n b\n", "a", "b\n"},
    {R("a") R(" b") " \n" R("c") "d", "a bc", "d"},
    {R("") "b", "", "b"},
    {"x" R("a"), "", "x" R("a")},
    {" " R("a"), "", " " R("a")},
    {R("a") "b" R("c"), "a", "b" R("c")},
    {R("a </reason </reasoning") "b", "a </reason </reasoning", "b"},
    {R("a <<<//<") "b", "a <<<//<", "b"},
    {R("<reasoning>a") "b", "<reasoning>a", "b"},
    {"<reasoning>never ends", "never ends", ""},
    {"<reasoning>never ends </reas", "never ends </reas", ""},
    {"<reas", "", "<reas"},
    {"<reasons>", "", "<reasons>"},
    {R("a") "<reas", "a", "<reas"},
    {R("a") "  ", "a", ""},
    {R("\xc3\xa4") "\xc3\xb6", "\xc3\xa4", "\xc3\xb6"},
};

struct got {
    struct native_tags tags;
    struct buf thought, said;
};

static void check(struct got *g, size_t row, size_t split)
{
    native_tags_end(&g->tags, &g->thought, &g->said);
    if (!text_eq(buf_str(&g->thought), text_from(rows[row].thought)) ||
        !text_eq(buf_str(&g->said), text_from(rows[row].said))) {
        fail_msg("%s at %zu: '%.*s', '%.*s'", rows[row].text, split, STR_ARG(buf_str(&g->thought)),
                 STR_ARG(buf_str(&g->said)));
    }
    buf_free(&g->thought);
    buf_free(&g->said);
}

static void begin(struct got *g)
{
    *g = (struct got){.tags.held_n = 0};
    buf_init(&g->thought, 1000);
    buf_init(&g->said, 1000);
}

static void feed(struct got *g, struct str text)
{
    native_tags_feed(&g->tags, text, &g->thought, &g->said);
}

static void test_every_split_says_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str text = text_from(rows[i].text);
        for (size_t at = 0; at <= text.n; at++) {
            struct got g;
            begin(&g);
            feed(&g, text_sub(text, 0, at));
            feed(&g, text_sub(text, at, text.n));
            check(&g, i, at);
        }
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct got g;
        begin(&g);
        for (struct str text = text_from(rows[i].text); text.n > 0;
             text = text_sub(text, 1, text.n)) {
            feed(&g, text_sub(text, 0, 1));
        }
        check(&g, i, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split_says_the_same),
        cmocka_unit_test(test_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
