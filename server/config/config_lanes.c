#include "server/config/config_lanes.h"

#include <ctype.h>

#include "server/base/buf.h"
#include "server/base/url.h"

#define ACCOUNT_DIGITS 12

static enum status refuse(struct err *err, struct str item, const char *why)
{
    return err_set(err, STATUS_INVALID, "BEDROCK_LANES: '%.*s' %s",
                   (int)(item.n < 80 ? item.n : 80), item.p, why);
}

static bool is_region(struct str s)
{
    size_t at;
    bool ok = s.n >= 4 && s.n < CONFIG_LANES_REGION && text_find(s, STR("-"), &at) && at > 0 &&
              s.p[s.n - 1] != '-';
    for (size_t i = 0; ok && i < s.n; i++) {
        ok = islower((unsigned char)s.p[i]) || isdigit((unsigned char)s.p[i]) || s.p[i] == '-';
    }
    return ok;
}

/* arn:PARTITION:iam::ACCOUNT:role/NAME */
static bool take_role(struct str arn, struct config_lane *lane)
{
    struct str rest = arn, part[5];
    for (size_t i = 0; i < COUNT_OF(part); i++) {
        if (!text_split(&rest, ':', &part[i])) {
            return false;
        }
    }
    bool ok = text_eq(part[0], STR("arn")) && text_eq(part[2], STR("iam")) && part[3].n == 0 &&
              part[4].n == ACCOUNT_DIGITS && text_starts(rest, STR("role/")) && rest.n > 5;
    for (size_t i = 0; ok && i < part[4].n; i++) {
        ok = isdigit((unsigned char)part[4].p[i]);
    }
    for (size_t i = 0; ok && i < arn.n; i++) {
        ok = arn.p[i] > ' ' && arn.p[i] < 0x7f;
    }
    if (ok) {
        text_copy(part[4], lane->account, sizeof lane->account);
        lane->role = arn;
    }
    return ok;
}

/* A role's name may have '=' and '@' in it, but no "://". */
static struct str take_url(struct str *item)
{
    size_t http, at;
    struct str url = {NULL, 0};
    if (text_find(*item, STR("://"), &http)) {
        bool tls = http >= 6 && text_eq(text_sub(*item, http - 6, 6), STR("=https"));
        bool plain = http >= 5 && text_eq(text_sub(*item, http - 5, 5), STR("=http"));
        at = http - (tls ? 6 : 5);
        if (tls || plain) {
            url = text_sub(*item, at + 1, item->n);
            *item = text_sub(*item, 0, at);
        }
    }
    return url;
}

/* "us-east-1@123456789012" */
static void put_name(struct config_lane *lane)
{
    struct buf name;
    buf_init(&name, sizeof lane->name);
    buf_put_str(&name, text_from(lane->region));
    if (lane->account[0]) {
        buf_put_char(&name, '@');
        buf_put_str(&name, text_from(lane->account));
    }
    text_copy(buf_str(&name), lane->name, sizeof lane->name);
    buf_free(&name);
}

static void put_id(struct config_lane *lane)
{
    const struct str part[] = {text_from(lane->region), lane->role, lane->url};
    lane->id = 0;
    for (size_t i = 0; i < COUNT_OF(part); i++) {
        lane->id = lane->id * 0x9e3779b97f4a7c15u + text_hash(part[i]);
    }
    lane->id = lane->id ? lane->id : 1;
}

static enum status read_lane(struct str item, struct config_lane *lane, struct err *err)
{
    struct str whole = item, region;
    struct url u;
    lane->url = take_url(&item);
    if (lane->url.n > 0 && !url_cut(lane->url, &u)) {
        return refuse(err, whole, "has an unusable address");
    }
    size_t at;
    bool role = text_find(item, STR("@"), &at);
    region = role ? text_sub(item, 0, at) : item;
    if (!is_region(region)) {
        return refuse(err, whole, "does not begin with a region (REGION, REGION@ROLE-ARN)");
    }
    if (role && !take_role(text_sub(item, at + 1, item.n), lane)) {
        return refuse(err, whole, "has no role behind '@' (arn:aws:iam::123456789012:role/NAME)");
    }
    text_copy(region, lane->region, sizeof lane->region);
    put_name(lane);
    put_id(lane);
    return STATUS_OK;
}

/* Two of a name: one would be asked twice, and nobody could tell them apart. */
static bool is_named(const struct config_lanes *l, const char *name)
{
    for (unsigned i = 0; i < l->n; i++) {
        if (text_eq(text_from(l->lane[i].name), text_from(name))) {
            return true;
        }
    }
    return false;
}

enum status config_lanes_read(struct str list, struct config_lanes *out, struct err *err)
{
    struct str rest = list, item;
    *out = (struct config_lanes){.n = 0};
    while (rest.n > 0) {
        if (!text_split(&rest, ',', &item)) {
            item = rest;
            rest = (struct str){NULL, 0};
        }
        item = text_trim(item);
        if (out->n == CONFIG_LANES_MAX) {
            return refuse(err, item, "is the ninth lane; there may be eight");
        }
        enum status st = read_lane(item, &out->lane[out->n], err);
        if (st != STATUS_OK) {
            return st;
        }
        if (is_named(out, out->lane[out->n].name)) {
            return refuse(err, item, "is there twice");
        }
        out->n++;
    }
    return STATUS_OK;
}

void config_lanes_alone(struct str region, struct config_lanes *out)
{
    *out = (struct config_lanes){.n = 0};
    text_copy(region, out->lane[0].region, sizeof out->lane[0].region);
    put_id(&out->lane[0]);
}
