#include "server/aws/creds_local.h"

#include "tests/unit/creds_case.h"

static void test_clean_refuses_what_breaks_a_header(void **state)
{
    (void)state;
    assert_true(creds_local_clean(STR("aZ09/+=~!"), 9));
    assert_false(creds_local_clean(STR("aZ09/+=~!"), 8));
    assert_false(creds_local_clean(STR(""), 8));
    assert_false(creds_local_clean(STR("a b"), 8));
    assert_false(creds_local_clean(STR("a\n"), 8));
    assert_false(creds_local_clean(STR("a\x7f"), 8));
    assert_false(creds_local_clean(STR("\xc3\xa9"), 8));
}

static void test_file_read_tells_missing_from_bad(void **state)
{
    struct stage *s = *state;
    struct buf b;
    buf_init(&b, 100);
    stage_write(s, "token", "12345");
    assert_int_equal(creds_local_read(stage_path(s, "token"), 5, &b), CREDS_LOCAL_READ);
    assert_true(text_eq(buf_str(&b), STR("12345")));
    assert_int_equal(creds_local_read(stage_path(s, "token"), 4, &b), CREDS_LOCAL_BAD);
    assert_int_equal(creds_local_read(stage_path(s, "nothing"), 5, &b), CREDS_LOCAL_MISSING);
    assert_int_equal(creds_local_read(s->dir, 1 << 20, &b), CREDS_LOCAL_BAD);
    assert_int_equal(creds_local_read("/dev/zero", 5, &b), CREDS_LOCAL_BAD);
    creds_local_wipe(&b);
    assert_int_equal(buf_len(&b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_refuses_what_breaks_a_header),
        STAGE_TEST(test_file_read_tells_missing_from_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
