/* endings.c: which models end within 90 days, and who names them. */
#include "worker/model/endings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/buf.h"
#include "server/base/clock.h"
#include "shm/catalogue/catalogue.h"

static char file[] = "/tmp/test_endings.XXXXXX";

static int set_up(void **state)
{
    static const char rows[] = "id\tname\tnames\tstatus\n"
                               "house.a\tA\thouse-a\tlegacy 2027-03-01 house.b\n"
                               "house.b\tB\t\tactive\n"
                               "house.c\tC\t\tlegacy\n"
                               "house.d\tD\t\tretired 2026-01-01\n";
    struct err err;
    (void)state;
    int fd = mkstemp(file);
    bool ok = fd >= 0 && write(fd, rows, sizeof rows - 1) == (ssize_t)sizeof rows - 1;
    close(fd);
    return ok && catalogue_load(file, &err) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct err err;
    (void)state;
    unlink(file);
    return catalogue_load(NULL, &err) == STATUS_OK ? 0 : -1;
}

static int64_t at(const char *day)
{
    char text[32];
    int64_t ms = 0;
    snprintf(text, sizeof text, "%sT12:00:00Z", day);
    assert_true(clock_parse_rfc3339(text_from(text), &ms));
    return ms;
}

static void test_is_near_by_day(void **state)
{
    (void)state;
    static const struct {
        const char *id, *day, *text; /* NULL: not near */
    } rows[] = {
        {"house.a", "2026-11-30", NULL},
        {"house.a", "2026-12-01", "house.a ends on 2027-03-01, in 90 days; use house.b"},
        {"us.house.a", "2027-02-28", "house.a ends on 2027-03-01, in 1 day; use house.b"},
        {"house.a", "2027-03-01", "house.a ended on 2027-03-01; use house.b"},
        {"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.house.a", "2027-02-27",
         "house.a ends on 2027-03-01, in 2 days; use house.b"},
        {"house.a-longer", "2027-02-28", NULL},
        {"house.b", "2027-02-28", NULL},
        {"house.c", "2027-02-28", NULL},
        {"house.d", "2027-02-28", "house.d ended on 2026-01-01"},
        {"nobody.x", "2027-02-28", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[ENDINGS_TEXT_MAX] = "";
        bool near = endings_is_near(text_from(rows[i].id), at(rows[i].day), text);
        if (near != (rows[i].text != NULL) || (near && strcmp(text, rows[i].text) != 0)) {
            fail_msg("%s on %s: \"%s\"", rows[i].id, rows[i].day, text);
        }
    }
}

static void add_line(void *ctx, const char *text)
{
    buf_printf(ctx, "%s|", text);
}

static void test_configured_names_the_setting(void **state)
{
    (void)state;
    struct buf told;
    buf_init(&told, 4096);
    char mapping[] = "{\"x\":\"eu.house.a\",\"y\":\"house.b\"}", name[] = "house-a", none[] = "";
    struct config c = {.model_default = name,
                       .model_opus = none,
                       .model_sonnet = none,
                       .model_haiku = none,
                       .model_mapping = mapping};
    endings_configured(&c, at("2027-02-28"), add_line, &told);
    buf_put_char(&told, '\0');
    assert_string_equal(
        buf_data(&told),
        "ANTHROPIC_DEFAULT_MODEL: house.a ends on 2027-03-01, in 1 day; use house.b|"
        "DEFAULT_MODEL_MAPPING, x: house.a ends on 2027-03-01, in 1 day; use house.b|");
    buf_free(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_near_by_day),
        cmocka_unit_test(test_configured_names_the_setting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
