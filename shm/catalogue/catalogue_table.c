#include "shm/catalogue/catalogue_table.h"

#define CATALOGUE_WORD(name, kind, word) word,
const char *const catalogue_table_columns[CATALOGUE_COLUMN_COUNT] = {
    CATALOGUE_COLUMNS(CATALOGUE_WORD)};
#undef CATALOGUE_WORD

struct str catalogue_table_text(const struct catalogue *t, const struct catalogue_row *row,
                                enum catalogue_column column)
{
    return text_from(t->pool + row->cell[column]);
}
