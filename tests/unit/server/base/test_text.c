#include "server/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Fails with the row's name. */
#define CHECK(row, what)                              \
    do {                                              \
        if (!(what)) {                                \
            fail_msg("row \"%s\": %s", (row), #what); \
        }                                             \
    } while (0)

static void test_eq_pairs_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str a, b;
        bool eq, ieq, starts, ends;
    } rows[] = {
        {"same", STR("abc"), STR("abc"), true, true, true, true},
        {"case", STR("aBc"), STR("AbC"), false, true, false, false},
        {"prefix", STR("abc"), STR("ab"), false, false, true, false},
        {"suffix", STR("abc"), STR("bc"), false, false, false, true},
        {"longer", STR("ab"), STR("abc"), false, false, false, false},
        {"empty", STR("abc"), STR(""), false, false, true, true},
        {"nulls", {NULL, 0}, {NULL, 0}, true, true, true, true},
        {"not letters", STR("@["), STR("`{"), false, false, false, false},
        {"zero byte", STR("a\0b"), STR("a\0c"), false, false, false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(rows[i].name, text_eq(rows[i].a, rows[i].b) == rows[i].eq);
        CHECK(rows[i].name, text_ieq(rows[i].a, rows[i].b) == rows[i].ieq);
        CHECK(rows[i].name, text_starts(rows[i].a, rows[i].b) == rows[i].starts);
        CHECK(rows[i].name, text_ends(rows[i].a, rows[i].b) == rows[i].ends);
    }
    assert_true(text_istarts(STR("Bearer x"), STR("bEARER ")));
    assert_false(text_istarts(STR("Bear"), STR("bearer ")));
    assert_int_equal(text_from(NULL).n, 0);
    assert_int_equal(text_from("abc").n, 3);
}

static void test_find_positions_as_listed(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str s, needle;
        bool found;
        size_t at;
    } rows[] = {
        {"middle", STR("xxabc"), STR("ab"), true, 2},
        {"start", STR("abc"), STR("abc"), true, 0},
        {"absent", STR("abc"), STR("ca"), false, 0},
        {"too long", STR("a"), STR("ab"), false, 0},
        {"empty needle", STR("abc"), STR(""), true, 0},
        {"all empty", {NULL, 0}, {NULL, 0}, true, 0},
        {"past a zero byte", STR("a\0bc"), STR("bc"), true, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t at = 99;
        CHECK(rows[i].name, text_find(rows[i].s, rows[i].needle, &at) == rows[i].found);
        CHECK(rows[i].name, at == rows[i].at);
        CHECK(rows[i].name, text_ifind(rows[i].s, rows[i].needle, &at) == rows[i].found);
        CHECK(rows[i].name, at == rows[i].at);
    }
    size_t at = 99;
    assert_true(text_ifind(STR("the Service TIER"), STR("service tier"), &at));
    assert_int_equal(at, 4);
    assert_false(text_ifind(STR("a@"), STR("A`"), &at)); /* letters only */
}

static void test_trim_sub_clip(void **state)
{
    (void)state;
    assert_true(text_eq(text_trim(STR(" \t a b\t ")), STR("a b")));
    assert_int_equal(text_trim(STR(" \t ")).n, 0);
    assert_true(text_eq(text_trim(STR("\r\na")), STR("\r\na")));
    assert_true(text_eq(text_sub(STR("hello"), 1, 3), STR("ell")));
    assert_true(text_eq(text_sub(STR("hello"), 3, SIZE_MAX), STR("lo")));
    assert_int_equal(text_sub(STR("hello"), 5, 1).n, 0);
    assert_int_equal(text_sub(STR("hello"), SIZE_MAX, SIZE_MAX).n, 0);
}

static void test_split_gives_every_piece(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str s;
        const char *pieces; /* joined by | */
    } rows[] = {
        {"empty piece inside", STR("a,,b"), "a||b|"},
        {"one", STR("abc"), "abc|"},
        {"empty text", STR(""), "|"},
        {"trailing", STR("a,"), "a||"},
        {"only separators", STR(",,"), "|||"},
        {"nothing", {NULL, 0}, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char joined[32] = "";
        size_t n = 0;
        struct str rest = rows[i].s;
        struct str piece;
        while (text_split(&rest, ',', &piece)) {
            text_copy(piece, joined + n, sizeof(joined) - n);
            n += piece.n;
            joined[n++] = '|';
            joined[n] = '\0';
        }
        CHECK(rows[i].name, strcmp(joined, rows[i].pieces) == 0);
    }
}

static void test_copy_long_text_is_cut(void **state)
{
    (void)state;
    char out[4];
    assert_string_equal(text_copy(STR("abcdef"), out, sizeof(out)), "abc");
    assert_string_equal(text_copy(STR("ab"), out, sizeof(out)), "ab");
    assert_string_equal(text_copy((struct str){0}, out, sizeof(out)), "");
}

