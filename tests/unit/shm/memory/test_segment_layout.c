#include "shm/memory/segment_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "shm/memory/segment.h"

/* Small enough for no page, exactly some pages, with edges; the words beside them stay. */
static void test_zero_clears_its_words_and_no_others(void **state)
{
    static const struct {
        size_t from, count;
    } rows[] = {{1, 1}, {3, 100}, {0, 16384}, {5, 40000}, {8192, 8192}, {8191, 8194}};
    struct segment s;
    struct err err;
    (void)state;
    assert_int_equal(segment_create(&s, 2, 16384, &err), STATUS_OK);
    _Atomic uint64_t *words = (_Atomic uint64_t *)(void *)s.directory;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (size_t i = 0; i < 50000; i++) {
            atomic_store(&words[i], i + 1);
        }
        segment_layout_zero(&s, words + rows[r].from, rows[r].count);
        for (size_t i = 0; i < 50000; i++) {
            bool in = i >= rows[r].from && i < rows[r].from + rows[r].count;
            if (atomic_load(&words[i]) != (in ? 0 : i + 1)) {
                fail_msg("row %zu, word %zu", r, i);
            }
        }
    }
    segment_drop(&s);
}

static void test_page_up_goes_to_the_next_page(void **state)
{
    static const struct {
        uint64_t n, want;
    } rows[] = {{0, 0}, {1, SEGMENT_PAGE}, {SEGMENT_PAGE, SEGMENT_PAGE}, {65537, 131072}};
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        assert_int_equal(segment_layout_page_up(rows[r].n), rows[r].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_clears_its_words_and_no_others),
        cmocka_unit_test(test_page_up_goes_to_the_next_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
