#include "server/base/crc32.h"

#include <stdbool.h>

#define POLYNOMIAL 0xEDB88320U

/* tables[k][b]: what byte b does to the remainder when k more bytes follow it in the same step. */
static uint32_t tables[8][256];
static bool ready;

static void build_tables(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int b = 0; b < 256; b++) {
            uint32_t before = tables[k - 1][b];
            tables[k][b] = before >> 8 ^ tables[0][before & 255];
        }
    }
    ready = true;
}

static uint32_t step8(uint32_t crc, const uint8_t *p)
{
    uint32_t low =
        crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
    return tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^
           tables[4][low >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^
           tables[0][p[7]];
}

uint32_t crc32_add(uint32_t crc, const void *p, size_t n)
{
    if (!ready) {
        build_tables();
    }
    const uint8_t *byte = p;
    crc = ~crc;
    for (; n >= 8; n -= 8, byte += 8) {
        crc = step8(crc, byte);
    }
    for (; n > 0; n--, byte++) {
        crc = crc >> 8 ^ tables[0][(crc ^ *byte) & 255];
    }
    return ~crc;
}
