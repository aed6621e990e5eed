#include "server/base/instructions.h"

#if defined(INSTRUCTIONS_X86)
#include <cpuid.h>
#elif defined(INSTRUCTIONS_ARM)
#include <sys/auxv.h>
#endif

static bool portable_forced;

#if defined(INSTRUCTIONS_X86)

/* Intel SDM, CPUID: leaf 1 ECX bits 1 (PCLMULQDQ), 9 (SSSE3), 19 (SSE4.1) and 25 (AES), leaf 7 EBX bit 29 (SHA). */
static unsigned ask(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0, found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 9 & 1)) {
        return 0;
    }
    found |= INSTRUCTIONS_BYTES;
    bool sse41 = c >> 19 & 1;
    found |= sse41 && (c >> 1 & 1) ? INSTRUCTIONS_CRC : 0u;
    found |= sse41 && (c >> 1 & 1) && (c >> 25 & 1) ? INSTRUCTIONS_AES : 0u;
    if (sse41 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1)) {
        found |= INSTRUCTIONS_SHA;
    }
    return found;
}

#elif defined(INSTRUCTIONS_ARM)

static unsigned ask(void)
{
    unsigned long has = getauxval(AT_HWCAP);
    return INSTRUCTIONS_BYTES | (has & HWCAP_SHA2 ? INSTRUCTIONS_SHA : 0u) |
           (has & HWCAP_CRC32 ? INSTRUCTIONS_CRC : 0u) |
           (has & HWCAP_AES && has & HWCAP_PMULL ? INSTRUCTIONS_AES : 0u);
}

#else

static unsigned ask(void)
{
    return 0;
}

#endif

bool instructions_have(enum instructions what)
{
    static unsigned found;
    static bool asked;
    if (!asked) {
        found = ask();
        asked = true;
    }
    return !portable_forced && (found & what) != 0;
}

void instructions_force_portable(bool on)
{
    portable_forced = on;
}
