/*
 * config_docs.h - what is to be said of each setting: config.h's table once more, for print.
 * Without values, so nothing here is secret. Any process.
 */
#ifndef SERVER_BASE_CONFIG_DOCS_H
#define SERVER_BASE_CONFIG_DOCS_H

#include "server/base/buf.h"
#include "server/config/config.h"

struct config_docs_row {
    const char *name;
    const char *alias; /* "" for none */
    const char *type;  /* text, url, choice, boolean or number */
    enum config_class class;
    enum config_when when;
    const char *dflt;    /* "" for none */
    const char *choices; /* "a|b|c" of a choice, else "" */
    int64_t min, max;    /* of a number */
    bool secret;         /* no print shows its value */
    const char *meaning;
};

/* In the table's order; NULL behind the last. */
const struct config_docs_row *config_docs_row(size_t i);

/* The settings of one class as a table in Markdown. */
void config_docs_markdown(struct buf *out, enum config_class class);
void config_docs_settings(struct buf *out); /* both classes, a table each */
/* Text as a cell of such a table: a '|' would end it, in code as well. */
void config_docs_cell(struct buf *out, const char *text);

#endif
