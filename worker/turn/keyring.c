#include "worker/turn/keyring.h"

#include <assert.h>
#include <string.h>
#include "server/base/clock.h"
#include "shm/memory/lane_names.h"

#define NEWER_MS 2000 /* in which newer credentials have come, if there are any */

static unsigned slot_of(const struct segment *s, const struct config *c, unsigned lane)
{
    unsigned slot = lane_names_slot(s, c->lanes.lane[lane].id);
    assert(slot < LANES_SLOTS); /* the master entered it before it made this process */
    return slot;
}

bool keyring_has(const struct segment *s, const struct config *c, unsigned lane)
{
    return signing_usable_slots(s) >> slot_of(s, c, lane) & 1;
}

void keyring_complain(struct segment *s, const struct config *c, unsigned lane)
{
    signing_complain(s, slot_of(s, c, lane));
}

enum keyring_state keyring_look(struct keyring *k, const struct segment *s, const struct config *c,
                                unsigned lane, const char amz_date[17], int *day_out)
{
    struct signing_keys *keys = &k->lane[lane].keys;
    signing_read(s, slot_of(s, c, lane), keys->generation, keys);
    if (!keys->generation || !keys->access_key_id[0] || keys->lane != c->lanes.lane[lane].id) {
        return KEYRING_NONE;
    }
    if (keys->expires_ms && keys->expires_ms <= clock_real_ms()) {
        return KEYRING_STALE;
    }
    for (*day_out = 0; *day_out < SIGNING_DAYS; (*day_out)++) {
        if (memcmp(keys->date[*day_out], amz_date, 8) == 0) {
            return KEYRING_GOOD;
        }
    }
    return KEYRING_STALE;
}

/* By AWS's time. */
enum keyring_state keyring_now(struct keyring *k, const struct segment *s, const struct config *c,
                               unsigned lane)
{
    char amz[17];
    int day;
    clock_amz(clock_real_ms() + signing_skew(s), amz);
    return keyring_look(k, s, c, lane, amz, &day);
}

bool keyring_refused(struct keyring *ring, unsigned lane)
{
    struct keyring_lane *k = &ring->lane[lane];
    uint64_t now_ms = clock_mono_ms();
    if (!k->refused_ms || k->refused != k->keys.generation) {
        k->refused = k->keys.generation;
        k->refused_ms = now_ms;
    }
    return now_ms - k->refused_ms >= NEWER_MS;
}

const char *keyring_trouble(struct keyring *k, const struct segment *s, unsigned lane,
                            const struct config *c)
{
    enum keyring_state state = c->bedrock_api_key[0] ? KEYRING_GOOD : keyring_now(k, s, c, lane);
    if (state == KEYRING_GOOD) {
        return NULL;
    }
    const struct signing_keys *keys = &k->lane[lane].keys;
    const char *why = keys->lane == c->lanes.lane[lane].id ? keys->trouble : "";
    return state == KEYRING_STALE ? "the signing keys have expired or are of other days"
           : why[0]               ? why
                                  : "no AWS credentials yet";
}

const char *keyring_trouble_anywhere(struct keyring *k, const struct segment *s,
                                     const struct config *c)
{
    const char *home = keyring_trouble(k, s, LANES_HOME, c);
    for (unsigned lane = 1; home && lane < c->lanes.n; lane++) {
        home = keyring_trouble(k, s, lane, c) ? home : NULL;
    }
    return home;
}
