/*
 * surrogates.h - halves of characters in JSON that a model wrote. A model's text is cut into pieces
 * anywhere, also between the two UTF-16 halves of one character; alone a half has no UTF-8 form, and
 * scan.h refuses the text. It becomes U+FFFD, which has as many bytes in either spelling. A client's
 * own JSON is not mended: it is told. Pure.
 */
#ifndef SERVER_JSON_SURROGATES_H
#define SERVER_JSON_SURROGATES_H

#include <stdbool.h>
#include "server/base/arena.h"
#include "server/base/text.h"

/* In place. true: there was one. */
bool surrogates_mend(char *p, size_t n);
/* The text itself when there is none, else a copy; p is NULL when memory is out. */
struct str surrogates_mended(struct arena *arena, struct str text);

#endif
