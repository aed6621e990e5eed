/* tariffs.c: a price is given again only as long as nothing that it rests on has changed. */
#include "worker/model/tariffs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "shm/catalogue/catalogue.h"
#include "shm/memory/directory.h"
#include "shm/memory/segment.h"

static struct segment segment;
static struct tariffs tariffs;

static int set_up(void **state)
{
    struct err err;
    (void)state;
    tariffs = (struct tariffs){0};
    return segment_create(&segment, 1, 64, &err) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    segment_drop(&segment);
    return 0;
}

static void publish_price(const char *id, uint64_t input)
{
    const struct price mine = {input, 2, 3, 4};
    directory_begin(&segment);
    assert_true(directory_add_price(&segment, text_from(id), &mine));
    directory_publish(&segment, 1);
}

static struct prices_tariff find(const char *id, const char *region, enum prices_source want)
{
    struct prices_tariff kept, own;
    struct str here = text_from(region);
    assert_int_equal(tariffs_find(&tariffs, &segment, text_from(id), here, &kept), want);
    assert_int_equal(tariff_find(&segment, text_from(id), here, &own), want);
    assert_memory_equal(&kept, &own, sizeof own);
    return kept;
}

static void test_second_answer_is_the_first_one(void **state)
{
    (void)state;
    static const char *const ids[] = {"us.anthropic.claude-sonnet-4-6", "house.x",
                                      "anthropic.claude-sonnet-4-5-x"};
    static const enum prices_source sources[] = {PRICES_LIST, PRICES_UNKNOWN, PRICES_FAMILY};
    for (size_t i = 0; i < 2 * COUNT_OF(ids); i++) {
        find(ids[i / 2], "us-west-2", sources[i / 2]);
    }
}

static void test_answer_is_kept_at_all(void **state)
{
    (void)state;
    struct prices_tariff got;
    find("house.x", "us-west-2", PRICES_UNKNOWN);
    for (size_t i = 0; i < TARIFFS_ROWS; i++) {
        tariffs.row[i].tariff.rates.input = 99;
    }
    tariffs_find(&tariffs, &segment, STR("house.x"), STR("us-west-2"), &got);
    assert_int_equal(got.rates.input, 99);
}

static void test_price_of_the_operator_counts_at_once(void **state)
{
    (void)state;
    find("us.anthropic.claude-sonnet-4-6", "us-west-2", PRICES_LIST);
    publish_price("anthropic.claude-sonnet-4-6", 7);
    assert_int_equal(find("us.anthropic.claude-sonnet-4-6", "us-west-2", PRICES_STORE).rates.input,
                     7);
    publish_price("anthropic.claude-sonnet-4-6", 8);
    assert_int_equal(find("us.anthropic.claude-sonnet-4-6", "us-west-2", PRICES_STORE).rates.input,
                     8);
}

static void test_another_table_counts_at_once(void **state)
{
    (void)state;
    static const char rows[] = "id\tin\tout\nanthropic.claude-sonnet-4-6\t700\t800\n";
    struct err err;
    char file[] = "/tmp/test_tariffs.XXXXXX";
    int fd = mkstemp(file);
    FILE *out = fdopen(fd, "w");
    fputs(rows, out);
    fclose(out);
    uint32_t before = find("anthropic.claude-sonnet-4-6", "us-west-2", PRICES_LIST).rates.input;
    assert_int_equal(catalogue_load(file, &err), STATUS_OK);
    uint32_t after = find("anthropic.claude-sonnet-4-6", "us-west-2", PRICES_LIST).rates.input;
    assert_int_not_equal(before, after);
    assert_int_equal(catalogue_load(NULL, &err), STATUS_OK);
    remove(file);
}

static void test_region_is_part_of_the_question(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        uint32_t plain =
            find("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-west-2", PRICES_LIST).rates.input;
        uint32_t gov =
            find("anthropic.claude-sonnet-4-5-20250929-v1:0", "us-gov-west-1", PRICES_LIST)
                .rates.input;
        assert_true(gov > plain);
    }
}

/* Too long to be kept, and more of them than there are rows. */
static void test_any_id_is_answered(void **state)
{
    (void)state;
    char id[TARIFFS_ID + 40];
    for (int round = 0; round < 2; round++) {
        for (int n = 1; n < TARIFFS_ID + 10; n++) {
            snprintf(id, sizeof id, "anthropic.claude-sonnet-4-6-%0*d", n, 7);
            find(id, "us-west-2", PRICES_FAMILY);
        }
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_second_answer_is_the_first_one),       TEST(test_answer_is_kept_at_all),
        TEST(test_price_of_the_operator_counts_at_once), TEST(test_another_table_counts_at_once),
        TEST(test_region_is_part_of_the_question),       TEST(test_any_id_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
