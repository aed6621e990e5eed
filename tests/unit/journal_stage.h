/*
 * journal_stage.h - a directory of its own for the file behind a journal, and runs that leave
 * records in it: for the tests of journal_file.c and journal_guard.c.
 */
#ifndef TESTS_UNIT_JOURNAL_STAGE_H
#define TESTS_UNIT_JOURNAL_STAGE_H

#include "shm/journal/journal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/base/clock.h"
#include "server/base/log.h"

static char directory[64], path[128];
static struct err err;

static inline int make(void **state)
{
    (void)state;
    clock_tick();
    log_level_set(LOG_OFF);
    snprintf(directory, sizeof directory, "/tmp/test_journal.XXXXXX");
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/usage.journal", directory);
    return 0;
}

static inline int drop(void **state)
{
    (void)state;
    static const char *const names[] = {"usage.journal",         "usage.journal.1",
                                        "usage.journal.2",       "usage.journal.bad",
                                        "usage.journal.bad.1",   "usage.journal.bad.2",
                                        "usage.journal.damaged", "deep/er/usage.journal"};
    char name[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, names[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s/deep/er", directory);
    rmdir(name);
    snprintf(name, sizeof name, "%s/deep", directory);
    rmdir(name);
    return rmdir(directory);
}

static inline void open_ok(struct journal *j, uint32_t workers, uint32_t records)
{
    assert_int_equal(journal_open(j, path, workers, records, &err), STATUS_OK);
    assert_false(journal_in_memory(j));
}

static inline uint32_t drain(struct journal *j)
{
    struct journal_entry batch[64];
    journal_bury(j, NULL);
    uint32_t n = journal_collect(j, batch, 64, true);
    for (uint32_t i = 0; i < n; i++) {
        journal_release(&batch[i]);
    }
    return n;
}

#endif
