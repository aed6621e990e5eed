#!/bin/sh
# The system calls of the architecture that $CC compiles for, by name, as C: server/platform/syscalls_numbers.h. Names and
# numbers are those of the kernel's headers.
set -eu
names=$(echo '#include <sys/syscall.h>' | ${CC:-cc} -E -dM - | sed -n 's/^#define __NR_\([a-z][a-z0-9_]*\) .*/\1/p' | LC_ALL=C sort)
printf '#include "server/platform/syscalls_numbers.h"\n#include <sys/syscall.h>\nconst struct syscalls_number syscalls_numbers[] = {\n'
for name in $names; do
    printf '    {"%s", __NR_%s},\n' "$name" "$name"
done
printf '};\nconst size_t syscalls_numbers_count = sizeof syscalls_numbers / sizeof syscalls_numbers[0];\n'
