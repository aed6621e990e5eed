/*
 * dynamo_creds.c - the credentials of a DynamoDB client, looked up inside a call.
 */
#include "server/dynamo/dynamo_private.h"

#include "server/base/clock.h"

#define RENEW_BEFORE_MS (10 * 60 * 1000) /* of credentials; botocore's mandatory window */
#define RENEW_EVERY_MS  60000u

static void on_creds(void *owner, const struct creds_value *now, const struct err *err)
{
    struct dynamo *d = owner;
    d->creds_err = (struct err){.code = STATUS_OK};
    if (now) {
        dynamo_sign_take(&d->sign, now);
    } else {
        d->creds_err = *err;
    }
    dynamo_arrive(d);
}

/* One look-up, then the object goes: it would renew by a loop that stands still between calls. */
static void look_up(struct dynamo *d)
{
    struct creds_options options = {.region = d->sign.region};
    struct creds *creds = creds_new(d->loop, d->fetch, &options, on_creds, d);
    err_set(&d->creds_err, STATUS_UNAVAILABLE, "AWS credentials: no answer in time");
    d->renewed_ms = clock_mono_ms();
    if (!creds) {
        return;
    }
    d->arrived = false;
    creds_start(creds);
    dynamo_run(d, d->until_ms);
    creds_drop(creds);
}

static bool has_credentials(const struct dynamo *d)
{
    const struct creds_value *v = &d->sign.value;
    return d->sign.has_value && (!v->expires_ms || v->expires_ms > clock_real_ms());
}

static bool looked_lately(const struct dynamo *d)
{
    return d->renewed_ms && clock_mono_ms() - d->renewed_ms < RENEW_EVERY_MS;
}

/* Near their end the old ones go on working when no new ones come; asked for once a minute then. */
enum status dynamo_need_credentials(struct dynamo *d, struct err *err)
{
    const struct creds_value *v = &d->sign.value;
    bool old = v->expires_ms && v->expires_ms - RENEW_BEFORE_MS < clock_real_ms();
    if (!has_credentials(d) || (old && !looked_lately(d))) {
        look_up(d);
    }
    if (!has_credentials(d)) {
        return err_set(err, STATUS_UNAVAILABLE, "%s", d->creds_err.text);
    }
    return STATUS_OK;
}

bool dynamo_renew(struct dynamo *d)
{
    if (looked_lately(d)) {
        return false;
    }
    look_up(d);
    return d->creds_err.code == STATUS_OK;
}
