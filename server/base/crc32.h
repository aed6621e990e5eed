/*
 * crc32.h - the zlib/gzip CRC (reflected 0xEDB88320): by tables, eight bytes a step, or by what the CPU
 * has for it (instructions.h). Any process.
 * Used by the event stream (both checksums), DynamoDB answers and the key checksum.
 */
#ifndef SERVER_BASE_CRC32_H
#define SERVER_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* crc of nothing is 0; crc32_add(crc32_add(0, a), b) is the crc of a then b. */
uint32_t crc32_add(uint32_t crc, const void *p, size_t n);

#endif
