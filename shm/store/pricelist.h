/*
 * pricelist.h - which price of a model is in force where there is no shared memory: the operator's
 * rows out of the store, then the catalogue, in the order of tariff.h. The subcommands'.
 */
#ifndef SHM_STORE_PRICELIST_H
#define SHM_STORE_PRICELIST_H

#include "shm/catalogue/prices.h"
#include "shm/store/keystore.h"

struct pricelist {
    struct keystore_price *rows; /* of the store, that count */
    size_t n, room;
    bool out_of_memory;
};

/* To be freed whatever it returns. */
MUST_CHECK enum status pricelist_load(struct pricelist *p, struct keystore *store, struct err *err);
void pricelist_free(struct pricelist *p);
/* id: Bedrock's, or an ARN; region: AWS_REGION. */
enum prices_source pricelist_find(const struct pricelist *p, struct str id, struct str region,
                                  struct prices_tariff *out);

#endif
