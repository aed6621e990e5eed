/*
 * instructions.h - what this CPU can do beyond the baseline of its architecture: the inner loops
 * (sha256.c, crc32.c, base64.c) have a portable form and one that wants more. The CPU is asked once,
 * at the first question. Any process.
 *
 *           x86-64 (CPUID)             AArch64 (HWCAP)
 *   SHA     SHA, SSSE3, SSE4.1         SHA2
 *   CRC     PCLMULQDQ, SSE4.1          CRC32
 *   BYTES   SSSE3                      baseline
 *   AES     AES, PCLMULQDQ, SSE4.1     AES, PMULL
 */
#ifndef SERVER_BASE_INSTRUCTIONS_H
#define SERVER_BASE_INSTRUCTIONS_H

#include <stdbool.h>

#if defined(__x86_64__)
#define INSTRUCTIONS_X86
#elif defined(__aarch64__) && \
    (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_SHA2))
#define INSTRUCTIONS_ARM /* before 16, clang's arm_neon.h hides the intrinsics from a target attribute */
#endif

enum instructions {
    INSTRUCTIONS_SHA = 1,   /* rounds of SHA-256 */
    INSTRUCTIONS_CRC = 2,   /* products or remainders of polynomials */
    INSTRUCTIONS_BYTES = 4, /* bytes of a vector looked up in another */
    INSTRUCTIONS_AES = 8    /* AES-GCM; not ours, but of the TLS library */
};

/* False also on every other architecture. */
bool instructions_have(enum instructions what);
/* Tests only: true: none, so that both forms of a loop can be compared. */
void instructions_force_portable(bool on);

#endif
