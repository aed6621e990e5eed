#include "server/config/config_docs.h"

#include <inttypes.h>
#include <string.h>

static const struct config_docs_row rows[] = {
#define MARKS(class, when) CONFIG_##class, CONFIG_##when
#define ROW_TEXT(field, name, alias, class, when, dflt, secret, doc) \
    {name, alias, "text", MARKS(class, when), dflt, "", 0, 0, secret, doc},
#define ROW_URL(field, name, alias, class, when, dflt, doc) \
    {name, alias, "url", MARKS(class, when), dflt, "", 0, 0, false, doc},
#define ROW_CHOICE(field, name, alias, class, when, dflt, choices, doc) \
    {name, alias, "choice", MARKS(class, when), dflt, choices, 0, 0, false, doc},
#define ROW_BOOL(field, name, alias, class, when, dflt, doc) \
    {name, alias, "boolean", MARKS(class, when), (dflt) ? "true" : "false", "", 0, 0, false, doc},
#define ROW_INT(field, name, alias, class, when, dflt, min, max, doc) \
    {name, alias, "number", MARKS(class, when), #dflt, "", min, max, false, doc},
    CONFIG_TABLE(ROW_TEXT, ROW_URL, ROW_CHOICE, ROW_BOOL, ROW_INT)};

const struct config_docs_row *config_docs_row(size_t i)
{
    return i < COUNT_OF(rows) ? &rows[i] : NULL;
}

/* --- Markdown ------------------------------------------------------------------------------ */

void config_docs_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') {
            buf_put_char(out, '\\');
        }
        buf_put_char(out, *text);
    }
}

static void put_range(struct buf *out, const struct config_docs_row *r)
{
    struct str rest = r->choices[0] ? text_from(r->choices) : (struct str){NULL, 0}, piece;
    const char *comma = " (";
    if (strcmp(r->type, "number") == 0) {
        buf_printf(out, " (%" PRId64 " to %" PRId64 ")", r->min, r->max);
    }
    while (text_split(&rest, '|', &piece)) {
        buf_printf(out, "%s%.*s", comma, STR_ARG(piece));
        comma = ", ";
    }
    buf_put_str(out, r->choices[0] ? STR(")") : STR(""));
}

static void put_row(struct buf *out, const struct config_docs_row *r)
{
    const char *tick = r->dflt[0] ? "`" : "";
    buf_printf(out, "| `%s` | %s%s%s | ", r->name, tick, r->dflt, tick);
    config_docs_cell(out, r->meaning);
    put_range(out, r);
    if (r->alias[0]) {
        buf_printf(out, "; also `%s`", r->alias);
    }
    buf_put_str(out, r->when == CONFIG_RESTART ? STR("; takes a restart |\n") : STR(" |\n"));
}

void config_docs_markdown(struct buf *out, enum config_class class)
{
    const struct config_docs_row *r;
    BUF_LIT(out, "| Variable | Default | Meaning |\n|---|---|---|\n");
    for (size_t i = 0; (r = config_docs_row(i)) != NULL; i++) {
        if (r->class == class) {
            put_row(out, r);
        }
    }
}

void config_docs_settings(struct buf *out)
{
    config_docs_markdown(out, CONFIG_BASIC);
    BUF_LIT(out, "\nFor tuning:\n\n");
    config_docs_markdown(out, CONFIG_TUNING);
}
