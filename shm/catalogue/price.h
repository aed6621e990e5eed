/*
 * price.h - what a model costs: the record that the list (prices.h), the key table (directory.h),
 * the journal and the stores hand one another. It lies in shared memory and in files. Plain
 * figures.
 */
#ifndef SHM_CATALOGUE_PRICE_H
#define SHM_CATALOGUE_PRICE_H

#include <stdint.h>

struct price { /* micro-dollars for a million tokens */
    uint64_t input, output;
    uint64_t cache_read, cache_write; /* cache_write: for 5 minutes */
};

#endif
