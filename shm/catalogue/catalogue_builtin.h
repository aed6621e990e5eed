/*
 * catalogue_builtin.h - models.tsv as it was linked in, without its comments: made by make with
 * scripts/catalogue.awk, which refuses what the reader would. Const.
 */
#ifndef SHM_CATALOGUE_CATALOGUE_BUILTIN_H
#define SHM_CATALOGUE_CATALOGUE_BUILTIN_H

#include <stddef.h>

extern const char catalogue_builtin[];
extern const size_t catalogue_builtin_size;

#endif
