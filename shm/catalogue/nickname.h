/*
 * nickname.h - names that nobody wrote into the table and that still mean one of its rows:
 * "nova-pro", "gpt-oss-120b", "claude-4.5-sonnet", "anthropic/claude-opus-4.8", "DeepSeek V3.1". By
 * rule, not by list. Any process; reads the table in force.
 *
 * A row is called by its id without maker, version (-v1:0) and date, with the maker, or by its
 * name for people. Words are compared, not spelling: "." "_" ":" and blanks are "-", letters have
 * no case, and the numbers are compared apart from the other words ("3.5 sonnet" is "sonnet 3-5"). A
 * name may leave words out at its end ("llama-3.3" for llama3-3-70b-instruct), never a number that
 * tells a version ("grok-4" is neither 4.6 nor 4.7), and "claude" at its beginning. A maker
 * before a slash has to be the row's. What then fits several rows is of none of them.
 *
 * It looks at every row: for names that are found nowhere else. Tens of microseconds.
 */
#ifndef SHM_CATALOGUE_NICKNAME_H
#define SHM_CATALOGUE_NICKNAME_H

#include "shm/catalogue/catalogue.h"

/* NULL: none, or more than one. */
const struct catalogue_row *nickname_find(struct str name);
/* The name most like it that means a row which has not been retired; empty: none is alike. The
 * table's text: good as long as catalogue.h says. */
struct str nickname_nearest(struct str name);

#endif
