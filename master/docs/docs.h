/*
 * docs.h - the subcommand docs: the program's own tables (settings, routes, metrics, commands) as
 * Markdown for the READMEs, or as JSON for scripts; and what is made of them, the manual page
 * (manual.h) and completions (completion.h). It reads no settings and touches nothing.
 */
#ifndef MASTER_DOCS_DOCS_H
#define MASTER_DOCS_DOCS_H

#include "master/cli/commands.h"

/* The commands are main's, which knows them all. */
int docs_run(const struct commands_row *commands, size_t n, int argc, char **argv);
extern const struct commands_about docs_about;

#endif
