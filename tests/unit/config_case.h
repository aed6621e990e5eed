/*
 * config_case.h - the stage of the test_config*.c programs: an environment without any setting, and
 * a file for what .env says.
 */
#ifndef TESTS_UNIT_CONFIG_CASE_H
#define TESTS_UNIT_CONFIG_CASE_H

#include "server/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct {
    const char *name, *alias, *dflt, *doc;
    bool secret;
} settings[] = {
#define ROW_TEXT(field, name, alias, class, when, dflt, secret, doc) \
    {name, alias, dflt, doc, secret},
#define ROW_URL(field, name, alias, class, when, dflt, doc) {name, alias, dflt, doc, false},
#define ROW_CHOICE(field, name, alias, class, when, dflt, choices, doc) \
    {name, alias, dflt, doc, false},
#define ROW_BOOL(field, name, alias, class, when, dflt, doc) {name, alias, #dflt, doc, false},
#define ROW_INT(field, name, alias, class, when, dflt, min, max, doc) \
    {name, alias, #dflt, doc, false},
    CONFIG_TABLE(ROW_TEXT, ROW_URL, ROW_CHOICE, ROW_BOOL, ROW_INT)};

#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

static char file_path[] = "/tmp/test_config_XXXXXX";

/* Each test begins without any setting in the environment, with an empty file. */
__attribute__((unused)) static int begin(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        unsetenv(settings[i].name);
        if (settings[i].alias[0]) {
            unsetenv(settings[i].alias);
        }
    }
    unsetenv("AWS_ACCESS_KEY_ID");
    memcpy(strrchr(file_path, '_'), "_XXXXXX", 7);
    int fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

__attribute__((unused)) static int end(void **state)
{
    (void)state;
    return unlink(file_path);
}

__attribute__((unused)) static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

__attribute__((unused)) static void load(struct config *c)
{
    struct err err = {0};
    if (config_load(c, file_path, NULL, 0, &err) != STATUS_OK) {
        fail_msg("%s", err.text);
    }
}

/* What config_print writes, NUL-terminated; the caller frees. */
__attribute__((unused)) static char *printed(const struct config *c, enum config_print form)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    config_print(c, form, out);
    fclose(out);
    return text;
}

__attribute__((unused)) static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