static void test_numbers_strict_rows(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool u_ok, i_ok;
        uint64_t u;
        int64_t i;
    } rows[] = {
        {"0", true, true, 0, 0},
        {"007", true, true, 7, 7},
        {"", false, false, 0, 0},
        {"-", false, false, 0, 0},
        {"-1", false, true, 0, -1},
        {"--1", false, false, 0, 0},
        {"+1", false, false, 0, 0},
        {" 1", false, false, 0, 0},
        {"1 ", false, false, 0, 0},
        {"0x1", false, false, 0, 0},
        {"1.0", false, false, 0, 0},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, 9223372036854775808U, 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999999", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t u = 0;
        int64_t v = 0;
        CHECK(rows[i].in, text_u64(text_from(rows[i].in), &u) == rows[i].u_ok);
        CHECK(rows[i].in, !rows[i].u_ok || u == rows[i].u);
        CHECK(rows[i].in, text_i64(text_from(rows[i].in), &v) == rows[i].i_ok);
        CHECK(rows[i].in, !rows[i].i_ok || v == rows[i].i);
    }
}

static void test_put_u64_round_trips(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 9, 10, 99, 1000000, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char digits[20];
        uint64_t back = 1;
        size_t n = text_put_u64(values[i], digits);
        assert_true(text_u64((struct str){digits, n}, &back));
        assert_true(back == values[i]);
    }
    char digits[20];
    assert_int_equal(text_put_u64(UINT64_MAX, digits), 20);
}

static void test_hex_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[4] = {0x00, 0x9f, 0xab, 0xff};
    char hex[8];
    uint8_t back[4];
    text_hex(bytes, 4, hex);
    assert_memory_equal(hex, "009fabff", 8);
    assert_true(text_unhex(STR("009FabFF"), back, 4));
    assert_memory_equal(back, bytes, 4);
    assert_false(text_unhex(STR("009fab"), back, 4));
    assert_false(text_unhex(STR("009fabf"), back, 4));
    assert_false(text_unhex(STR("009fabfg"), back, 4));
    assert_false(text_unhex(STR("009fab f"), back, 4));
    assert_true(text_unhex(STR(""), back, 0));
}

static void test_percent_rows_both_ways(void **state)
{
    (void)state;
    char out[64];
    char back[64];
    size_t n = text_percent(STR("aZ09-._~ /:\xc3\xa9%"), out, sizeof(out));
    assert_true(text_eq((struct str){out, n}, STR("aZ09-._~%20%2F%3A%C3%A9%25")));
    assert_true(text_unpercent((struct str){out, n}, back, &n));
    assert_true(text_eq((struct str){back, n}, STR("aZ09-._~ /:\xc3\xa9%")));
    assert_int_equal(text_percent(STR("a b"), out, 4), 0);
    assert_int_equal(text_percent(STR("a b"), out, 5), 5);
    static const char *const broken[] = {"%", "%2", "a%g0", "%0g", "%%20"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        CHECK(broken[i], !text_unpercent(text_from(broken[i]), back, &n));
    }
}

static void test_secret_eq_and_wipe(void **state)
{
    (void)state;
    char a[] = "0123456789";
    assert_true(text_secret_eq(a, "0123456789", 10));
    for (size_t i = 0; i < 10; i++) {
        char b[] = "0123456789";
        b[i] ^= 1;
        assert_false(text_secret_eq(a, b, 10));
    }
    assert_true(text_secret_eq(NULL, NULL, 0));
    text_wipe(a, 10);
    assert_memory_equal(a, "\0\0\0\0\0\0\0\0\0\0", 10);
}

/* Ids come out of a pool: a forked child must not go on with its parent's bytes. */
static void test_id_differs_after_fork(void **state)
{
    (void)state;
    char mine[40], childs[40] = "";
    int ends[2];
    text_id(STR(""), mine, sizeof mine); /* the pool is filled now */
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        text_id(STR(""), mine, sizeof mine);
        _exit(write(ends[1], mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    text_id(STR(""), mine, sizeof mine);
    assert_int_equal(read(ends[0], childs, sizeof childs), (ssize_t)sizeof childs);
    assert_string_not_equal(mine, childs);
    close(ends[0]);
    close(ends[1]);
}

static void test_id_alphabet_and_difference(void **state)
{
    (void)state;
    char ids[50][29];
    for (size_t i = 0; i < 50; i++) {
        text_id(STR("req_"), ids[i], sizeof(ids[i]));
        assert_int_equal(strlen(ids[i]), 28);
        assert_memory_equal(ids[i], "req_", 4);
        assert_int_equal(strspn(ids[i] + 4, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "abcdefghijklmnopqrstuvwxyz"),
                         24);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(ids[i], ids[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eq_pairs_as_listed),
        cmocka_unit_test(test_find_positions_as_listed),
        cmocka_unit_test(test_trim_sub_clip),
        cmocka_unit_test(test_split_gives_every_piece),
        cmocka_unit_test(test_copy_long_text_is_cut),
        cmocka_unit_test(test_numbers_strict_rows),
        cmocka_unit_test(test_put_u64_round_trips),
        cmocka_unit_test(test_hex_both_ways),
        cmocka_unit_test(test_percent_rows_both_ways),
        cmocka_unit_test(test_secret_eq_and_wipe),
        cmocka_unit_test(test_id_alphabet_and_difference),
        cmocka_unit_test(test_id_differs_after_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
