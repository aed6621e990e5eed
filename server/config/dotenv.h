/*
 * dotenv.h - reads a .env file: KEY=VALUE lines, "export " allowed, # comments, quotes.
 *
 * In '...' every character is itself; in "..." \n, \t, \r, \" and \\ are understood; an unquoted
 * value ends before " #". $NAME is not expanded. Values are secrets: messages name the line, never
 * its contents.
 */
#ifndef SERVER_CONFIG_DOTENV_H
#define SERVER_CONFIG_DOTENV_H

#include "server/base/err.h"
#include "server/base/text.h"

struct dotenv_sink {
    void (*fn)(void *ctx, struct str name, struct str value);
    void *ctx;
};

/* Calls sink.fn for each line in order; both spans end with the call. A missing file is an error
 * only if required. Lines before a bad one have been reported when it fails. */
MUST_CHECK enum status dotenv_read(const char *path, bool required, struct dotenv_sink sink,
                                   struct err *err);
/* The same from memory; path is for messages. Values are unquoted in place. */
MUST_CHECK enum status dotenv_parse(char *text, size_t n, const char *path, struct dotenv_sink sink,
                                    struct err *err);

#endif
