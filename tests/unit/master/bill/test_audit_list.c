#include "master/bill/audit_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct keystore_audit rows[] = {
    {1700000002000, "0123abcd", "reset-spend", "2023-11", 12500000, 0},
    {1700000001000, "", "a\"b\x1b", "", 1, 2},
};
static size_t row_count;

static enum status give(struct keystore *k, int64_t from_ms, int64_t to_ms,
                        bool (*fn)(void *ctx, const struct keystore_audit *row), void *ctx,
                        struct err *err)
{
    (void)k, (void)err;
    assert_int_equal(from_ms, 5);
    assert_int_equal(to_ms, 6);
    for (size_t i = 0; i < row_count; i++) {
        assert_true(fn(ctx, &rows[i]));
    }
    return STATUS_OK;
}

static const struct keystore_bill_ops bill = {.audit = give};
static const struct keystore_ops ops = {.name = "fake", .bill = &bill}, none = {.name = "bare"};

/* What is printed, NUL-terminated. */
static void listing(enum audit_list_form form, char *out, size_t size)
{
    struct keystore store = {.ops = &ops};
    struct err err;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int real = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    enum status st = audit_list_run(&store, 5, 6, form, &err);
    fflush(stdout);
    dup2(real, STDOUT_FILENO);
    close(real);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
    assert_int_equal(st, STATUS_OK);
}

static void test_rows_in_every_form(void **state)
{
    static const struct {
        enum audit_list_form form;
        size_t rows;
        const char *text;
    } forms[] = {
        {AUDIT_LIST_CSV, 2,
         "at,key,action,month,before_usd,after_usd\n"
         "2023-11-14T22:13:21.000Z,-,a?b?,-,0.000001,0.000002\n"
         "2023-11-14T22:13:22.000Z,0123abcd,reset-spend,2023-11,12.500000,0.000000\n"},
        {AUDIT_LIST_JSON, 1,
         "[{\"at\":\"2023-11-14T22:13:22.000Z\",\"key\":\"0123abcd\",\"action\":\"reset-spend\","
         "\"month\":\"2023-11\",\"before_usd\":12.500000,\"after_usd\":0.000000}]\n"},
        {AUDIT_LIST_JSON, 0, "[]\n"},
        {AUDIT_LIST_TEXT, 0, "nothing was done by hand in that time\n"},
    };
    char got[1000];
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        row_count = forms[i].rows;
        listing(forms[i].form, got, sizeof got);
        assert_string_equal(got, forms[i].text);
    }
}

static void test_store_without_one_says_so(void **state)
{
    struct keystore store = {.ops = &none};
    struct err err;
    (void)state;
    assert_int_equal(audit_list_run(&store, 0, 1, AUDIT_LIST_TEXT, &err), STATUS_NOT_SUPPORTED);
    assert_string_equal(err.text, "the bare store keeps no audit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_in_every_form),
        cmocka_unit_test(test_store_without_one_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
