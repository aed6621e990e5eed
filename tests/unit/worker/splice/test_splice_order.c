#include "worker/splice/splice_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* "S" message_start, "s0" content_block_start of block 0, "d0", "-0" delta and stop, "D"
 * message_delta, "E" message_stop, "p" ping, "n" a type of the future. */
static enum status take(struct splice_order *o, struct str word, struct err *err)
{
    static const struct {
        char letter;
        const char *type;
    } rows[] = {{'S', "message_start"},
                {'s', "content_block_start"},
                {'d', "content_block_delta"},
                {'-', "content_block_stop"},
                {'D', "message_delta"},
                {'E', "message_stop"},
                {'p', "ping"},
                {'n', "future_event"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (word.p[0] == rows[i].letter)
            return splice_order_take(o, text_from(rows[i].type), word.n > 1 ? word.p[1] - '0' : -1,
                                     err);
    fail_msg("no such word: %.*s", STR_ARG(word));
    return STATUS_INTERNAL;
}

static void test_order_right_is_taken(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "S D E",
        "S s0 -0 D E",
        "p S p s0 p d0 n d0 -0 s1 d1 -1 s2 -2 n D p D E p n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct splice_order o = {0};
        struct str words = text_from(rows[i]), word;
        struct err err;
        while (text_split(&words, ' ', &word))
            if (take(&o, word, &err) != STATUS_OK)
                fail_msg("%s: %.*s: %s", rows[i], STR_ARG(word), err.text);
        assert_int_equal(o.place, SPLICE_ORDER_AFTER);
    }
}

/* The last word of each row is what may not stand there. */
static void test_order_wrong_is_named(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "s0",           "d0",         "-0",      "D",         "E",       "S S",
        "S s0 S",       "S s0 -0 S",  "S D S",   "S D E S",   "S d0",    "S s0 -0 d0",
        "S s0 d1",      "S s0 d",     "S s1",    "S s",       "S s0 s1", "S s0 s0",
        "S s0 -0 s0",   "S s0 -0 s2", "S -0",    "S s0 -1",   "S s0 -",  "S s0 -0 -0",
        "S s0 d0 D",    "S s0 E",     "S E",     "S s0 -0 E", "S D s0",  "S s0 -0 D d0",
        "S s0 -0 D -0", "S D E E",    "S D E D", "S D E s0",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct splice_order o = {0}, before;
        struct str words = text_from(rows[i]), word;
        struct err err = {.code = STATUS_OK};
        enum status st = STATUS_OK;
        while (st == STATUS_OK && text_split(&words, ' ', &word)) {
            before = o;
            st = take(&o, word, &err);
        }
        if (st != STATUS_UPSTREAM || text_split(&words, ' ', &word))
            fail_msg("%s: was taken, or too early refused", rows[i]);
        assert_memory_equal(&o, &before, sizeof o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_right_is_taken),
        cmocka_unit_test(test_order_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
