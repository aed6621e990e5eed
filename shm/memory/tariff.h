/*
 * tariff.h - which price of a model is in force: the operator's row for the exact id, then for the id
 * without its region prefix (both from the shared directory), then the catalogue. Any process.
 */
#ifndef SHM_MEMORY_TARIFF_H
#define SHM_MEMORY_TARIFF_H

#include "shm/catalogue/prices.h"
#include "shm/memory/segment_layout.h"

/* id: Bedrock's, or an ARN; region: AWS_REGION. PRICES_UNKNOWN: its rates are all 0. */
enum prices_source tariff_find(const struct segment *s, struct str id, struct str region,
                               struct prices_tariff *out);

#endif
