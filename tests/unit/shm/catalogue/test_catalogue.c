#include "shm/catalogue/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "shm/catalogue/catalogue_builtin.h"
#include "shm/catalogue/catalogue_cell.h"

static char path[] = "/tmp/catalogue-XXXXXX";

static const char *write_file(const char *text)
{
    snprintf(path, sizeof path, "/tmp/catalogue-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static bool is(const char *id, enum catalogue_column column, const char *want)
{
    const struct catalogue_row *row = catalogue_find(text_from(id));
    struct buf b;
    buf_init(&b, 4096);
    catalogue_cell_put(&b, catalogue_now(), row, column);
    bool same = text_eq(buf_str(&b), text_from(want));
    buf_free(&b);
    return same;
}

/* Linked in as it stands in the tree, and small. */
static void test_builtin_is_sorted_and_every_row_finds_itself(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(catalogue_load(NULL, &err), STATUS_OK);
    const struct catalogue *t = catalogue_now();
    assert_true(t->rows > 140);
    assert_true(catalogue_builtin_size < 40 * 1024);
    for (uint32_t i = 0; i < t->rows; i++) {
        struct str id = catalogue_text(&t->row[i], CATALOGUE_ID);
        if (catalogue_find(id) != &t->row[i]) {
            fail_msg("%s", id.p);
        }
        if (catalogue_text(&t->row[i], CATALOGUE_SOURCE).n == 0) {
            fail_msg("%s: nobody says where it is from", id.p);
        }
    }
    printf("models: %u rows, %zu bytes linked in, %u bytes of text in memory\n", t->rows,
           catalogue_builtin_size, t->pool_used);
}

static void test_find_longest_beginning_wins(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"us.anthropic.claude-opus-5-5", "anthropic.claude-opus-5-5"},
        {"anthropic.claude-opus-5", "anthropic.claude-opus-5"},
        {"anthropic.claude-opus-5-20270101-v1:0", "anthropic.claude-opus-5"},
        {"anthropic.claude-opus-7", "anthropic.claude-opus-"},
        {"anthropic.claude-zeta", "anthropic.claude-"},
        {"openai.gpt-5.6-sol", "openai.gpt-5.6-sol"},
        {"openai.gpt-5.7", "openai.gpt-"},
        {"openai.gpt-oss-200b", "openai.gpt-oss"},
        {"arn:aws:bedrock:us-west-2:1:custom-model/anthropic.claude-3-haiku-20240307-v1:0/x",
         "anthropic.claude-3-haiku-20240307-v1:0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct catalogue_row *row = catalogue_find(text_from(rows[i][0]));
        if (!row || !text_eq(catalogue_text(row, CATALOGUE_ID), text_from(rows[i][1]))) {
            fail_msg("%s: %s", rows[i][0], row ? catalogue_text(row, CATALOGUE_ID).p : "none");
        }
    }
}

static void test_named_finds_the_row_of_a_client_s_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"},
        {"gpt-4o", "anthropic.claude-sonnet-4-6"},
        {"haiku", "anthropic.claude-haiku-5-5"},
        {"o1", "anthropic.claude-opus-4-7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct catalogue_row *row = catalogue_named(text_from(rows[i][0]));
        if (!row || !text_eq(catalogue_text(row, CATALOGUE_ID), text_from(rows[i][1]))) {
            fail_msg("%s", rows[i][0]);
        }
    }
    assert_null(catalogue_named(STR("o2")));
    assert_null(catalogue_named(STR("")));
    assert_null(catalogue_named(STR("claude-sonnet-4-")));
}

