#include "shm/refresher/models_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/catalogue/prices.h"
#include "shm/memory/edition.h"
#include "shm/memory/segment.h"

static struct segment seg;
static char path[64];

static void write_file(const char *text)
{
    char fresh[80];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(fresh, path), 0);
}

static uint32_t price(void)
{
    struct prices_tariff t;
    prices_find(STR("house.model"), STR("us-east-1"), &t);
    return t.rates.input;
}

static void test_file_is_read_when_it_changes_and_a_bad_one_changes_nothing(void **state)
{
    (void)state;
    struct err err;
    struct config c = {.catalogue_file = path};
    struct models_watch w;
    snprintf(path, sizeof path, "/tmp/models-watch-%d.tsv", (int)getpid());
    assert_int_equal(segment_create(&seg, 1, 16, &err), STATUS_OK);
    models_watch_begin(&w, &c, &seg); /* there is none yet */
    assert_int_equal(edition_number(&seg), 0);
    write_file("id\tin\tout\nhouse.model\t1\t2\n");
    models_watch_tick(&w, false);
    assert_int_equal(edition_number(&seg), 1);
    assert_int_equal(price(), 1000000);
    models_watch_tick(&w, false);
    assert_int_equal(edition_number(&seg), 1);
    write_file("id\tin\tout\nhouse.model\tcheap\t2\n");
    models_watch_tick(&w, false);
    models_watch_tick(&w, false);
    assert_int_equal(edition_number(&seg), 1);
    assert_int_equal(price(), 1000000);
    write_file("id\tin\tout\nhouse.model\t3\t2\n");
    models_watch_tick(&w, false);
    assert_int_equal(edition_number(&seg), 2);
    assert_int_equal(price(), 3000000);
    models_watch_tick(&w, true); /* SIGHUP */
    assert_int_equal(edition_number(&seg), 3);
    unlink(path);
    models_watch_tick(&w, false); /* away for a moment: it stays */
    assert_int_equal(price(), 3000000);
    c.catalogue_file = ""; /* a reload without it: a successor publishes the built-in table */
    models_watch_begin(&w, &c, &seg);
    assert_int_equal(edition_number(&seg), 4);
    assert_int_equal(price(), 0);
    segment_drop(&seg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_read_when_it_changes_and_a_bad_one_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
