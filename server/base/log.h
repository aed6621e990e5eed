/*
 * log.h - one line, one write(2) to stdout, never blocking: when the pipe is full the line is
 * dropped and counted. A line has at most 4096 bytes (PIPE_BUF), so lines of many processes never
 * mix. JSON (LOG_FORMAT=json, the default when stdout is not a terminal) or text.
 *
 * All bytes below 0x20, 0x7f and invalid UTF-8 are escaped, so no value can forge a line. Values
 * that are keys, prompts or bodies are never passed in: that is the caller's duty (key ids, digests
 * only). Each process sets its name once after fork.
 */
#ifndef SERVER_BASE_LOG_H
#define SERVER_BASE_LOG_H

#include "server/base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field { /* one extra member of the line */
    const char *name;
    /* LOG_MS: value_int is in microseconds, printed as milliseconds with 3 decimals */
    enum { LOG_STR, LOG_INT, LOG_MS, LOG_BOOL } kind;
    struct str value;
    int64_t value_int;
};

void log_init(enum log_level level, enum log_format format, const char *process);
void log_process(const char *name); /* "worker 2": kept, max 23 characters */
void log_level_set(enum log_level level);
void log_to(int fd); /* instead of stdout: stderr for subcommands that print, a pipe for tests */
/* A value of LOG_LEVEL: debug, info, warn, error, off, or an older tool's trace,
 * warning, critical. */
bool log_level_parse(struct str word, enum log_level *level_out);
bool log_on(enum log_level level);

/* event: a short fixed word ("start", "upstream"); the rest is a sentence for people. */
void log_line(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void log_fields(enum log_level level, const char *event, const struct log_field *fields, size_t n);
uint64_t log_dropped(void); /* lines this process could not write */

#endif
