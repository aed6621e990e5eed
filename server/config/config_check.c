/* Settings whose text has a form of its own, or that do not go together. */
#include "server/config/config_private.h"

#include "server/config/network.h"
#include "server/base/url.h"

static enum status check_proxies(const struct config *c, struct err *err)
{
    struct str odd = network_odd(text_from(c->trusted_proxies));
    return odd.p ? err_set(err, STATUS_INVALID,
                           "TRUSTED_PROXIES: '%.*s' is no address or network (10.0.0.0/8)",
                           STR_ARG(odd))
                 : STATUS_OK;
}

/* A signature is worth nothing to whoever reads it, this key is: AWS's own SDK does not send it in clear
 * either (botocore 1.44). */
static enum status check_token(const struct config *c, struct err *err)
{
    struct url u;
    bool clear = url_cut(text_from(c->bedrock_endpoint_url), &u) && u.plain_http &&
                 !config_is_loopback(u.host);
    return clear && c->bedrock_api_key[0]
               ? err_set(
                     err, STATUS_INVALID,
                     "AWS_BEARER_TOKEN_BEDROCK: not sent to an http:// BEDROCK_ENDPOINT_URL that "
                     "is not loopback, where it would travel in clear; use https")
               : STATUS_OK;
}

/* Another account's lane is signed for with its role's keys: a Bedrock key is of one account. */
static enum status check_lanes(struct config *c, struct err *err)
{
    enum status st = config_lanes_read(text_from(c->bedrock_lanes), &c->lanes, err);
    if (st == STATUS_OK && c->lanes.n == 0) {
        config_lanes_alone(text_from(c->aws_region), &c->lanes);
    }
    if (st != STATUS_OK || c->lanes.n == 0) {
        return st;
    }
    if (!text_eq(text_from(c->lanes.lane[0].region), text_from(c->aws_region))) {
        return err_set(err, STATUS_INVALID,
                       "BEDROCK_LANES: its first lane is home, so AWS_REGION must be %s",
                       c->lanes.lane[0].region);
    }
    if (c->bedrock_endpoint_url[0]) {
        return err_set(err, STATUS_INVALID,
                       "BEDROCK_ENDPOINT_URL: not with BEDROCK_LANES, where each lane has its own "
                       "(REGION=URL)");
    }
    for (unsigned i = 0; i < c->lanes.n; i++) {
        struct url u;
        const struct config_lane *lane = &c->lanes.lane[i];
        bool clear = url_cut(lane->url, &u) && u.plain_http && !config_is_loopback(u.host);
        if (c->bedrock_api_key[0] && (lane->role.n > 0 || clear)) {
            return err_set(err, STATUS_INVALID,
                           "AWS_BEARER_TOKEN_BEDROCK: not for lane %s of BEDROCK_LANES, which %s",
                           lane->name, clear ? "is called in clear" : "has a role of its own");
        }
    }
    return STATUS_OK;
}

/* Said to Bedrock of every request: a slip would be a 400 to every client. */
static enum status check_terms(struct config *c, struct err *err)
{
    struct str guardrail = text_from(c->bedrock_guardrail);
    struct str project = text_from(c->bedrock_project);
    if (guardrail.n > 0 && !bedrock_terms_guardrail(guardrail, &c->guardrail)) {
        return err_set(
            err, STATUS_INVALID,
            "BEDROCK_GUARDRAIL: '%.80s' is not ID:VERSION or ID:VERSION:async (ID: as in "
            "the console, or an ARN; VERSION: a number or DRAFT)",
            c->bedrock_guardrail);
    }
    if (project.n > 0 && !bedrock_terms_project(project)) {
        return err_set(err, STATUS_INVALID,
                       "BEDROCK_PROJECT: '%.80s' is not the id or the ARN of a project",
                       c->bedrock_project);
    }
    if (!bedrock_terms_metadata(text_from(c->request_metadata), &c->metadata)) {
        return err_set(err, STATUS_INVALID,
                       "REQUEST_METADATA: '%.80s' is not a list of user, key, request",
                       c->request_metadata);
    }
    c->terms = guardrail.n > 0 || project.n > 0 || c->metadata != 0;
    return STATUS_OK;
}

enum status config_check(struct config *c, struct err *err)
{
    enum status status = check_proxies(c, err);
    if (status == STATUS_OK) {
        status = check_token(c, err);
    }
    if (status == STATUS_OK) {
        status = check_lanes(c, err);
    }
    return status == STATUS_OK ? check_terms(c, err) : status;
}
