/*
 * syscalls_numbers.h - the system calls of this architecture by name, out of the headers of the
 * kernel that this was built with (the Makefile makes the table). Const.
 */
#ifndef SERVER_PLATFORM_SYSCALLS_NUMBERS_H
#define SERVER_PLATFORM_SYSCALLS_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

struct syscalls_number {
    char name[30]; /* in place: pointers would have to be relocated at each start */
    uint16_t number;
};

extern const struct syscalls_number syscalls_numbers[]; /* by name */
extern const size_t syscalls_numbers_count;

#endif
