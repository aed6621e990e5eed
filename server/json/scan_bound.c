#include "server/json/scan_bound.h"

#include <string.h>

enum { LANES = 16 };

/* See scan.c. */
typedef int8_t lanes __attribute__((vector_size(LANES)));
typedef uint8_t bytes __attribute__((vector_size(LANES)));

/* Bytes that can stand before a value: , : [ {. Those inside strings count too; it is a bound. */
static uint32_t count_structural(const char *p, uint32_t n)
{
    uint32_t count = 0;
    while (n >= LANES) {
        uint32_t blocks = n / LANES < 255 ? n / LANES : 255; /* a lane counts to 255 */
        bytes sum = {0};
        for (uint32_t i = 0; i < blocks; i++, p += LANES) {
            lanes v;
            memcpy(&v, p, sizeof v);
            lanes opens = (v | 0x20) == '{';                 /* '[' is the same but for that bit */
            sum -= (bytes)((v == ',') | (v == ':') | opens); /* -1 where true */
        }
        for (int i = 0; i < LANES; i++) {
            count += sum[i];
        }
        n -= blocks * LANES;
    }
    for (; n > 0; n--, p++) {
        count += *p == ',' || *p == ':' || *p == '[' || *p == '{';
    }
    return count;
}

/*
 * Every node but the root has a structural byte of its own before it. A closed container takes two
 * bytes, a scalar one, and siblings a separator: n bytes hold at most (n + 1) / 2 nodes, and an
 * invalid text half a node more for each container left open.
 */
uint32_t scan_bound(struct str text, uint32_t depth, uint32_t values)
{
    uint64_t bound = (uint64_t)count_structural(text.p, (uint32_t)text.n) + 1;
    uint64_t by_size = ((uint64_t)text.n + depth) / 2 + 2;
    uint64_t by_limit = 2 * (uint64_t)values + 1;
    if (bound > by_size) {
        bound = by_size;
    }
    return (uint32_t)(bound < by_limit ? bound : by_limit);
}
