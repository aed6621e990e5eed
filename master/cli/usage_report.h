/*
 * usage_report.h - the subcommand `usage`: what was used, by key, model or day.
 */
#ifndef MASTER_CLI_USAGE_REPORT_H
#define MASTER_CLI_USAGE_REPORT_H

int usage_report_run(int argc, char **argv);

#endif
