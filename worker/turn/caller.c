#include "worker/turn/caller.h"

#include <string.h>
#include "server/base/sha256.h"

/* Of an anonymous client: its address, without the port. */
static void digest_address(struct str peer, uint8_t digest_out[32])
{
    while (peer.n && peer.p[peer.n - 1] != ':') {
        peer.n--;
    }
    sha256(peer.p, peer.n, digest_out);
}

uint64_t caller_holder(const struct caller *c, struct str peer)
{
    uint8_t digest[32];
    uint64_t holder = 0;
    switch (c->who) {
    case CALLER_NOBODY:
        return 0;
    case CALLER_ANONYMOUS:
        digest_address(peer, digest);
        break;
    case CALLER_SCRAPER:
    case CALLER_MASTER:
    case CALLER_KEY:
        memcpy(digest, c->digest, sizeof digest);
        break;
    }
    memcpy(&holder, digest, sizeof holder);
    return holder;
}

uint32_t caller_slot(const struct caller *c, struct str peer)
{
    uint8_t digest[32];
    if (c->who != CALLER_ANONYMOUS) {
        return c->key.slot;
    }
    digest_address(peer, digest);
    return BUCKET_ANONYMOUS + digest[0] % BUCKET_ANONYMOUS_COUNT;
}
