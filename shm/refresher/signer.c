#include "shm/refresher/signer.h"

#include <stdio.h>
#include <string.h>
#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/aws/sigv4.h"
#include "shm/memory/lane_names.h"
#include "shm/memory/signing.h"

#define DAY_MS 86400000
#define TODAY  1 /* of signing.h's days */

void signer_init(struct signer *g, struct segment *s, uint64_t lane, const char *region)
{
    *g = (struct signer){.segment = s, .lane = lane, .slot = lane_names_slot(s, lane)};
    text_copy(text_from(region), g->region, sizeof g->region);
}

static void date_of(int64_t real_ms, char out[9])
{
    char amz[17];
    clock_amz(real_ms, amz);
    text_copy((struct str){amz, 8}, out, 9);
}

static void derive(const struct signer *g, int64_t aws_ms, struct signing_keys *out)
{
    for (int day = 0; day < SIGNING_DAYS; day++) {
        struct sigv4_scope scope = {.region = text_from(g->region)};
        date_of(aws_ms + (day - TODAY) * DAY_MS, scope.date);
        text_copy(text_from(scope.date), out->date[day], sizeof out->date[day]);
        for (int i = 0; i < SIGNING_SERVICE_COUNT; i++) {
            scope.service = text_from(signing_service_name((enum signing_service)i));
            sigv4_key(text_from(g->value.secret), &scope, out->key[i][day]);
        }
    }
}

static void publish(struct signer *g, int64_t aws_ms)
{
    struct signing_keys keys = {.lane = g->lane, .expires_ms = g->value.expires_ms};
    derive(g, aws_ms, &keys);
    text_copy(text_from(g->region), keys.region, sizeof keys.region);
    text_copy(text_from(g->value.access_key_id), keys.access_key_id, sizeof keys.access_key_id);
    text_copy(text_from(g->value.token), keys.token, sizeof keys.token);
    text_copy(text_from(keys.date[TODAY]), g->date, sizeof g->date);
    signing_publish(g->segment, g->slot, &keys);
    text_wipe(&keys, sizeof keys);
}

static void publish_trouble(struct signer *g, const struct err *err)
{
    struct signing_keys keys = {.lane = g->lane};
    text_copy(text_from(err->text), keys.trouble, sizeof keys.trouble);
    signing_publish(g->segment, g->slot, &keys);
}

/* A token that does not fit the shared cell would sign nothing but refusals. */
static bool fits(const struct creds_value *v)
{
    const struct signing_keys *keys = NULL;
    return strlen(v->token) < sizeof keys->token &&
           strlen(v->access_key_id) < sizeof keys->access_key_id;
}

static int64_t aws_time(const struct signer *g, int64_t now_ms)
{
    return now_ms + signing_skew(g->segment);
}

void signer_take(struct signer *g, const struct creds_value *now, const struct err *err,
                 int64_t now_ms)
{
    struct err too_long;
    if (now && !fits(now)) {
        err_set(&too_long, STATUS_INVALID, "the session token is too long");
        err = &too_long;
        now = NULL;
    }
    if (now) {
        g->value = *now;
        g->has_value = true;
        publish(g, aws_time(g, now_ms));
        log_line(LOG_INFO, "credentials", "from %s", now->source);
        return;
    }
    log_line(LOG_WARN, "credentials", "%s", err->text);
    bool usable = g->has_value && (g->value.expires_ms == 0 || g->value.expires_ms > now_ms);
    if (!usable) {
        signer_wipe(g);
        publish_trouble(g, err);
    }
}

void signer_tick(struct signer *g, int64_t now_ms)
{
    char today[9];
    date_of(aws_time(g, now_ms), today);
    if (g->has_value && strcmp(today, g->date) != 0) {
        publish(g, aws_time(g, now_ms));
    }
}

void signer_wipe(struct signer *g)
{
    text_wipe(&g->value, sizeof g->value);
    g->has_value = false;
}
