#include "shm/memory/edition.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/catalogue/catalogue.h"
#include "shm/memory/segment.h"

static struct segment seg;

static int make(void **state)
{
    (void)state;
    struct err err;
    return segment_create(&seg, 1, 16, &err) == STATUS_OK && catalogue_load(NULL, &err) == STATUS_OK
               ? 0
               : -1;
}

static int drop(void **state)
{
    (void)state;
    segment_drop(&seg);
    return 0;
}

/* A table whose every price says which edition it is. */
static struct catalogue *edition(uint32_t number)
{
    static struct catalogue t;
    t = *catalogue_now();
    for (uint32_t i = 0; i < t.rows; i++) {
        t.row[i].cell[CATALOGUE_IN] = number;
    }
    return &t;
}

/* 0: the rows are not all of one edition. */
static uint32_t number_in_force(void)
{
    const struct catalogue *t = catalogue_now();
    uint32_t first = t->row[0].cell[CATALOGUE_IN];
    for (uint32_t i = 1; i < t->rows; i++) {
        if (t->row[i].cell[CATALOGUE_IN] != first) {
            return 0;
        }
    }
    return first;
}

static void test_take_what_was_published_once(void **state)
{
    (void)state;
    assert_int_equal(edition_number(&seg), 0);
    assert_false(edition_take(&seg));
    edition_publish(&seg, edition(7));
    assert_true(edition_take(&seg));
    assert_int_equal(number_in_force(), 7);
    assert_false(edition_take(&seg));
    assert_non_null(catalogue_named(STR("claude-sonnet-4-6")));
    edition_publish(&seg, edition(8));
    edition_publish(&seg, edition(9));
    assert_true(edition_take(&seg));
    assert_int_equal(number_in_force(), 9);
}

/* The writer is killed again and again in the middle of its work; the reader, all the while, has
 * whole tables only. */
static void test_writer_killed_anywhere_leaves_whole_tables(void **state)
{
    (void)state;
    uint32_t next = 100, taken = 0;
    edition_publish(&seg, edition(next));
    for (int round = 0; round < 40; round++) {
        pid_t writer = fork();
        if (writer == 0) {
            for (uint32_t i = 1;; i++) {
                edition_publish(&seg, edition(next + i));
            }
        }
        for (int i = 0; i < 20; i++) {
            if (edition_take(&seg)) {
                assert_true(number_in_force() >= 100);
                taken++;
            }
        }
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        (void)edition_take(&seg);
        assert_true(number_in_force() >= 100);
    }
    assert_true(taken > 0);
    edition_publish(&seg, edition(55));
    assert_true(edition_take(&seg));
    assert_int_equal(number_in_force(), 55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take_what_was_published_once, make, drop),
        cmocka_unit_test_setup_teardown(test_writer_killed_anywhere_leaves_whole_tables, make,
                                        drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
