#include "master/cli/key_find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define TAIL "8899aabbccddeeff00112233445566778899aabbccddeeff00112233"

/* Two digests with the same first eight digits, and one in clear. */
static const struct keystore_row rows[] = {
    {.id = "sha256:00112233" TAIL, .name = "one"},
    {.id = "sha256:00112233"
           "0099aabbccddeeff00112233445566778899aabbccddeeff00112233",
     .name = "two"},
    {.id = "sk-old", .name = "clear"},
    {.id = "sha256:short", .name = "nobody's"},
};
static enum status scan_result;

static enum status scan(struct keystore *k, bool (*fn)(void *ctx, const struct keystore_row *row),
                        void *ctx, struct err *err)
{
    (void)k;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && fn(ctx, &rows[i]); i++) {
    }
    return scan_result == STATUS_OK ? STATUS_OK : err_set(err, scan_result, "gone");
}

static const struct keystore_ops ops = {.name = "fake", .scan = scan};
static struct keystore store = {.ops = &ops};

static enum status find(const char *argument, struct key_find *f, struct err *err)
{
    struct options o = {.rest = {argument}, .rest_count = 1};
    enum status status = key_find_read(&o, false, f, err);
    return status == STATUS_OK ? key_find_run(&store, f, err) : status;
}

static void test_find_by_argument_as_listed(void **state)
{
    (void)state;
    char clear[KEYSTORE_ID_MAX + 1];
    keystore_hash_id(STR("sk-old"), clear);
    const struct {
        const char *argument, *name;
        enum status status;
    } cases[] = {
        {"0011223388", "one", STATUS_OK},   {"sha256:00112233" TAIL, "one", STATUS_OK},
        {"0011223300", "two", STATUS_OK},   {clear, "clear", STATUS_OK},
        {"00112233", "", STATUS_INVALID}, /* both */
        {"ffffffff", "", STATUS_NOT_FOUND}, {"0011223", "", STATUS_INVALID},
        {"0011223G", "", STATUS_INVALID},   {"sk-old", "", STATUS_INVALID},
        {"", "", STATUS_INVALID},
    };
    scan_result = STATUS_OK;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct key_find f = {.matches = 0};
        struct err err;
        enum status status = find(cases[i].argument, &f, &err);
        if (status != cases[i].status ||
            (status == STATUS_OK && strcmp(f.found.name, cases[i].name) != 0)) {
            fail_msg("\"%s\": %d", cases[i].argument, (int)status);
        }
    }
}

static void test_find_store_trouble_is_told(void **state)
{
    (void)state;
    struct key_find f = {.matches = 0};
    struct err err;
    scan_result = STATUS_UNAVAILABLE;
    assert_int_equal(find("0011223388", &f, &err), STATUS_UNAVAILABLE);
    assert_string_equal(err.text, "gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_by_argument_as_listed),
        cmocka_unit_test(test_find_store_trouble_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
