/*
 * ending_case.h - a table of models of which some end.
 */
#ifndef TESTS_UNIT_ENDING_CASE_H
#define TESTS_UNIT_ENDING_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "shm/catalogue/catalogue.h"

static char file[] = "/tmp/test_ending.XXXXXX";

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

#endif
