#include "server/base/instructions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdio.h>

/* What the kernel shows of this CPU. */
static bool cpuinfo_says(const char *flag)
{
    char line[8192], word[32];
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    snprintf(word, sizeof word, " %s ", flag);
    while (f && !found && fgets(line, sizeof line, f)) {
        if (strncmp(line, "flags", 5) == 0 || strncmp(line, "Features", 8) == 0) {
            line[strcspn(line, "\n")] = ' ';
            found = strstr(line, word) != NULL;
        }
    }
    if (f) {
        fclose(f);
    }
    return found;
}

static void test_have_as_the_kernel_says(void **state)
{
    (void)state;
#if defined(INSTRUCTIONS_X86)
    bool sse41 = cpuinfo_says("sse4_1");
    assert_int_equal(instructions_have(INSTRUCTIONS_BYTES), cpuinfo_says("ssse3"));
    assert_int_equal(instructions_have(INSTRUCTIONS_CRC), sse41 && cpuinfo_says("pclmulqdq"));
    assert_int_equal(instructions_have(INSTRUCTIONS_SHA), sse41 && cpuinfo_says("sha_ni"));
    assert_int_equal(instructions_have(INSTRUCTIONS_AES),
                     sse41 && cpuinfo_says("pclmulqdq") && cpuinfo_says("aes"));
#elif defined(INSTRUCTIONS_ARM)
    assert_true(instructions_have(INSTRUCTIONS_BYTES));
    assert_int_equal(instructions_have(INSTRUCTIONS_CRC), cpuinfo_says("crc32"));
    assert_int_equal(instructions_have(INSTRUCTIONS_SHA), cpuinfo_says("sha2"));
    assert_int_equal(instructions_have(INSTRUCTIONS_AES),
                     cpuinfo_says("aes") && cpuinfo_says("pmull"));
#else
    (void)cpuinfo_says;
    assert_false(instructions_have(INSTRUCTIONS_BYTES));
#endif
}

static void test_forced_portable_has_none(void **state)
{
    (void)state;
    instructions_force_portable(true);
    assert_false(instructions_have(INSTRUCTIONS_SHA) || instructions_have(INSTRUCTIONS_CRC) ||
                 instructions_have(INSTRUCTIONS_BYTES) || instructions_have(INSTRUCTIONS_AES));
    instructions_force_portable(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_have_as_the_kernel_says),
        cmocka_unit_test(test_forced_portable_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