/* A cell that is filled changes that cell, an empty one leaves it; "-" takes it away. */
static void test_load_file_changes_the_cells_that_it_fills(void **state)
{
    (void)state;
    struct err err;
    const char *file = write_file("# ours\n"
                                  "id\tin\tout\tcache_read\tsource\tcontext\n"
                                  "anthropic.claude-opus-4-8\t4.5\t\t-\tour contract\t\n"
                                  "house.model\t1\t2\t\t\t64000\r\n"
                                  "zz.last\t1\t2\n"
                                  "aa.first\t1\t2\n");
    assert_int_equal(catalogue_load(file, &err), STATUS_OK);
    unlink(file);
    assert_true(is("anthropic.claude-opus-4-8", CATALOGUE_IN, "4.5"));
    assert_true(is("us.anthropic.claude-opus-4-8", CATALOGUE_OUT, "25"));
    assert_true(is("anthropic.claude-opus-4-8", CATALOGUE_CACHE_READ, ""));
    assert_true(is("anthropic.claude-opus-4-8", CATALOGUE_SOURCE, "our contract"));
    assert_true(is("anthropic.claude-opus-4-8", CATALOGUE_CONTEXT, "1000000"));
    assert_true(is("house.model-2", CATALOGUE_CONTEXT, "64000"));
    assert_true(catalogue_find(STR("house.model"))->from_file);
    assert_false(catalogue_find(STR("zai.glm-5"))->from_file);
    assert_true(is("aa.first", CATALOGUE_IN, "1") && is("zz.last", CATALOGUE_OUT, "2"));
    assert_int_equal(catalogue_load(NULL, &err), STATUS_OK);
    assert_true(is("anthropic.claude-opus-4-8", CATALOGUE_IN, "5"));
}

static void test_load_bad_file_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", ":1:1 there is no line that names the columns"},
        {"name\tin\nx\t1\n", ":1:1 the first line must name the column id"},
        {"id\tprice\n", ":1:2 the first line must name columns, each once"},
        {"id\tin\tin\n", ":1:3 the first line must name columns, each once"},
        {"{\"claude\": {\"input_cost_per_token\": 1}}\n", ":1:1 the first line"},
        {"id\tin\n# a comment\nx.y\t3,5\n", ":3:2 in: dollars"},
        {"id\tin\nx.y\t3\t4\n", ":2:3 more cells than columns"},
        {"id\tin\n\t3\n", ":2:1 id: it is needed"},
        {"in\tid\n3\tus.x.y\n", ":2:2 id: without the prefix of a region"},
        {"in\tid\n3\tx y\n", ":2:2 id: letters, digits and ._:/- only"},
        {"id\nx.y\xe2\x80\x93z\n", ":2:1 id: letters, digits and ._:/- only"},
        {"id\tin\tlong_in\nx.y\t1\t2\n", ":2:3 a price above long_from, which is not said"},
        {"id\tin\tlong_from\tlong_out\nx.y\t1\t-\t2\n", ":2:4 a price above long_from"},
        {"id\tlong_from\nx.y\t500\n", ":2:2 long_from: whole thousands are needed"},
        {"id\tlong_from\nx.y\t70000000\n", ":2:2 long_from: whole thousands are needed"},
        {"id\tfamily\nx.y\ta b\n", ":2:2 family: one word of letters, digits and ._- is"},
        {"id\tefforts\nx.y\tlow high\n", ":2:2 efforts: words of letters, digits and ._- with"},
        {"id\ttakes\nx.y\ttools,teleport\n", ":2:2 takes: no such ability: teleport"},
        {"id\tstatus\nx.y\tgone\n", ":2:2 status: active, legacy"},
        {"id\tname\nx.y\ta\x01\n", ":2:2 a control character"},
        {"id\tname\nx.y\t\xff\n", ":1:1 not UTF-8 text"},
        {"id\tnames\nx.y\thaiku\n", ":2:2 names: the name haiku stands in two rows"},
        {"names\tid\na,b\tx.y\nc,a\tx.b\n", ":3:1 names: the name a stands in two rows"},
        {"id\tin\tnames\nx.y\t1\ta,,b\n", ":2:3 names: an empty one"},
        {"id\tstatus\nx.y\tretired 2027-13-01\n", ":2:2 status: active, legacy"},
        {"id\tstatus\nx.y\tretired 2027-02-29\n", ":2:2 status: active, legacy"},
        {"id\tstatus\nx.y\tlegacy 2027-00-10\n", ":2:2 status: active, legacy"},
    };
    const struct catalogue *before = catalogue_now();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err;
        const char *file = write_file(rows[i].text);
        enum status st = catalogue_load(file, &err);
        unlink(file);
        if (st != STATUS_INVALID || !strstr(err.text, rows[i].says)) {
            fail_msg("%zu: %s", i, st == STATUS_OK ? "taken" : err.text);
        }
        assert_ptr_equal(catalogue_now(), before);
        assert_true(is("zai.glm-5", CATALOGUE_IN, "1"));
    }
    struct err err;
    assert_int_equal(catalogue_load("/nowhere/models.tsv", &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "/nowhere/models.tsv"));
}

