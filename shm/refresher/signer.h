/*
 * signer.h - credentials become signing keys: yesterday's, today's and tomorrow's SigV4 key of a
 * lane for each service, published by signing.h under the lane's name. One a lane. The refresher keeps
 * the secret here and nowhere else; it is wiped when it is replaced or dropped.
 */
#ifndef SHM_REFRESHER_SIGNER_H
#define SHM_REFRESHER_SIGNER_H

#include "server/aws/creds.h"
#include "shm/memory/segment.h"

struct signer { /* signer_init, then the rest; signer_wipe at the end */
    struct segment *segment;
    unsigned slot; /* of its lane */
    uint64_t lane; /* config_lane.id */
    char region[40];
    bool has_value;
    char date[9]; /* of the keys that are published */
    struct creds_value value;
};

/* lane: config_lane.id, which the master has entered (lane_names.h). */
void signer_init(struct signer *g, struct segment *s, uint64_t lane, const char *region);
/* creds_fn's arguments. Without credentials the old ones stay until they expire. now_ms:
 * real time. */
void signer_take(struct signer *g, const struct creds_value *now, const struct err *err,
                 int64_t now_ms);
/* Each second, and at a worker's complaint: derives anew when the UTC date (as AWS sees it, see
 * signing_skew) has changed, in whichever direction. */
void signer_tick(struct signer *g, int64_t now_ms);
void signer_wipe(struct signer *g);

#endif
