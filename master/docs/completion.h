/*
 * completion.h - what bash and zsh need to complete a command line of ours, from the tables of the
 * options: commands, options, and the words that an option or a command takes.
 */
#ifndef MASTER_DOCS_COMPLETION_H
#define MASTER_DOCS_COMPLETION_H

#include "master/cli/commands.h"
#include "server/base/buf.h"

/* Appends the script. bash: for /usr/share/bash-completion/completions, needs nothing but bash 3.2.
 * zsh: a function file "_llm-api-converter" for a folder of fpath. */
void completion_bash(const struct commands_row *commands, size_t n, struct buf *out);
void completion_zsh(const struct commands_row *commands, size_t n, struct buf *out);

#endif
