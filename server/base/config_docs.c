#include "server/base/config_docs.h"

static const struct config_docs_row rows[] = {
#define ROW_TEXT(field, name, alias, dflt, secret, doc) \
    {name, alias, "text", dflt, "", 0, 0, secret, doc},
#define ROW_URL(field, name, alias, dflt, doc) {name, alias, "url", dflt, "", 0, 0, false, doc},
#define ROW_CHOICE(field, name, alias, dflt, choices, doc) \
    {name, alias, "choice", dflt, choices, 0, 0, false, doc},
#define ROW_BOOL(field, name, alias, dflt, doc) \
    {name, alias, "boolean", (dflt) ? "true" : "false", "", 0, 0, false, doc},
#define ROW_INT(field, name, alias, dflt, min, max, doc) \
    {name, alias, "number", #dflt, "", min, max, false, doc},
    CONFIG_TABLE(ROW_TEXT, ROW_URL, ROW_CHOICE, ROW_BOOL, ROW_INT)};

const struct config_docs_row *config_docs_row(size_t i)
{
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}
