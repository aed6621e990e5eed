/*
 * golden_file.h - for tests: the files of a golden pair.
 */
#ifndef TESTS_UNIT_GOLDEN_FILE_H
#define TESTS_UNIT_GOLDEN_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "server/base/arena.h"
#include "server/base/text.h"

#define GOLDEN_FILE_MAX ((size_t)4 << 20)

/* The file without the line end it closes with; p NULL when there is none. */
static struct str golden_read(const char *stem, const char *ending)
{
    char path[300];
    snprintf(path, sizeof path, "%s%s", stem, ending);
    FILE *f = fopen(path, "rb");
    if (!f)
        return (struct str){NULL, 0};
    char *bytes = heap_new(GOLDEN_FILE_MAX);
    assert_non_null(bytes);
    size_t n = fread(bytes, 1, GOLDEN_FILE_MAX, f);
    fclose(f);
    while (n > 0 && bytes[n - 1] == '\n')
        n--;
    return (struct str){bytes, n};
}

static void golden_drop(struct str text)
{
    heap_drop((void *)(uintptr_t)text.p);
}

#endif
