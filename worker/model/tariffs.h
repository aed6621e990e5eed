/*
 * tariffs.h - what tariff_find said lately: the price of a model is put together out of several rows
 * and cells, and the same few models are asked for. An answer stands as long as the table of models
 * (catalogue_edition) and the operator's prices (directory_generation) do. One a worker, in its
 * struct worker; all zeroes is empty.
 */
#ifndef WORKER_MODEL_TARIFFS_H
#define WORKER_MODEL_TARIFFS_H

#include "shm/memory/tariff.h"

#define TARIFFS_ROWS 32
#define TARIFFS_ID   96 /* bytes of an id that is kept */

struct tariffs {
    struct tariffs_row {
        uint64_t prices; /* generation */
        uint32_t table;  /* edition */
        uint32_t id_n;   /* 0: the row is free */
        char id[TARIFFS_ID];
        struct str region; /* as it was given */
        struct prices_tariff tariff;
        enum prices_source source;
    } row[TARIFFS_ROWS];
};

/* As tariff_find; region must live as long as t. */
enum prices_source tariffs_find(struct tariffs *t, const struct segment *s, struct str id,
                                struct str region, struct prices_tariff *out);

#endif
