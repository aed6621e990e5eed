/*
 * base64.h - RFC 4648 section 4, with padding: each event of an InvokeModel stream comes in it, and
 * images go to Converse. 16 characters a step where the CPU looks up bytes (instructions.h). Nothing
 * here allocates. Any process.
 */
#ifndef SERVER_BASE_BASE64_H
#define SERVER_BASE_BASE64_H

#include "server/base/text.h"

size_t base64_size(size_t n); /* characters for n bytes, no NUL */
size_t base64_encode(const uint8_t *bytes, size_t n, char *out);
/* Strict: alphabet, padding, length, and no bits that padding leaves over. out needs s.n / 4 * 3
 * bytes; may be s.p itself. When false is returned, what is in out means nothing. */
bool base64_decode(struct str s, uint8_t *out, size_t *n_out);

#endif
