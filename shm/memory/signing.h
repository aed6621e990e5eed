/*
 * signing.h - derived SigV4 keys by lane and service, and the key with which reasoning is sealed
 * (server/base/seal.h), published by the refresher for the workers.
 *
 * Anonymous mapping: no descriptor, not dumped. Yesterday's, today's and tomorrow's key, so
 * midnight needs nobody, in whichever direction a clock passes it. Two copies and a generation, as
 * in directory.h. A lane's credentials expire and are published alone, for all services at once:
 * they have its region, access key and token in common. They stand in the lane's slot (lane_names.h) and
 * name the lane themselves, so nothing is signed with those of another one. The secret access key never
 * comes here.
 */
#ifndef SHM_MEMORY_SIGNING_H
#define SHM_MEMORY_SIGNING_H

#include "server/base/seal.h"
#include "shm/memory/lanes.h"

/* X(NAME, "its name in a signature"): services of Bedrock that workers call. */
#define SIGNING_SERVICES(X) \
    X(BEDROCK, "bedrock")   \
    X(MANTLE, "bedrock-mantle")

enum signing_service {
#define SIGNING_ENUM(name, word) SIGNING_##name,
    SIGNING_SERVICES(SIGNING_ENUM)
#undef SIGNING_ENUM
        SIGNING_SERVICE_COUNT
};
const char *signing_service_name(enum signing_service service);

#define SIGNING_DAYS 3 /* yesterday, today, tomorrow (UTC, as AWS's clock has it) */

struct signing_keys {
    uint64_t generation;         /* first member; grows with every publication; 0: nothing yet */
    uint64_t lane;               /* config_lane.id: whose they are */
    int64_t expires_ms;          /* real time; 0: never */
    char date[SIGNING_DAYS][16]; /* "20260115" */
    uint8_t key[SIGNING_SERVICE_COUNT][SIGNING_DAYS][32]; /* in region */
    char region[40];
    char access_key_id[136];
    char token[4096];  /* session token, NUL-terminated; "" for long-term keys */
    char trouble[240]; /* why there are none: for /ready and the log */
};
_Static_assert(sizeof(struct signing_keys) % 8 == 0, "moved as 64-bit words");

/* slot: below LANES_SLOTS. */
/* Worker: copies out. false when there are no keys (out->trouble may say why). Cheap when
 * generation_known is current: then *out, which must be that generation's copy, is left alone. Of which
 * lane they are, the caller looks at. */
bool signing_read(const struct segment *s, unsigned slot, uint64_t generation_known,
                  struct signing_keys *out);
/* Anybody: are there keys of any lane? Without a look at them. */
bool signing_usable(const struct segment *s);
unsigned signing_usable_slots(const struct segment *s); /* a bit each */
/* Refresher: publishes; generation is set here. keys == all zero with trouble: no credentials. */
void signing_publish(struct segment *s, unsigned slot, const struct signing_keys *keys);
void signing_forget(struct segment *s, unsigned slot); /* master: a lane that is no more */
/* Worker: AWS said the credentials have expired; the refresher renews. Counts, at most. */
void signing_complain(struct segment *s, unsigned slot);
uint64_t signing_complaints(const struct segment *s, unsigned slot);
/* Worker: no key is of its date, or they have expired by its clock; the refresher looks at the date
 * when it is woken. Counts, at most. */
void signing_miss(struct segment *s);
uint64_t signing_missed(const struct segment *s);
/* Clock offset (server minus local) learnt from a Date header after a skew error, ms;
 * any worker. */
void signing_set_skew(struct segment *s, int64_t ms);
int64_t signing_skew(const struct segment *s);

/* The key of seals. All servers of one key store have the same: the store keeps it. false: there is
 * none (yet), and key_out is wiped. */
bool signing_seal_read(const struct segment *s, uint8_t key_out[SEAL_KEY_SIZE]);
/* Refresher. */
void signing_seal_publish(struct segment *s, const uint8_t key[SEAL_KEY_SIZE]);

size_t signing_area_size(void);

#endif
