/*
 * commands.h - the subcommands, one function each, and what they share. Each gets the arguments
 * after its name, and returns the exit code: 0 done, 1 the store or the machine failed, 2 wrong
 * usage or configuration.
 */
#ifndef MASTER_CLI_COMMANDS_H
#define MASTER_CLI_COMMANDS_H

#include "master/cli/options.h"
#include "server/config/config.h"

enum { COMMANDS_OK = 0, COMMANDS_FAILED = 1, COMMANDS_USAGE = 2 };

/* What a subcommand is, for its parsing, its --help and `docs commands`. */
struct commands_about {
    const char *name, *arguments, *text;
    const struct option_row *rows;
    size_t row_count;
};

struct commands_row { /* of the table in main.c */
    const char *name; /* '_' and '-' are the same */
    int (*run)(int argc, char **argv);
    const char *help;
    const struct commands_about *about;
};

int commands_check_config(int argc, char **argv);
int commands_version(int argc, char **argv);
extern const struct commands_about commands_check_about, commands_version_about;

/* False when there is nothing to go on with: --help was printed (*exit_out 0) or the usage is
 * wrong. */
bool commands_begin(const struct commands_about *about, int argc, char **argv, struct options *o,
                    int *exit_out);
/* One line on stderr. Returns COMMANDS_USAGE for STATUS_INVALID, else COMMANDS_FAILED. */
int commands_complain(const char *name, const struct err *err);
/* "text" (or NULL) and "json". */
MUST_CHECK enum status commands_output(const char *word, bool *json_out, struct err *err);
/* config_load with the overrides whose value is not NULL; log lines then go to stderr. */
MUST_CHECK enum status commands_config(struct config *c, const char *env_file,
                                       const struct config_override *overrides, size_t n,
                                       struct err *err);
/* Text that others have stored: what could steer a terminal is shown as '?'. Filled up with blanks
 * to width characters and one more; width 0: not. */
void commands_print_safe(struct str text, size_t width);
/* The same as a field of CSV, quoted. */
void commands_print_csv(struct str text);
/* LOG_LEVEL and LOG_FORMAT of *c take effect. */
void commands_log(const struct config *c, const char *process);

#endif
