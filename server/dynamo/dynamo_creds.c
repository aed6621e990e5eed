#include "server/dynamo/dynamo_creds.h"

#include "server/base/clock.h"

#define RENEW_BEFORE_MS (10 * 60 * 1000) /* of credentials; botocore's mandatory window */
#define RENEW_EVERY_MS  60000u

static void on_creds(void *owner, const struct creds_value *now, const struct err *err)
{
    struct dynamo_creds *c = owner;
    c->err = (struct err){.code = STATUS_OK};
    if (now) {
        dynamo_sign_take(c->sign, now);
    } else {
        c->err = *err;
    }
    dynamo_wait_arrive(c->wait);
}

/* One look-up, then the object goes: it would renew by a loop that stands still between calls. */
static void look_up(struct dynamo_creds *c)
{
    struct creds_options options = {.region = c->sign->region};
    struct creds *creds = creds_new(c->wait->loop, c->fetch, &options, on_creds, c);
    err_set(&c->err, STATUS_UNAVAILABLE, "AWS credentials: no answer in time");
    c->renewed_ms = clock_mono_ms();
    if (!creds) {
        return;
    }
    creds_start(creds);
    dynamo_wait_run(c->wait, c->wait->until_ms);
    creds_drop(creds);
}

static bool has_credentials(const struct dynamo_creds *c)
{
    const struct creds_value *v = &c->sign->value;
    return c->sign->has_value && (!v->expires_ms || v->expires_ms > clock_real_ms());
}

static bool looked_lately(const struct dynamo_creds *c)
{
    return c->renewed_ms && clock_mono_ms() - c->renewed_ms < RENEW_EVERY_MS;
}

/* Near their end the old ones go on working when no new ones come; asked for once a minute then. */
enum status dynamo_creds_need(struct dynamo_creds *c, struct err *err)
{
    const struct creds_value *v = &c->sign->value;
    bool old = v->expires_ms && v->expires_ms - RENEW_BEFORE_MS < clock_real_ms();
    if (!has_credentials(c) || (old && !looked_lately(c))) {
        look_up(c);
    }
    if (!has_credentials(c)) {
        return err_set(err, STATUS_UNAVAILABLE, "%s", c->err.text);
    }
    return STATUS_OK;
}

bool dynamo_creds_renew(struct dynamo_creds *c)
{
    if (looked_lately(c)) {
        return false;
    }
    look_up(c);
    return c->err.code == STATUS_OK;
}
