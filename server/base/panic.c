#include "server/base/panic.h"

#include <stdio.h>

static struct {
    char *place;
    size_t size;
} kept;

void panic_keep_at(char *place, size_t size)
{
    kept.place = place;
    kept.size = size;
}

/* The linker's names: see ld(1), --wrap. */
_Noreturn void __real___assert_fail(const char *expression, const char *file, unsigned line,
                                    const char *function);
_Noreturn void __wrap___assert_fail(const char *expression, const char *file, unsigned line,
                                    const char *function);

void __wrap___assert_fail(const char *expression, const char *file, unsigned line,
                          const char *function)
{
    if (kept.place) {
        snprintf(kept.place, kept.size, "%s:%u: %s", file, line, expression);
    }
    __real___assert_fail(expression, file, line, function);
}
