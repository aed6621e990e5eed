/*
 * usage_report.h - the subcommand `usage`: what was used, by key, model or day.
 */
#ifndef MASTER_BILL_USAGE_REPORT_H
#define MASTER_BILL_USAGE_REPORT_H

#include "master/cli/commands.h"

int usage_report_run(int argc, char **argv);
extern const struct commands_about usage_report_about;

#endif
