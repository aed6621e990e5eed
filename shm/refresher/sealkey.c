#include "shm/refresher/sealkey.h"

#include "server/base/log.h"
#include "shm/memory/signing.h"

static void publish(const struct sealkey *k, const uint8_t key[SEAL_KEY_SIZE])
{
    uint8_t there[SEAL_KEY_SIZE];
    bool same = signing_seal_read(k->segment, there) && text_secret_eq(there, key, sizeof there);
    text_wipe(there, sizeof there);
    if (!same) {
        signing_seal_publish(k->segment, key);
    }
}

/* One warning, until it works. */
static void complain(struct sealkey *k, const struct err *err)
{
    uint8_t there[SEAL_KEY_SIZE];
    bool has = signing_seal_read(k->segment, there);
    text_wipe(there, sizeof there);
    if (!has && !k->warned) {
        log_line(LOG_WARN, "sealkey",
                 "reasoning is not given out encrypted, the store has no key for it: %s",
                 err->text);
        k->warned = true;
    }
}

void sealkey_tick(struct sealkey *k, struct keystore *store, uint64_t now_ms)
{
    uint8_t fresh[SEAL_KEY_SIZE], key[SEAL_KEY_SIZE];
    struct err err;
    if (!store || now_ms < k->again_ms) {
        return;
    }
    text_random(fresh, sizeof fresh);
    if (keystore_seal_key(store, fresh, key, &err) == STATUS_OK) {
        publish(k, key);
        k->warned = false;
        k->again_ms = now_ms + SEALKEY_EVERY_MS;
    } else {
        complain(k, &err);
        k->again_ms = now_ms + SEALKEY_RETRY_MS;
    }
    text_wipe(fresh, sizeof fresh);
    text_wipe(key, sizeof key);
}
