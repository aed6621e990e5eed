/*
 * sha256.h - SHA-256 and HMAC-SHA-256, the only cryptography on the request path.
 *
 * mbedTLS does it, except where the CPU has SHA instructions (x86 SHA-NI, ARMv8 SHA2): SigV4 hashes
 * every body byte, and a 115 KB Claude Code turn costs 280 us in mbedTLS 2.28 but a quarter of that
 * with the instructions (instructions.h). Any process.
 */
#ifndef SERVER_BASE_SHA256_H
#define SERVER_BASE_SHA256_H

#include "server/base/text.h"

#define SHA256_SIZE 32

void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE]);
void sha256_hex(const void *p, size_t n, char out[2 * SHA256_SIZE]); /* lower-case, no NUL */
void sha256_hmac(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[SHA256_SIZE]);
/* "sha-ni", "armv8" or "mbedtls": for the start line and the tests. */
const char *sha256_engine(void);

#endif
