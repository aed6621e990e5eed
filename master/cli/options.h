/*
 * options.h - command-line options from a table: one row an option, which also prints --help.
 *
 * "--rate-limit 5", "--rate-limit=5", "--rate_limit 5" and "-l5" are the same: the older tools used
 * both spellings. "--" ends the options. Values point into argv.
 */
#ifndef MASTER_CLI_OPTIONS_H
#define MASTER_CLI_OPTIONS_H

#include <stdio.h>

#include "server/base/err.h"
#include "server/base/text.h"

struct option_row {
    char letter;         /* 0: none */
    const char *name;    /* with '-' */
    const char *metavar; /* NULL: takes no value */
    const char *help;    /* NULL: works, but is not listed */
};

#define OPTIONS_MAX      24
#define OPTIONS_REST_MAX 2

struct options {
    const char *value[OPTIONS_MAX]; /* by row; a flag that was given is "" */
    const char *rest[OPTIONS_REST_MAX];
    size_t rest_count;
    bool help; /* -h or --help, which every table has */
};

/* INVALID: one line that names the argument. argv starts after the subcommand. */
MUST_CHECK enum status options_parse(const struct option_row *rows, size_t n, int argc, char **argv,
                                     struct options *out, struct err *err);
void options_print(const struct option_row *rows, size_t n, FILE *out);
/* True when `given` is `name`, '_' and '-' being the same. */
bool options_same(struct str given, const char *name);

#endif
