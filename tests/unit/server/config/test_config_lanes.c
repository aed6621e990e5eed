#include "server/config/config_lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define ROLE "arn:aws:iam::210987654321:role/team/gate=way@x"

static void test_read_takes_regions_roles_and_addresses_apart(void **state)
{
    (void)state;
    struct config_lanes l;
    struct err err;
    struct str list = STR("us-west-2, us-east-1=http://127.0.0.1:99/x ,eu-central-1@" ROLE
                          ",ap-south-1@" ROLE "=https://vpce.example");
    assert_int_equal(config_lanes_read(list, &l, &err), STATUS_OK);
    assert_int_equal(l.n, 4);
    static const char *const rows[][5] = {
        {"us-west-2", "", "", "", "us-west-2"},
        {"us-east-1", "", "", "http://127.0.0.1:99/x", "us-east-1"},
        {"eu-central-1", "210987654321", ROLE, "", "eu-central-1@210987654321"},
        {"ap-south-1", "210987654321", ROLE, "https://vpce.example", "ap-south-1@210987654321"},
    };
    for (size_t i = 0; i < 4; i++) {
        const struct config_lane *lane = &l.lane[i];
        assert_string_equal(lane->region, rows[i][0]);
        assert_string_equal(lane->account, rows[i][1]);
        assert_true(text_eq(lane->role, text_from(rows[i][2])));
        assert_true(text_eq(lane->url, text_from(rows[i][3])));
        assert_string_equal(lane->name, rows[i][4]);
    }
    assert_int_equal(config_lanes_read(STR(""), &l, &err), STATUS_OK);
    assert_int_equal(l.n, 0);
}

static void test_read_refuses_by_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"us-west-2,", ""}, /* a comma too many is none */
        {"us-west-2,,us-east-1", "does not begin with a region"},
        {"west", "does not begin with a region"},
        {"US-WEST-2", "does not begin with a region"},
        {"us-west-2/x", "does not begin with a region"},
        {"us-west-", "does not begin with a region"},
        {"us-west-2-us-west-2-us-west-2-us-west-2-us", "does not begin with a region"},
        {"us-west-2@", "has no role behind"},
        {"us-west-2@arn:aws:iam::1:role/x", "has no role behind"},
        {"us-west-2@arn:aws:iam::12345678901x:role/x", "has no role behind"},
        {"us-west-2@arn:aws:iam::123456789012:user/x", "has no role behind"},
        {"us-west-2@arn:aws:iam::123456789012:role/", "has no role behind"},
        {"us-west-2@arn:aws:iam::123456789012:role/a b", "has no role behind"},
        {"us-west-2=http://", "has an unusable address"},
        {"us-west-2=http://user@host", "has an unusable address"},
        {"us-west-2=ftp://host", "does not begin with a region"},
        {"us-west-2,us-west-2", "is there twice"},
        {"us-a-1,us-a-2,us-a-3,us-a-4,us-a-5,us-a-6,us-a-7,us-a-8,us-a-9", "is the ninth lane"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config_lanes l;
        struct err err = {.code = STATUS_OK};
        enum status st = config_lanes_read(text_from(rows[i][0]), &l, &err);
        if ((st == STATUS_OK) != (rows[i][1][0] == '\0') ||
            (st != STATUS_OK && (!strstr(err.text, rows[i][1]) || st != STATUS_INVALID ||
                                 strncmp(err.text, "BEDROCK_LANES: ", 15) != 0))) {
            fail_msg("%s: %s", rows[i][0], err.text);
        }
    }
}

/* What a lane is, and not where it stands, makes its id. */
static void test_id_is_of_region_role_and_address(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "us-west-2",
        "us-west-1",
        "us-west-2=https://a.example",
        "us-west-2=https://b.example",
        "us-west-2@arn:aws:iam::123456789012:role/x",
        "us-west-2@arn:aws:iam::123456789012:role/y",
        "us-west-2@arn:aws:iam::123456789013:role/x",
        "us-west-2@arn:aws:iam::123456789012:role/x=https://a.example",
    };
    struct config_lanes l[COUNT_OF(rows)], alone, moved;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(config_lanes_read(text_from(rows[i]), &l[i], &err), STATUS_OK);
        assert_int_not_equal(l[i].lane[0].id, 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(l[i].lane[0].id, l[k].lane[0].id);
        }
    }
    assert_int_equal(config_lanes_read(STR("eu-west-1,us-west-2"), &moved, &err), STATUS_OK);
    assert_int_equal(moved.lane[1].id, l[0].lane[0].id);
    config_lanes_alone(STR("us-west-2"), &alone);
    assert_int_equal(alone.n, 0);
    assert_int_equal(alone.lane[0].id, l[0].lane[0].id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_takes_regions_roles_and_addresses_apart),
        cmocka_unit_test(test_read_refuses_by_name),
        cmocka_unit_test(test_id_is_of_region_role_and_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
