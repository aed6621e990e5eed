/*
 * catalogue_table.h - a table of models in memory: rows sorted by id, names sorted, all text in one
 * pool. No pointers, so that a whole table can be copied and can lie in shared memory. What its
 * cells mean: catalogue.h. Any process; plain figures.
 */
#ifndef SHM_CATALOGUE_CATALOGUE_TABLE_H
#define SHM_CATALOGUE_CATALOGUE_TABLE_H

#include <stdint.h>
#include "server/base/text.h"

/* X(NAME, kind, word). Kinds: TEXT, NUMBER, MONEY (micro-dollars a million tokens), and others that
 * catalogue_cell.c knows. */
#define CATALOGUE_COLUMNS(X)                   \
    X(ID, TEXT, "id")                          \
    X(NAME, TEXT, "name")                      \
    X(NAMES, NAMES, "names")                   \
    X(PROFILE, PREFIX, "profile")              \
    X(FAMILY, WORD, "family")                  \
    X(VENDOR, WORD, "vendor")                  \
    X(STATUS, STATUS, "status")                \
    X(CONTEXT, NUMBER, "context")              \
    X(OUTPUT, NUMBER, "output")                \
    X(IN, MONEY, "in")                         \
    X(OUT, MONEY, "out")                       \
    X(CACHE_READ, MONEY, "cache_read")         \
    X(CACHE_WRITE_5M, MONEY, "cache_write_5m") \
    X(CACHE_WRITE_1H, MONEY, "cache_write_1h") \
    X(REGIONAL, REGIONAL, "regional")          \
    X(LONG_FROM, NUMBER, "long_from")          \
    X(LONG_IN, MONEY, "long_in")               \
    X(LONG_OUT, MONEY, "long_out")             \
    X(TIERS, TIERS, "tiers")                   \
    X(TAKES, TAKES, "takes")                   \
    X(SAMPLING, SAMPLING, "sampling")          \
    X(TOP_K, PATH, "top_k")                    \
    X(THINKING, THINKING, "thinking")          \
    X(LEVEL_AT, LEVEL, "level_at")             \
    X(EFFORTS, WORDS, "efforts")               \
    X(BETAS, WORDS, "betas")                   \
    X(SOURCE, TEXT, "source")

enum catalogue_column {
#define CATALOGUE_ENUM(name, kind, word) CATALOGUE_##name,
    CATALOGUE_COLUMNS(CATALOGUE_ENUM)
#undef CATALOGUE_ENUM
        CATALOGUE_COLUMN_COUNT
};
_Static_assert(CATALOGUE_COLUMN_COUNT <= 32, "a bit of `said` each");

#define CATALOGUE_NONE      UINT32_MAX /* NUMBER and MONEY: nothing is known */
#define CATALOGUE_ROWS_MAX  1024u
#define CATALOGUE_NAMES_MAX 1024u
#define CATALOGUE_POOL_MAX  (128u << 10)
#define CATALOGUE_FILE_MAX  (1u << 20) /* bytes of CATALOGUE_FILE */

struct catalogue_row {
    uint32_t cell[CATALOGUE_COLUMN_COUNT]; /* a number, or where its text is in the pool */
    uint32_t said;                         /* bit a column: by this row itself */
    /* row of the next shorter id that fits, plus 1; 0: none. While a text is read: its line */
    uint16_t parent;
    uint8_t from_file; /* some cell is CATALOGUE_FILE's */
    uint8_t reserved;
};

struct catalogue_name { /* one of the column `names` */
    uint32_t at;        /* in the pool */
    uint16_t n, row;
};

struct catalogue { /* no pointers: it also travels through shared memory */
    uint32_t rows, names, pool_used;
    uint32_t reserved;
    struct catalogue_row row[CATALOGUE_ROWS_MAX];    /* sorted by id */
    struct catalogue_name name[CATALOGUE_NAMES_MAX]; /* sorted */
    char pool[CATALOGUE_POOL_MAX];
};

extern const char *const catalogue_table_columns[CATALOGUE_COLUMN_COUNT];

/* Of a column that holds a text. */
struct str catalogue_table_text(const struct catalogue *t, const struct catalogue_row *row,
                                enum catalogue_column column);

#endif
