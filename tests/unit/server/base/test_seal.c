/* What was sealed opens again, here and nowhere else, and not a bit of it may change. */
#include "server/base/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define MAX ((size_t)1 << 20)

static const struct sealer ours = {.key = "0123456789abcdefghijklmnopqrstu", .bound = {"a", 1}};

static struct str sealed_into(const struct sealer *s, struct str plain, struct buf *b)
{
    buf_init(b, MAX);
    seal_put(s, plain, b);
    assert_true(buf_ok(b));
    return buf_str(b);
}

static bool opens(const struct sealer *s, struct str sealed, struct str want)
{
    struct arena *arena = arena_new(4 * MAX);
    struct str plain;
    bool ok = seal_open(s, sealed, arena, &plain) == STATUS_OK;
    assert_true(!ok || text_eq(plain, want));
    arena_drop(arena);
    return ok;
}

static void test_text_of_any_length_comes_back(void **state)
{
    (void)state;
    char text[300];
    text_random(text, sizeof text);
    for (size_t n = 0; n <= sizeof text; n++) {
        struct buf b;
        struct str sealed = sealed_into(&ours, (struct str){text, n}, &b);
        if (!opens(&ours, sealed, (struct str){text, n}) || !text_only_of(sealed, "._-")) {
            fail_msg("%zu bytes: %.*s", n, STR_ARG(sealed));
        }
        buf_free(&b);
    }
}

static void test_same_text_is_never_sealed_alike(void **state)
{
    (void)state;
    struct buf a, b;
    assert_false(text_eq(sealed_into(&ours, STR("x"), &a), sealed_into(&ours, STR("x"), &b)));
    buf_free(&a);
    buf_free(&b);
}

static void test_any_change_does_not_open(void **state)
{
    (void)state;
    struct buf b;
    struct str sealed = sealed_into(&ours, STR("the thought"), &b);
    char copy[200];
    for (size_t i = 0; i < sealed.n; i++) {
        for (char c = 0x20; c < 0x7f; c++) {
            memcpy(copy, sealed.p, sealed.n);
            copy[i] = c;
            if (c != sealed.p[i] &&
                opens(&ours, (struct str){copy, sealed.n}, STR("the thought"))) {
                fail_msg("%c at %zu", c, i);
            }
        }
        assert_false(opens(&ours, text_sub(sealed, 0, i), STR("")));
        assert_false(opens(&ours, text_sub(sealed, i + 1, sealed.n), STR("")));
    }
    buf_free(&b);
}

static void test_other_key_or_purpose_does_not_open(void **state)
{
    (void)state;
    struct buf b;
    struct sealer key = ours, bound = ours;
    key.key[31] ^= 1;
    bound.bound = STR("ab");
    struct str sealed = sealed_into(&ours, STR("x"), &b);
    assert_true(opens(&ours, sealed, STR("x")));
    assert_false(opens(&key, sealed, STR("x")));
    assert_false(opens(&bound, sealed, STR("x")));
    buf_free(&b);
}

static void test_what_is_no_seal_does_not_open(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "1",
                                       "1.",
                                       "1.=",
                                       "1.AAAA",
                                       "2.AAAA",
                                       "gAAAAABpc29tZSBvdGhlciBzZXJ2aWNlJ3M=",
                                       "1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                       "1.!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_false(opens(&ours, text_from(rows[i]), STR("")));
        assert_int_equal(seal_is_form(text_from(rows[i])),
                         text_starts(text_from(rows[i]), STR("1.")));
    }
}

static void test_no_room_sets_the_flag(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 20);
    seal_put(&ours, STR("x"), &b);
    assert_false(buf_ok(&b));
    buf_free(&b);
    for (unsigned long k = 1; k < 3; k++) {
        buf_init(&b, MAX);
        heap_fail_after(k);
        seal_put(&ours, STR("x"), &b);
        heap_fail_after(0);
        assert_false(buf_ok(&b));
        buf_free(&b);
    }
}

/* Else a thought would be dropped as a forged one. */
static void test_no_memory_is_not_forged(void **state)
{
    struct arena *arena = arena_new(MAX);
    struct buf b;
    struct str sealed = sealed_into(&ours, STR("x"), &b), plain;
    (void)state;
    for (unsigned long k = 1; k < 3; k++) {
        heap_fail_after(k);
        enum status st = seal_open(&ours, sealed, arena, &plain);
        heap_fail_after(0);
        assert_int_equal(st, STATUS_BUSY);
        assert_null(plain.p);
    }
    assert_int_equal(seal_open(&ours, STR("1.AAAA"), arena, &plain), STATUS_INVALID);
    assert_null(plain.p);
    buf_free(&b);
    arena_drop(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_any_length_comes_back),
        cmocka_unit_test(test_same_text_is_never_sealed_alike),
        cmocka_unit_test(test_any_change_does_not_open),
        cmocka_unit_test(test_other_key_or_purpose_does_not_open),
        cmocka_unit_test(test_what_is_no_seal_does_not_open),
        cmocka_unit_test(test_no_room_sets_the_flag),
        cmocka_unit_test(test_no_memory_is_not_forged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
