/*
 * manual.h - the manual page, section 8, from the tables of the program: its commands with their
 * options, and the settings. roff with the man macros, which man, groff and mandoc read.
 */
#ifndef MASTER_DOCS_MANUAL_H
#define MASTER_DOCS_MANUAL_H

#include "master/cli/commands.h"
#include "server/base/buf.h"

/* Appends the whole page. commands: main's, which knows them all. */
void manual_write(const struct commands_row *commands, size_t n, struct buf *out);

#endif
