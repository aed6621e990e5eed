#include "shm/sqlite/keystore_sqlite_row.h"

#include <string.h>

static bool read_text(sqlite3_stmt *st, int column, char *out, size_t size)
{
    struct str s = keystore_sqlite_db_text(st, column);
    text_copy(s, out, size);
    return s.n < size && strlen(out) == s.n;
}

static bool read_label(sqlite3_stmt *st, int column, char *out, size_t size)
{
    struct str s = keystore_sqlite_db_text(st, column);
    size_t n = 0, step;
    while (n < s.n && (step = text_utf8_step(text_sub(s, n, s.n))) != 0 && n + step < size) {
        n += step;
    }
    text_copy(text_sub(s, 0, n), out, size);
    return true;
}

static bool read_int(sqlite3_stmt *st, int column, int64_t *out)
{
    *out = sqlite3_column_int64(st, column);
    int type = sqlite3_column_type(st, column);
    return type == SQLITE_INTEGER || type == SQLITE_NULL;
}

static bool read_money(sqlite3_stmt *st, int column, int64_t *out)
{
    struct str s = keystore_sqlite_db_text(st, column);
    *out = 0;
    return s.n == 0 || keystore_money(s, out);
}

void keystore_sqlite_row_read(sqlite3_stmt *st, struct keystore_row *out)
{
    *out = (struct keystore_row){0};
#define CHECK(column, ok)          \
    if (!(ok)) {                   \
        out->unreadable = #column; \
    }
#define READ_TEXT(column, field) \
    CHECK(column, read_text(st, COLUMN_##column, out->field, sizeof out->field))
#define READ_LABEL(column, field) \
    CHECK(column, read_label(st, COLUMN_##column, out->field, sizeof out->field))
#define READ_INT(column, field)   CHECK(column, read_int(st, COLUMN_##column, &out->field))
#define READ_BOOL(column, field)  out->field = sqlite3_column_int64(st, COLUMN_##column) == 1;
#define READ_MONEY(column, field) CHECK(column, read_money(st, COLUMN_##column, &out->field))
    KEYSTORE_SQLITE_COLUMNS(READ_TEXT, READ_LABEL, READ_INT, READ_BOOL, READ_MONEY)
}

static int bind_money(sqlite3_stmt *st, int at, int64_t micro)
{
    char usd[32];
    keystore_money_text(micro, usd);
    return keystore_sqlite_db_bind(st, at, usd);
}

bool keystore_sqlite_row_bind(sqlite3_stmt *st, const struct keystore_row *row)
{
    int rc = SQLITE_OK;
#define BIND_TEXT(column, field)  rc |= keystore_sqlite_db_bind(st, COLUMN_##column, row->field);
#define BIND_INT(column, field)   rc |= sqlite3_bind_int64(st, COLUMN_##column, row->field);
#define BIND_MONEY(column, field) rc |= bind_money(st, COLUMN_##column, row->field);
    KEYSTORE_SQLITE_COLUMNS(BIND_TEXT, BIND_TEXT, BIND_INT, BIND_INT, BIND_MONEY)
    return rc == SQLITE_OK;
}