static void test_load_more_rows_than_there_is_room_for_is_refused(void **state)
{
    (void)state;
    struct buf b;
    struct err err;
    buf_init(&b, 1 << 20);
    buf_printf(&b, "id\tin\tout\n");
    for (int i = 0; i < 1100; i++) {
        buf_printf(&b, "x.m%04d\t1\t1\n", i);
    }
    buf_put_char(&b, '\0');
    const char *file = write_file(buf_str(&b).p);
    assert_int_equal(catalogue_load(file, &err), STATUS_INVALID);
    assert_non_null(strstr(err.text, "too many rows"));
    unlink(file);
    buf_free(&b);
}

/* Also one that never ends. */
static void test_load_too_large_a_file_is_refused(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(catalogue_load("/dev/zero", &err), STATUS_INVALID);
    assert_string_equal(err.text, "/dev/zero: too large");
}

static void test_status_is_taken_apart(void **state)
{
    (void)state;
    struct catalogue_status s;
    catalogue_status(catalogue_find(STR("anthropic.claude-sonnet-4-20250514-v1:0")), &s);
    assert_int_equal(s.state, CATALOGUE_RETIRED);
    assert_true(text_eq(s.date, STR("2026-10-14")));
    assert_true(text_eq(s.use, STR("anthropic.claude-sonnet-5")));
    catalogue_status(catalogue_find(STR("zai.glm-5")), &s);
    assert_int_equal(s.state, CATALOGUE_ACTIVE);
    assert_true(s.date.n == 0 && s.use.n == 0);
    catalogue_status(catalogue_find(STR("anthropic.claude-opus-4-1-20250805-v1:0")), &s);
    assert_int_equal(s.state, CATALOGUE_LEGACY);
}

/* The figure is for the reader of the log; the limit is wide, for sanitized and busy machines. */
static void test_find_is_fast(void **state)
{
    (void)state;
    const struct catalogue *t = catalogue_now();
    struct timespec a, b;
    enum { ROUNDS = 200 };
    uint64_t found = 0;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int r = 0; r < ROUNDS; r++) {
        for (uint32_t i = 0; i < t->rows; i++) {
            found += catalogue_find(catalogue_text(&t->row[i], CATALOGUE_ID)) != NULL;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
    assert_int_equal(found, (uint64_t)ROUNDS * t->rows);
    printf("catalogue_find: %.0f ns\n", ns / (double)found);
    assert_true(ns / (double)found < 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_is_sorted_and_every_row_finds_itself),
        cmocka_unit_test(test_find_longest_beginning_wins),
        cmocka_unit_test(test_named_finds_the_row_of_a_client_s_name),
        cmocka_unit_test(test_load_file_changes_the_cells_that_it_fills),
        cmocka_unit_test(test_load_bad_file_is_refused_with_its_place),
        cmocka_unit_test(test_load_more_rows_than_there_is_room_for_is_refused),
        cmocka_unit_test(test_load_too_large_a_file_is_refused),
        cmocka_unit_test(test_status_is_taken_apart),
        cmocka_unit_test(test_find_is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
