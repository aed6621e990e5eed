/*
 * panic.h - the text of a failed assertion is kept where it outlives the process.
 *
 * assert() prints to stderr, which nobody may read, and ends the process. Here the same words also
 * go to a place that somebody else can read afterwards: a process body lends it (memory shared with
 * the master) once after fork. The linker brings every assert() of the program here
 * (-Wl,--wrap=__assert_fail in the Makefile); assertions inside shared libraries are not seen.
 */
#ifndef SERVER_BASE_PANIC_H
#define SERVER_BASE_PANIC_H

#include <stddef.h>

/* place: lent for good; it gets "file:line: expression", cut, with its NUL. NULL: nowhere. */
void panic_keep_at(char *place, size_t size);

#endif
