/*
 * rates.h - what one request pays, whatever it comes from: a price with its region and its tier
 * applied. Lies in shared memory and in files (journal). Plain figures.
 */
#ifndef SHM_CATALOGUE_RATES_H
#define SHM_CATALOGUE_RATES_H

#include <stdint.h>

struct rates { /* micro-dollars for a million tokens; UINT32_MAX stands for more than fits */
    uint32_t input, output;
    uint32_t cache_read, write_5m, write_1h;
    uint16_t long_from; /* thousands of input tokens, cached ones too, above which all is dearer; 0:
                           never */
    uint16_t long_in, long_out; /* so many thousandths of it: in for input and caches */
    uint16_t reserved[3];
};
_Static_assert(sizeof(struct rates) == 32, "no padding");

#endif
