/*
 * choices.h - what models_choose said lately: clients send the same few names again and again. An
 * answer stands as long as all that it rests on: the table of models (catalogue_edition) and the key
 * store's mappings (directory_generation); the settings are those of the process. Not kept are
 * refusals, and what is behind an ARN that names no model unless the operator declares it: AWS may
 * tell at any time.
 *
 * One a worker, in its struct worker; all zeroes is empty. What is given is the exchange's own: a row
 * may be another's by the time it is used.
 */
#ifndef WORKER_MODEL_CHOICES_H
#define WORKER_MODEL_CHOICES_H

#include "worker/model/models.h"

#define CHOICES_ROWS 32
#define CHOICES_NAME 64   /* bytes of a name that is kept */
#define CHOICES_TEXT 1536 /* of its ids, its name and the texts of its row, each with a NUL */

struct choices {
    struct choices_row {
        uint64_t mappings; /* generation */
        uint32_t table;    /* edition */
        uint32_t name_n;   /* 0: the row is free */
        bool messages_route;
        char name[CHOICES_NAME];
        size_t text_n;
        struct models_choice choice; /* its texts are in text; its caps are not set */
        struct models_caps caps;     /* likewise */
        char text[CHOICES_TEXT];
    } row[CHOICES_ROWS];
};

/* As models_choose. */
MUST_CHECK enum status choices_find(struct choices *c, const struct models *m,
                                    const struct segment *s, struct arena *arena,
                                    struct str client_name, bool messages_route,
                                    struct models_choice *out, struct err *err);

#endif
