/*
 * seal.h - text that leaves through strangers and comes back: nobody else can read it, or make one.
 *
 * AES-256-GCM (NIST SP 800-38D) with a random nonce. The sealed form is opaque: a version, a dot and
 * base64url, so it may stand in JSON, a URL or a header as it is. It holds no more than the text; who
 * opens it must name the same purpose (struct sealer.bound), or it is as good as forged. Any process;
 * the key is the caller's, who wipes it.
 */
#ifndef SERVER_BASE_SEAL_H
#define SERVER_BASE_SEAL_H

#include "server/base/arena.h"
#include "server/base/buf.h"
#include "server/base/err.h"

#define SEAL_KEY_SIZE 32

struct sealer {
    uint8_t key[SEAL_KEY_SIZE];
    struct str bound; /* what is sealed here opens nowhere else: a purpose, a model; not secret */
};

/* Appends the sealed form to out; on failure the flag of out is set: no memory, its maximum. */
void seal_put(const struct sealer *s, struct str plain, struct buf *out);
/* *plain_out lives in the arena. INVALID: not sealed with this key for this purpose (forged, cut, of a
 * later version); BUSY: no memory. Either way p is NULL. */
MUST_CHECK enum status seal_open(const struct sealer *s, struct str sealed, struct arena *arena,
                                 struct str *plain_out);
/* It has the form of what is sealed here; whether it opens is another thing. */
bool seal_is_form(struct str text);

#endif
